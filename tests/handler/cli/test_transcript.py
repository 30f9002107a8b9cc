"""handler/cli/transcript.py: what a subscriber's messages amount to on a terminal."""

import pytest
from support.sids import call_sid

from handler.cli.transcript import Transcript, clock

CALL = call_sid(1)


def result(
    text: str,
    *,
    final: bool,
    track: str = "inbound",
    start: float = 1.0,
    call: str = CALL,
    seq: int = 2,
) -> dict:
    channel = {"alternatives": [{"transcript": text}]}
    head = {"type": "Results", "callSid": call, "track": track, "start": start}
    return {**head, "is_final": final, "channel": channel, **({"seq": seq} if final else {})}


def test_an_interim_is_shown_until_its_final_stands():
    transcript = Transcript()
    assert list(transcript.receive(result("hel", final=False))) == []
    assert list(transcript.interim.values()) == ["00:01.0  caller  hel"]
    assert list(transcript.receive(result("Hello.", final=True))) == [
        ("cyan", "00:01.0  caller  Hello.")
    ]
    assert transcript.interim == {}
    assert transcript.last_seq == {CALL: 2}


def test_an_empty_final_takes_the_interim_back():
    transcript = Transcript()
    list(transcript.receive(result("hm", final=False)))
    assert list(transcript.receive(result("", final=True))) == []
    assert transcript.interim == {}


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ({"type": "CallStarted", "from": "+1", "to": None}, "── call begins +1"),
        ({"type": "CallResumed"}, "── call resumes"),
        (
            {"type": "Gap", "start": 61.0, "end": 62.5, "track": None, "reason": "media-lost"},
            "── gap 01:01.0 to 01:02.5, both sides: media-lost",
        ),
        ({"type": "Recogniser", "state": "down", "reason": "why"}, "── recogniser down: why"),
        ({"type": "Recogniser", "state": "up", "reason": None}, "── recogniser up"),
        ({"type": "Expired", "first": 3}, "── the beginning is no longer kept"),
        ({"type": "CallEnded", "duration": 3.0}, "── call ended after 00:03.0"),
        (
            {"type": "Waiting", "seconds": 30.0},
            "── nothing is known of the call yet: waiting 30 s for it",
        ),
    ],
)
def test_events_are_said_in_words(message, line):
    assert [row for _, row in Transcript().receive({"callSid": CALL, **message})] == [line]


def test_a_call_that_moved_looks_as_if_nothing_had_been():
    moved = {"type": "CallResumed", "callSid": CALL, "seq": 2, "reason": "moved"}
    assert list(Transcript().receive(moved)) == []


def test_the_sides_have_the_names_that_the_call_gives_them():
    transcript = Transcript()
    started = {"type": "CallStarted", "callSid": CALL, "from": "+1", "to": "+2"}
    started |= {"direction": "outbound-api", "callerName": "Support", "calleeName": "Ana"}
    said = [*transcript.receive(started), *transcript.receive(result("Yes?", final=True))]
    assert [row for _, row in said] == [
        "── call begins Support +1 → Ana +2",
        "00:01.0  Ana     Yes?",
    ]


def test_a_name_without_a_number_is_told_too():
    started = {"type": "CallStarted", "callSid": CALL, "calleeName": "Ana"}
    assert [row for _, row in Transcript().receive(started)] == ["── call begins Ana"]


@pytest.mark.parametrize("several", [False, True])
def test_what_others_wrote_moves_no_cursor(several):
    transcript = Transcript(several=several)
    harm = "\x1b[2J\x9b1A\u202eevil\r\n\ud800"
    messages = [
        {"type": "CallStarted", "callSid": CALL, "from": harm, "to": "+1", "calleeName": "\x1b"},
        result(harm, final=True),
        {"type": "Gap", "start": 1, "end": 2, "track": None, "reason": harm, "callSid": CALL},
        {"type": "Recogniser", "state": "down", "reason": harm, "callSid": CALL},
        {"type": "Error", "message": harm, "callSid": CALL},
        result(harm, final=False),
    ]
    said = [row for message in messages for _, row in transcript.receive(message)]
    rows = [*said, *transcript.interim.values(), transcript.error or ""]
    assert "".join(rows).count("evil") == len(messages)
    assert "".join(rows).isprintable()


def test_seconds_are_rounded_before_they_are_split():
    assert clock(59.96) == "01:00.0"


def started(direction: str | None, call: str = CALL) -> dict:
    return {"type": "CallStarted", "callSid": call, "seq": 1, "direction": direction}


