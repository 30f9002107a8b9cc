"""handler/forward/parcels.py: what is sent of a record, and of a call that has ended."""

import msgspec
import pytest
from support.sids import call_sid

from handler.forward import parcels
from handler.forward.lanes import Kept
from handler.forward.parcels import Extent

CALL = call_sid(1)


def record(seq: int, kind: str, **body: object) -> Kept:
    payload = msgspec.json.encode({"callSid": CALL, "seq": seq, **body})
    return Kept(seq + 100, seq, kind, payload)


NUMBERS = {"from": "+15550100001", "to": "+15550100002"}
STARTED = record(1, "event", type="CallStarted", direction="inbound", **NUMBERS)
SAID = record(
    2,
    "final",
    type="Results",
    track="inbound",
    start=1.0,
    duration=1.5,
    channel={"alternatives": [{"transcript": "Yes, please."}]},
)
ENDED = record(3, "event", type="CallEnded", reason="completed", duration=9.0)
FOREIGN = Kept(9, 9, "event", b"\xff")
WORD = {"word": "Yes", "start": 1.0, "end": 2.0}
TIMES = {"type": "Results", "track": "inbound", "start": 1.0, "duration": 1.0}


def said(*words: object, transcript: object = "Yes") -> dict[str, object]:
    return {"channel": {"alternatives": [{"transcript": transcript, "words": list(words)}]}}


def test_a_record_is_sent_as_it_is_under_a_name_of_its_own():
    assert parcels.of_record(CALL, SAID) == parcels.Parcel(f"{CALL}:2", CALL, SAID.payload)


def test_a_call_is_sent_whole_when_it_has_ended():
    payloads = [one.payload for one in (STARTED, SAID, FOREIGN, ENDED)]
    parcel = parcels.of_call(CALL, ENDED, payloads, first=1)
    assert (parcel.name, parcel.call_sid) == (f"{CALL}:3:transcript", CALL)
    assert parcel.extent == parcels.extent_of(parcel.body) == Extent(1, 3)
    document = msgspec.json.decode(parcel.body)
    assert (document["type"], document["from"]) == ("Transcript", "+15550100001")
    assert [turn["text"] for turn in document["turns"]] == ["Yes, please."]
    assert document["ended"] is True
    text = parcel.captions.decode()
    assert text.startswith("WEBVTT\n\n00:00:01.000 --> 00:00:02.500\n<v Caller>Yes, please.")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{}",
        b'{"type":"Results"',
        b'{"type":"Results"}',
        b'{"type":1}',
        b'{"type":"\xff"}',
        b'{"type":"Other","reason":"\xff"}',
        b'{"type":"Gap","start":1,"end":2,"reason":"\xff"}',
        b'{"type":"Other","deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        *map(
            msgspec.json.encode,
            [
                TIMES | {"channel": {"alternatives": []}},
                TIMES | {"channel": []},
                TIMES | said(transcript=7),
                TIMES | said(WORD, {"word": "Yes"}),
                TIMES | said(WORD | {"punctuated_word": 7}),
                TIMES | said(WORD) | {"start": "1"},
                TIMES | said(WORD) | {"track": []},
                {"type": "Gap", "start": 1.0},
                {"type": "CallStarted", "callerName": {}},
                {"type": "CallStarted", "direction": 7},
            ],
        ),
    ],
)
def test_what_cannot_be_read_is_left_out_and_nothing_else(payload):
    payloads = [STARTED.payload, payload, SAID.payload, payload, ENDED.payload]
    without = [STARTED.payload, SAID.payload, ENDED.payload]
    assert parcels.of_call(CALL, ENDED, payloads, first=1) == parcels.of_call(
        CALL, ENDED, without, first=1
    )
    assert parcels.numbers(payload) in (None, (None, None))
    assert not parcels.is_end(Kept(9, 9, "event", payload))


def test_what_of_a_word_can_be_read_is_told():
    one = msgspec.json.encode(TIMES | said(WORD | {"confidence": 0.9, "speaker": None}))
    document = msgspec.json.decode(parcels.of_call(CALL, ENDED, [one, ENDED.payload], first=2).body)
    (turn,) = document["turns"]
    assert turn["words"] == [WORD | {"confidence": 0.9, "speaker": None}]


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'{"first":"1","last":2}', b"\xff"])
def test_what_is_no_transcript_tells_of_nothing(body):
    assert parcels.extent_of(body) is None


def test_which_transcript_tells_of_what_another_does_not():
    assert Extent(1, 7).exceeds(Extent(1, 6))
    assert Extent(3, 7).exceeds(Extent(1, 6))
    assert Extent(1, 7).exceeds(Extent(2, 7))
    assert not Extent(1, 7).exceeds(Extent(1, 7))
    assert not Extent(1, 7).exceeds(Extent(3, 8))


def test_captions_say_that_the_beginning_is_lost():
    parcel = parcels.of_call(CALL, ENDED, [SAID.payload, ENDED.payload], first=2)
    assert b"NOTE [the beginning is no longer kept]" in parcel.captions


@pytest.mark.parametrize(
    ("one", "is_end"), [(STARTED, False), (SAID, False), (ENDED, True), (FOREIGN, False)]
)
def test_the_end_of_a_call_is_known_by_its_type(one, is_end):
    assert parcels.is_end(one) is is_end


def test_numbers_are_those_of_the_first_record():
    assert parcels.numbers(STARTED.payload) == ("+15550100001", "+15550100002")
    assert parcels.numbers(SAID.payload) is None
    assert parcels.numbers(FOREIGN.payload) is None
