"""broker/records.py: what is published, and how it is encoded."""

import json
from dataclasses import replace

import pytest
from support.sids import account_sid, call_sid

from broker import records
from broker.records import CallFacts, Record

CALL = CallFacts(
    call_sid=call_sid(1),
    account_sid=account_sid(1),
    stream_sid="MZ1",
    started_at=1000,
    from_="+1",
    to=None,
    direction="inbound",
)
AT = 1_795_341_600_123


def test_a_final_says_whose_it_is_before_what_deepgram_said():
    final = Record("final", "inbound", {"type": "Results", "start": 1.5, "channel": {"é": 1}})
    payload = records.encode_record(final, call_sid=CALL.call_sid, seq=7, epoch="i1-1", at=AT)
    assert payload.decode() == (
        f'{{"type":"Results","v":1,"callSid":"{CALL.call_sid}","seq":7,"epoch":"i1-1",'
        f'"track":"inbound","at":{AT},"start":1.5,"channel":{{"é":1}}}}'
    )


def test_an_event_has_a_track_only_if_it_says_so_itself():
    for record, track in (
        (records.recogniser("up", None), False),
        (records.gap(1, 2, None, "media-lost"), True),
    ):
        payload = records.encode_record(record, call_sid="CA", seq=1, epoch="e", at=AT)
        assert ("track" in json.loads(payload)) is track


def test_an_interim_says_which_record_came_before_it():
    body = {"type": "UtteranceEnd", "last_word_end": 2.0}
    payload = records.encode_interim(
        body, call_sid="CA", track="outbound", epoch="i1-1", after=6, at=AT
    )
    assert json.loads(payload) == {
        "type": "UtteranceEnd",
        "v": 1,
        "callSid": "CA",
        "epoch": "i1-1",
        "track": "outbound",
        "at": AT,
        "after": 6,
        "last_word_end": 2.0,
    }


def test_a_gap_is_never_without_length():
    for start, end in ((1.0, 1.0), (1.0, 1.0004), (1.0006, 1.0014), (2.0, 1.0)):
        body = records.gap(start, end, None, "broker-unreachable").body
        assert body["end"] - body["start"] == pytest.approx(0.001)


def test_events_of_a_call_have_times_in_milliseconds():
    assert records.gap(1.00049, 2.0006, "inbound", "late-audio").body == {
        "type": "Gap",
        "start": 1.0,
        "end": 2.001,
        "track": "inbound",
        "reason": "late-audio",
    }
    assert records.call_ended(63.4004, "completed", iter(["a", "b"])).body == {
        "type": "CallEnded",
        "duration": 63.4,
        "reason": "completed",
        "requestIds": ["a", "b"],
    }
    ended = records.call_ended(0.0, "completed", call_status="busy")
    assert ended.body["callStatus"] == "busy"
    assert records.recogniser("down", "why").body == {
        "type": "Recogniser",
        "state": "down",
        "reason": "why",
    }


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ({"alternatives": [{"transcript": "Yes, please.", "words": [{}, {}]}, {"words": [{}]}]}, 2),
        ({"alternatives": [{"transcript": "好的", "words": [{}, {}]}]}, 2),
        ({"alternatives": [{"transcript": "Yes, please. "}]}, 2),
        ({"alternatives": [{}]}, 0),
        ({"alternatives": []}, 0),
        ({}, 0),
        (None, 0),
        ({"alternatives": "none"}, 0),
    ],
)
def test_the_words_of_a_final_are_counted(channel, words):
    final = Record("final", "inbound", {"type": "Results", "channel": channel})
    assert records.words_of(final) == words
    assert records.words_in(json.dumps(channel).encode()) == words


def test_an_event_says_no_words():
    assert records.words_of(CALL.started()) == 0
    assert records.words_in(b"") == 0


def test_a_call_begins_with_its_facts_and_goes_on_with_a_stream():
    started, resumed = CALL.started(), CALL.resumed()
    assert (started.kind, started.track, started.type) == ("event", "call", "CallStarted")
    assert started.body == {
        "type": "CallStarted",
        "startedAt": 1000,
        "accountSid": CALL.account_sid,
        "streamSid": "MZ1",
        "from": "+1",
        "to": None,
        "direction": "inbound",
    }
    assert resumed.body == {"type": "CallResumed", "streamSid": "MZ1"}


def test_what_an_application_said_of_a_call_is_there_if_it_did():
    named = replace(CALL, caller_name="Ana", metadata={"order": "7"}, options="language=de")
    said = named.started().body
    assert said == CALL.started().body | {"callerName": "Ana", "metadata": {"order": "7"}}
    assert replace(CALL, callee_name="Ben").started().body["calleeName"] == "Ben"