@pytest.mark.parametrize(
    ("direction", "parties"),
    [
        ("inbound", ["caller", "callee"]),
        ("outbound-api", ["callee", "caller"]),
        ("outbound-dial", ["callee", "caller"]),
        (None, ["caller", "callee"]),
    ],
)
def test_the_sides_have_the_names_that_the_direction_gives_them(direction, parties):
    transcript = Transcript()
    list(transcript.receive(started(direction)))
    said = [
        row.split()[1]
        for number, track in enumerate(("inbound", "outbound"), 2)
        for _, row in transcript.receive(result("Hi.", final=True, track=track, seq=number))
    ]
    assert said == parties


def test_the_end_of_a_call_leaves_what_others_say():
    transcript = Transcript(several=True)
    other = call_sid(2)
    for call in (CALL, other):
        list(transcript.receive(result("hel", final=False, call=call)))
    list(transcript.receive({"type": "CallEnded", "callSid": CALL, "seq": 3, "duration": 1.0}))
    assert [call for call, _ in transcript.interim] == [other]
    assert transcript.over == set()


def test_lines_of_several_calls_are_told_apart_and_those_of_one_are_not_marked():
    message = result("Hello.", final=True)
    assert [row for _, row in Transcript(several=True).receive(message)] == [
        f"…{CALL[-6:]}  00:01.0  caller  Hello."
    ]
    assert [row for _, row in Transcript().receive(message)] == ["00:01.0  caller  Hello."]


def test_what_comes_again_after_a_broken_connection_is_passed_over():
    transcript = Transcript()
    again = [started("inbound"), result("Hello.", final=True)]
    assert [len(list(transcript.receive(message))) for message in again] == [1, 1]
    assert [transcript.is_known(message) for message in again] == [True, True]
    assert [len(list(transcript.receive(message))) for message in again] == [0, 0]
    caught_up = {"type": "CaughtUp", "callSid": CALL, "seq": 2}
    assert not transcript.is_known(caught_up)
    assert len(list(transcript.receive(result("More.", final=True, seq=3)))) == 1


def test_a_refusal_is_kept_for_whoever_asked():
    transcript = Transcript()
    assert list(transcript.receive({"type": "Error", "message": "no such call"})) == []
    assert transcript.error == "no such call"


def test_a_call_that_goes_on_after_its_end_is_not_over():
    transcript = Transcript()
    list(transcript.receive({"type": "CallEnded", "callSid": CALL, "seq": 3, "duration": 1.0}))
    over = {"type": "Over", "callSid": CALL, "seq": 3}
    assert not transcript.is_known(over)
    list(transcript.receive(over))
    assert transcript.over == {CALL}
    list(transcript.receive({"type": "CallResumed", "callSid": CALL, "seq": 4}))
    assert transcript.over == set()


def test_a_call_that_goes_on_is_resumed_after_its_newest_record():
    transcript = Transcript(several=True)
    for call in (CALL, call_sid(2), call_sid(3)):
        list(transcript.receive(result("Hello.", final=True, call=call, seq=7)))
    for call in (CALL, call_sid(2)):
        list(transcript.receive({"type": "CallEnded", "callSid": call, "seq": 8, "duration": 3.0}))
    list(transcript.receive({"type": "Over", "callSid": CALL, "seq": 8}))
    assert transcript.to_resume == {call_sid(2): 8, call_sid(3): 7}


def test_a_call_of_a_number_that_cannot_be_read_is_said_so_and_given_up_alone():
    transcript = Transcript(several=True)
    other = call_sid(2)
    for call in (CALL, other):
        list(transcript.receive(result("Hello.", final=True, call=call)))
        list(transcript.receive(result("and", final=False, call=call)))
    error = {"type": "Error", "callSid": CALL, "code": 4404, "message": "no such call"}
    assert list(transcript.receive(error)) == [("yellow", f"…{CALL[-6:]}  ── no such call")]
    assert (transcript.error, transcript.to_resume) == (None, {other: 2})
    assert list(transcript.interim) == [(other, "inbound")]


def test_what_says_nothing_shows_nothing():
    transcript = Transcript()
    silent: list[dict] = [
        {"type": "UtteranceEnd", "callSid": CALL, "track": "inbound"},
        {"type": "Subscribed", "callSid": CALL, "first": 1, "last": 2},
        result("", final=False),
    ]
    assert [list(transcript.receive(message)) for message in silent] == [[], [], []]
    assert transcript.interim == {}
