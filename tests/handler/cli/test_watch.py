"""handler/cli/watch.py: what a subscriber's messages amount to on a terminal."""

import pytest
from support.sids import call_sid

from handler.cli.watch import Transcript, clock

CALL = call_sid(1)


def result(text: str, *, final: bool, track: str = "inbound", start: float = 1.0) -> dict:
    channel = {"alternatives": [{"transcript": text}]}
    head = {"type": "Results", "callSid": CALL, "track": track, "start": start}
    return {**head, "is_final": final, "channel": channel, **({"seq": 2} if final else {})}


def test_an_interim_is_shown_until_its_final_stands():
    transcript = Transcript()
    assert list(transcript.take(result("hel", final=False))) == []
    assert list(transcript.interim.values()) == ["00:01.0  caller  hel"]
    assert list(transcript.take(result("Hello.", final=True))) == [
        ("cyan", "00:01.0  caller  Hello.")
    ]
    assert transcript.interim == {}
    assert transcript.last_seq == {CALL: 2}


def test_an_empty_final_takes_the_interim_back():
    transcript = Transcript()
    list(transcript.take(result("hm", final=False)))
    assert list(transcript.take(result("", final=True))) == []
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
        ({"type": "CallEnded", "duration": 3.0}, "── call ended after 00:03.0"),
    ],
)
def test_events_are_said_in_words(message, line):
    assert [row for _, row in Transcript().take({"callSid": CALL, **message})] == [line]


def test_seconds_are_rounded_before_they_are_split():
    assert clock(59.96) == "01:00.0"
