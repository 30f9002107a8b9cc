"""handler/twilio/start.py: each field of a start is read on its own."""

from typing import Any

import pytest

from handler.audio.mulaw import TRACKS, Track
from handler.errors import UnusableStart
from handler.twilio.start import MediaFormat, StartDetails, read_start

ACCOUNT, CALL, STREAM = "AC" + "0" * 32, "CA" + "2" * 32, "MZ" + "1" * 32
START: dict[str, Any] = {
    "accountSid": ACCOUNT,
    "callSid": CALL,
    "streamSid": STREAM,
    "tracks": ["inbound", "outbound"],
    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    "customParameters": {"from": "+15551230000"},
}


def test_a_start_holds_the_facts_of_the_call():
    assert read_start(START) == StartDetails(
        ACCOUNT, CALL, STREAM, MediaFormat(), TRACKS, {"from": "+15551230000"}, ()
    )


@pytest.mark.parametrize("name", ["tracks", "mediaFormat", "customParameters"])
@pytest.mark.parametrize("missing", [None, "left out"])
def test_what_twilio_leaves_out_is_as_it_documents(name, missing):
    rest = {field: value for field, value in START.items() if field != name}
    read = read_start(rest if missing else {**rest, name: None})
    assert (read.account_sid, read.call_sid, read.stream_sid) == (ACCOUNT, CALL, STREAM)
    assert (read.media_format, read.tracks, read.unusable) == (MediaFormat(), TRACKS, ())


@pytest.mark.parametrize(
    ("given", "read", "unusable"),
    [
        ({"attempt": 3}, {"attempt": "3"}, ()),
        ({"from": "+1555", "beta": True}, {"from": "+1555"}, ("beta",)),
        ({"from": "+1555", "a": None, "b": [], "c": {}}, {"from": "+1555"}, ("a", "b", "c")),
        ({"share": 0.5, "to": "x"}, {"to": "x"}, ("share",)),
        ({"note": "x" * 496, "to": "y"}, {"to": "y"}, ("note",)),
        ({"note": "x" * 495}, {"note": "x" * 495}, ()),
        ({"n" * 501: ""}, {}, ("n" * 40,)),
    ],
)
def test_a_parameter_that_cannot_be_used_costs_no_other(given, read, unusable):
    start = read_start({**START, "customParameters": given})
    assert start.custom_parameters == read
    assert start.unusable == tuple(f"customParameters.{name}" for name in unusable)


@pytest.mark.parametrize("given", [[], "from", 5])
def test_parameters_that_are_none_are_left_out(given):
    start = read_start({**START, "customParameters": given})
    assert (start.custom_parameters, start.unusable) == ({}, ("customParameters",))


@pytest.mark.parametrize(
    ("given", "tracks", "unusable"),
    [
        (["inbound"], (Track.INBOUND,), ()),
        (["outbound", "inbound"], TRACKS, ()),
        (["outbound_track"], (Track.OUTBOUND,), ()),
        (["inbound_track"], (Track.INBOUND,), ()),
        ("both_tracks", TRACKS, ()),
        ("Inbound", (Track.INBOUND,), ()),
        ([], TRACKS, ()),
        (["inbound", 5, "third"], (Track.INBOUND,), ("tracks",)),
        ({"a": 1}, TRACKS, ("tracks",)),
        (["x"] * 100, TRACKS, ("tracks",)),
    ],
)
def test_tracks_are_those_that_are_named_or_both(given, tracks, unusable):
    start = read_start({**START, "tracks": given})
    assert (start.tracks, start.unusable) == (tracks, unusable)


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ({}, MediaFormat()),
        ({"encoding": "AUDIO/X-MULAW "}, MediaFormat()),
        ({"sampleRate": "8000", "channels": "1"}, MediaFormat()),
        ({"encoding": None, "sampleRate": None}, MediaFormat()),
        ({"encoding": "audio/x-l16", "sampleRate": 16000}, MediaFormat("audio/x-l16", 16000, 1)),
        ({"channels": 2}, MediaFormat(channels=2)),
    ],
)
def test_a_format_is_what_is_said_and_else_the_documented_one(given, form):
    assert read_start({**START, "mediaFormat": given}).media_format == form


def test_the_name_of_the_stream_stands_twice():
    rest = {field: value for field, value in START.items() if field != "streamSid"}
    assert read_start(rest, STREAM).stream_sid == STREAM
    assert read_start({**START, "streamSid": "MZ1"}, STREAM).stream_sid == STREAM
    assert read_start(START, "MZ" + "f" * 32).stream_sid == STREAM


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (None, "start is missing"),
        ("start", "start is no object"),
        ({**START, "accountSid": ""}, "start.accountSid is '', not AC and 32 hexadecimal digits"),
        ({**START, "accountSid": None}, "start.accountSid is missing"),
        ({**START, "callSid": "CA1"}, "start.callSid is 'CA1', not CA and 32 hexadecimal digits"),
        ({**START, "callSid": CALL + "\n"}, f"start.callSid is {CALL + chr(10)!r}, not CA and"),
        ({**START, "callSid": [1]}, "start.callSid is 'list', not CA and 32"),
        ({**START, "callSid": "x" * 99}, f"start.callSid is {'x' * 40!r}, not CA and"),
        ({**START, "streamSid": 7}, "start.streamSid is 'int', not MZ and"),
    ],
)
def test_what_the_call_cannot_do_without_is_refused_by_its_name(start, words):
    with pytest.raises(UnusableStart) as caught:
        read_start(start, "MZ1")
    assert caught.value.detail.startswith(words)
    assert (caught.value.kind, caught.value.close_code) == ("bad-start", 1008)
    assert len(caught.value.detail) < 120  # it is a reason of a close frame


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("mulaw", "start.mediaFormat is no object"),
        ({"encoding": 5}, "start.mediaFormat.encoding is no text"),
        ({"sampleRate": "8k"}, "start.mediaFormat.sampleRate is no number"),
        ({"channels": [1]}, "start.mediaFormat.channels is no number"),
    ],
)
def test_a_format_that_cannot_be_read_is_refused_as_one_that_is_another(given, words):
    with pytest.raises(UnusableStart) as caught:
        read_start({**START, "mediaFormat": given})
    assert (caught.value.detail, caught.value.close_code) == (words, 1003)
