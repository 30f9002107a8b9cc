"""handler/cli/transcript.py: what a subscriber's messages amount to on a terminal."""

import pytest
from support.messages import (
    CALL,
    Body,
    ended,
    error,
    final,
    gap,
    interim,
    message,
    over,
    record,
    resumed,
    started,
)
from support.sids import call_sid

from handler.cli.transcript import Transcript, clock

OTHER = call_sid(2)


def rows(transcript: Transcript, *bodies: Body) -> list[str]:
    return [row for body in bodies for _, row in transcript.receive(message(body))]


def test_an_interim_is_shown_until_its_final_stands():
    transcript = Transcript()
    assert rows(transcript, interim("hel")) == []
    assert list(transcript.interim.values()) == ["00:01.0  caller  hel"]
    assert list(transcript.receive(message(final("Hello.", 2)))) == [
        ("cyan", "00:01.0  caller  Hello.")
    ]
    assert transcript.interim == {}


@pytest.mark.parametrize("empty", [interim(""), interim("", is_final=True), final("", 2)])
def test_an_empty_result_takes_the_interim_back(empty):
    transcript = Transcript()
    assert rows(transcript, interim("hm"), empty) == []
    assert transcript.interim == {}


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (started(from_="+1"), "── call begins +1"),
        (resumed(2), "── call resumes"),
        (gap(2), "── gap 01:01.0 to 01:02.5, both sides: media-lost"),
        (gap(2, track="outbound"), "── gap 01:01.0 to 01:02.5, callee: media-lost"),
        (record("Recogniser", 2, state="down", reason="why"), "── recogniser down: why"),
        (record("Recogniser", 2, state="up", reason=None), "── recogniser up"),
        ({"type": "Expired", "callSid": CALL, "first": 3}, "── the beginning is no longer kept"),
        (ended(2), "── call ended after 00:03.0"),
        (
            {"type": "Waiting", "callSid": CALL, "seconds": 30.0},
            "── nothing is known of the call yet: waiting 30 s for it",
        ),
    ],
)
def test_events_are_said_in_words(body, line):
    assert rows(Transcript(), body) == [line]


def test_a_call_that_moved_looks_as_if_nothing_had_been():
    assert rows(Transcript(), resumed(2, reason="moved")) == []


def test_the_sides_have_the_names_that_the_call_gives_them():
    names: Body = {"callerName": "Support", "calleeName": "Ana"}
    begun = started(from_="+1", to="+2", direction="outbound-api", **names)
    assert rows(Transcript(), begun, final("Yes?", 2)) == [
        "── call begins Support +1 → Ana +2",
        "00:01.0  Ana     Yes?",
    ]


def test_a_name_without_a_number_is_told_too():
    assert rows(Transcript(), started(calleeName="Ana")) == ["── call begins Ana"]


@pytest.mark.parametrize("several", [False, True])
def test_what_others_wrote_moves_no_cursor(several):
    transcript = Transcript(several=several)
    harm = "\x1b[2J\x9b1A\u202eevil\r\n\ud800"
    bodies = [
        started(from_=harm, to="+1", calleeName="\x1b"),
        final(harm, 2),
        gap(3, reason=harm),
        record("Recogniser", 4, state="down", reason=harm),
        error(4404, harm),
        interim(harm),
    ]
    told = [*rows(transcript, *bodies), *transcript.interim.values()]
    assert "".join(told).count("evil") == len(bodies)
    assert "".join(told).isprintable()


def test_seconds_are_rounded_before_they_are_split():
    assert clock(59.96) == "01:00.0"


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
    begun = started(direction=direction)
    said = [final("Hi.", 2, track="inbound"), final("Hi.", 3, track="outbound")]
    assert [row.split()[1] for row in rows(Transcript(), begun, *said)[1:]] == parties


def test_the_end_of_a_call_leaves_what_others_say():
    transcript = Transcript(several=True)
    rows(transcript, interim("hel"), interim("hel", call=OTHER), ended(3))
    assert [call for call, _ in transcript.interim] == [OTHER]


def test_lines_of_several_calls_are_told_apart_and_those_of_one_are_not_marked():
    said = final("Hello.", 2)
    marked = f"…{CALL[-6:]}  00:01.0  caller  Hello."
    assert rows(Transcript(several=True), said) == [marked]
    assert rows(Transcript(), said) == ["00:01.0  caller  Hello."]


def test_a_call_of_a_number_that_cannot_be_read_is_said_so_and_given_up_alone():
    transcript = Transcript(several=True)
    rows(transcript, interim("and"), interim("and", call=OTHER))
    refusal = message(error(4404, "no such call"))
    assert list(transcript.receive(refusal)) == [("yellow", f"…{CALL[-6:]}  ── no such call")]
    assert list(transcript.interim) == [(OTHER, "inbound")]


def test_what_says_nothing_shows_nothing():
    transcript = Transcript()
    silent: list[Body] = [
        {"type": "UtteranceEnd", "callSid": CALL, "track": "inbound"},
        {"type": "Subscribed", "callSid": CALL, "from": None, "to": None, "first": 1, "last": 2},
        {"type": "Calls", "calls": []},
        error(4401, "token expired", call=None),
        interim(""),
        over(2),
    ]
    assert rows(transcript, *silent) == []
    assert transcript.interim == {}
