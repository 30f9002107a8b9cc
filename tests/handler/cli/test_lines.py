"""handler/cli/lines.py: what a subscriber's messages amount to on a terminal."""

import pytest
from support.sids import call_sid

from handler.cli.lines import MAX_ENDED, CallLines, clock

CALL, OTHER = call_sid(1), call_sid(2)
MARK, OTHER_MARK = CALL[-6:], OTHER[-6:]


def result(
    text: str,
    *,
    seq: int | None = None,
    call: str = CALL,
    track: str = "inbound",
    start: float = 1.0,
) -> dict:
    """A final if it has a ``seq``, else an interim."""
    channel = {"alternatives": [{"transcript": text}]}
    head = {"type": "Results", "callSid": call, "track": track, "start": start}
    kept = {} if seq is None else {"seq": seq}
    return {**head, **kept, "is_final": seq is not None, "channel": channel}


def event(kind: str, *, seq: int = 1, call: str = CALL, **rest: object) -> dict:
    return {"type": kind, "callSid": call, "seq": seq, **rest}


def ended(*, seq: int, call: str = CALL) -> dict:
    return event("CallEnded", seq=seq, call=call, duration=3.0)


def receive(shown: CallLines, *messages: dict) -> list[str]:
    return [line.text for message in messages for line in shown.receive(message)]


def test_an_interim_is_shown_until_its_final_stands():
    shown = CallLines()
    assert shown.receive(result("hel")) == []
    assert shown.interims == ["00:01.0  caller  hel"]
    assert shown.receive(result("Hello.", seq=2)) == [("cyan", "00:01.0  caller  Hello.")]
    assert shown.interims == []
    assert shown.to_resume == {CALL: 2}


def test_an_empty_final_takes_the_interim_back():
    shown = CallLines()
    assert receive(shown, result("hm"), result("", seq=2)) == []
    assert shown.interims == []


@pytest.mark.parametrize(
    ("direction", "of_inbound", "of_outbound"),
    [
        (None, ("cyan", "caller"), ("magenta", "callee")),
        ("inbound", ("cyan", "caller"), ("magenta", "callee")),
        ("outbound-api", ("magenta", "callee"), ("cyan", "caller")),
        ("outbound-dial", ("magenta", "callee"), ("cyan", "caller")),
    ],
)
def test_who_speaks_follows_from_the_direction_of_the_call(direction, of_inbound, of_outbound):
    shown = CallLines()
    receive(shown, event("CallStarted", direction=direction))
    for seq, (track, (style, who)) in enumerate(
        [("inbound", of_inbound), ("outbound", of_outbound)], 2
    ):
        (line,) = shown.receive(result("Hi.", seq=seq, track=track))
        assert line == (style, f"00:01.0  {who}  Hi.")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (event("CallStarted", **{"from": "+1", "to": None}), "── call begins +1"),
        (event("CallStarted", **{"from": "+1", "to": "+2"}), "── call begins +1 → +2"),
        (event("CallResumed"), "── call resumes"),
        (
            event("Gap", start=61.0, end=62.5, track=None, reason="media-lost"),
            "── gap 01:01.0 to 01:02.5, both sides: media-lost",
        ),
        (
            event("Gap", start=0, end=1, track="outbound", reason="late-audio"),
            "── gap 00:00.0 to 00:01.0, callee: late-audio",
        ),
        (event("Recogniser", state="down", reason="why"), "── recogniser down: why"),
        (event("Recogniser", state="up", reason=None), "── recogniser up"),
        (ended(seq=1), "── call ended after 00:03.0"),
        ({"type": "Error", "callSid": CALL, "message": "no such call"}, "── no such call"),
    ],
)
def test_events_are_said_in_words(message, text):
    assert receive(CallLines(), message) == [text]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "Subscribed", "callSid": CALL, "first": 1, "last": 9},
        {"type": "CaughtUp", "callSid": CALL, "seq": 9},
        {"type": "Expired", "callSid": CALL, "first": 4},
        event("SomethingNew"),
    ],
)
def test_what_is_no_line_is_none(message):
    assert receive(CallLines(), message) == []


def test_the_end_of_one_call_leaves_what_is_said_in_the_others():
    shown = CallLines(several=True)
    receive(shown, result("one"), result("two", call=OTHER), ended(seq=5))
    assert shown.interims == [f"{OTHER_MARK}  00:01.0  caller  two"]
    assert (shown.has_ended(CALL), shown.has_ended(OTHER)) == (True, False)


def test_an_interim_behind_the_end_of_its_call_is_not_shown():
    shown = CallLines()
    receive(shown, ended(seq=5), result("late"))
    assert shown.interims == []


def test_lines_of_several_calls_are_marked_with_their_call():
    begun = receive(
        CallLines(several=True),
        event("CallStarted", **{"from": "+1"}),
        event("CallStarted", call=OTHER),
        result("Hello.", seq=2),
        result("Hi.", seq=2, call=OTHER),
    )
    assert begun == [
        f"{MARK}  ── call begins {CALL} +1",
        f"{OTHER_MARK}  ── call begins {OTHER}",
        f"{MARK}  00:01.0  caller  Hello.",
        f"{OTHER_MARK}  00:01.0  caller  Hi.",
    ]


def test_a_record_that_comes_again_makes_no_second_line():
    shown = CallLines(several=True)
    first = [event("CallStarted"), result("Hello.", seq=2), result("Hi.", seq=1, call=OTHER)]
    assert len(receive(shown, *first)) == 3
    assert all(shown.has(message) for message in first)
    assert receive(shown, *first) == []
    assert not shown.has(result("Bye.", seq=3))
    assert not shown.has(result("interim"))
    assert len(receive(shown, result("Bye.", seq=3))) == 1


def test_a_call_that_cannot_be_read_is_not_resumed():
    shown = CallLines(several=True)
    receive(shown, result("Hello.", seq=2), {"type": "Error", "callSid": CALL, "message": "gone"})
    assert shown.to_resume == {}


def test_what_was_being_said_is_dropped_with_the_connection():
    shown = CallLines()
    receive(shown, result("hel"))
    shown.drop_interims()
    assert shown.interims == []


def test_calls_that_have_ended_long_ago_are_forgotten():
    shown = CallLines(several=True)
    sids = [call_sid(number) for number in range(1, MAX_ENDED + 3)]
    receive(shown, result("Hello.", seq=1, call=sids[0]), *(ended(seq=1, call=s) for s in sids[1:]))
    assert [shown.has_ended(sid) for sid in sids[1:3]] == [False, True]
    assert shown.to_resume == {sids[0]: 1}


def test_seconds_are_rounded_before_they_are_split():
    assert clock(59.96) == "01:00.0"
