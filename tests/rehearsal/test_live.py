"""What a subscriber's messages amount to on a terminal."""

import pytest

from rehearsal.live import Display, Transcript, clock


def results(track: str, text: str, *, start: float = 1.0, final: bool = True) -> dict:
    return {
        "type": "Results",
        "track": track,
        "start": start,
        "is_final": final,
        "channel": {"alternatives": [{"transcript": text}]},
    }


CALL = [
    {"type": "CallStarted", "from": "+15550100001", "to": "+15550100002"},
    results("inbound", "hel", final=False),
    results("inbound", "Hello.", start=1.26),
    results("outbound", "yes", start=61.0, final=False),
    {"type": "Gap", "start": 2, "end": 63.3, "track": None, "reason": "media-lost"},
    {"type": "Recogniser", "state": "down", "reason": "HTTP 503"},
    {"type": "CallResumed"},
    {"type": "CallResumed", "reason": "moved"},
    results("outbound", "", start=61.0),
    {"type": "SpeechStarted"},
    {"type": "CallEnded", "duration": 115.9},
]
LINES = [
    "── call begins +15550100001 → +15550100002",
    "00:01.3  caller  Hello.",
    "── gap 00:02.0 to 01:03.3, both sides: media-lost",
    "── recogniser down: HTTP 503",
    "── call resumes",
    "── call ended after 01:55.9",
]


def test_what_stands_becomes_a_line():
    transcript = Transcript()
    assert [line for message in CALL for _, line in transcript.receive(message)] == LINES
    assert transcript.said == {"inbound": ["Hello."], "outbound": []}
    assert transcript.ended


def test_what_is_being_said_is_replaced_until_it_stands_or_is_retracted():
    transcript = Transcript()
    list(transcript.receive(results("inbound", "hel", final=False)))
    list(transcript.receive(results("inbound", "hello the", final=False)))
    list(transcript.receive(results("outbound", "yes", final=False)))
    assert transcript.interims == {
        "inbound": "00:01.0  caller  hello the",
        "outbound": "00:01.0  callee  yes",
    }
    list(transcript.receive(results("inbound", "Hello there.")))
    list(transcript.receive(results("outbound", "")))
    assert transcript.interims == {}


@pytest.mark.parametrize(
    ("direction", "sides"),
    [
        (None, ["caller", "callee"]),
        ("inbound", ["caller", "callee"]),
        ("outbound-api", ["callee", "caller"]),
        ("outbound-dial", ["callee", "caller"]),
    ],
)
def test_who_speaks_depends_on_who_made_the_call(direction, sides):
    transcript = Transcript()
    list(transcript.receive({"type": "CallStarted", "direction": direction}))
    for track, side in zip(("inbound", "outbound"), sides, strict=True):
        gap = {"type": "Gap", "start": 0, "end": 1, "track": track, "reason": "media-lost"}
        told = [*transcript.receive(results(track, "Hello.")), *transcript.receive(gap)]
        assert [line for _, line in told] == [
            f"00:01.0  {side}  Hello.",
            f"── gap 00:00.0 to 00:01.0, {side}: media-lost",
        ]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "00:00.0"), (59.96, "01:00.0"), (3599.9, "59:59.9")]
)
def test_the_clock_carries(seconds, expected):
    assert clock(seconds) == expected


def test_elsewhere_than_on_a_terminal_only_lines_that_stand_are_printed(capsys):
    transcript = Transcript()
    long = results("inbound", "word " * 60)
    with Display() as display:
        for message in [*CALL, long]:
            display.show(transcript, message)
    printed = capsys.readouterr().out.splitlines()
    assert printed[:-1] == LINES
    assert printed[-1].count("word") == 60
