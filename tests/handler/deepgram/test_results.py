"""handler/deepgram/results.py: of a result, each field is read on its own."""

import copy
import dataclasses
from typing import Any

import pytest
from support import schemas

from handler.audio.mulaw import Track
from handler.deepgram.results import UnreadableResult, read_results

WORDS: list[dict[str, Any]] = [
    {"word": "lost", "start": 2.0, "end": 2.5, "confidence": 0.97, "punctuated_word": "Lost"},
    {"word": "words", "start": 2.5, "end": 3.0, "confidence": 0.97, "punctuated_word": "words."},
]
RESULTS: dict[str, Any] = {
    "type": "Results",
    "channel_index": [0, 2],
    "start": 2.0,
    "duration": 1.0,
    "is_final": True,
    "speech_final": True,
    "channel": {
        "alternatives": [{"transcript": "Lost words.", "confidence": 0.97, "words": WORDS}]
    },
    "metadata": {"request_id": "r", "model_info": {}, "model_uuid": "m"},
    "from_finalize": False,
}
OURS = {"v": 1, "callSid": "CA" + "0" * 32, "seq": 1, "epoch": "e", "track": "inbound", "at": 1}


def body(*path: str | int, to: object = None, out: bool = False) -> dict[str, Any]:
    """A message with one field changed, or left out."""
    message = copy.deepcopy(RESULTS)
    part: Any = message
    for name in path[:-1]:
        part = part[name]
    if out:
        del part[path[-1]]
    else:
        part[path[-1]] = to
    return message


ALTERNATIVE = ("channel", "alternatives", 0)
WORD = (*ALTERNATIVE, "words", 0)


def test_one_that_is_as_it_should_be_is_left_as_it_is():
    message = copy.deepcopy(RESULTS)
    reading = read_results(message)
    assert message == RESULTS
    assert (reading.track, reading.start, reading.end) == (Track.INBOUND, 2.0, 3.0)
    assert (reading.is_final, reading.speech_final) == (True, True)
    assert (reading.transcript, reading.words) == ("Lost words.", WORDS)
    assert reading.left_out == []


def test_one_odd_field_changes_nothing_of_what_is_read_beside_it():
    """That a message is read field by field makes no other reading of it."""
    odd = body("from_finalize")
    assert dataclasses.replace(read_results(odd), left_out=[]) == read_results(body("start", to=2))


@pytest.mark.parametrize(
    ("message", "left_out"),
    [
        (body("speech_final"), ["speech_final"]),
        (body("speech_final", to="yes"), ["speech_final"]),
        (body("channel_index", to=[0, 2, 0]), ["channel_index"]),
        (body("channel_index", to=0), ["channel_index"]),
        (body("from_finalize"), ["from_finalize"]),
        (body("from_finalize", out=True), []),
        (body("metadata"), ["metadata"]),
        (body("metadata", out=True), []),
        (body("metadata", "request_id", to=5), ["request_id"]),
        (body("metadata", "model_info", to="nova"), ["model_info"]),
        (body(*ALTERNATIVE, "confidence"), ["confidence"]),
        (body(*ALTERNATIVE, "confidence", to=True), ["confidence"]),
        (body(*ALTERNATIVE, "words"), ["words"]),
        (body(*ALTERNATIVE, "words", out=True), []),
        (body(*WORD), ["words"]),
        (body(*WORD, "word"), ["words"]),
        (body(*WORD, "punctuated_word"), ["punctuated_word"]),
        (body(*WORD, "speaker", to="Ana"), ["speaker"]),
        (body(*WORD, "confidence", to="high"), ["confidence"]),
        (body(*WORD, "start", to=-0.01), ["words.start"]),
        (body(*WORD, "start", to="2.0"), ["words.start"]),
        (body(*WORD, "end", out=True), ["words.end"]),
        (body("channel", "alternatives", to=[RESULTS["channel"]["alternatives"][0], None]),
         ["alternatives"]),
    ],
)  # fmt: skip
def test_a_side_field_that_is_odd_costs_no_words_and_the_rest_keeps_the_contract(message, left_out):
    reading = read_results(message)
    assert (reading.track, reading.start, reading.end) == (Track.INBOUND, 2.0, 3.0)
    assert reading.transcript == "Lost words."
    assert reading.is_final is True
    assert reading.left_out == left_out
    assert message["channel"]["alternatives"][0]["transcript"] == "Lost words."
    schemas.check(message | OURS)


@pytest.mark.parametrize(
    ("message", "times"),
    [
        (body(*WORD, "start", to=-0.01), [(2.0, 2.5), (2.5, 3.0)]),
        (body(*WORD, "start"), [(2.0, 2.5), (2.5, 3.0)]),
        (body(*WORD, "end"), [(2.0, 2.5), (2.5, 3.0)]),
        (body(*ALTERNATIVE, "words", 1, "start"), [(2.0, 2.5), (2.5, 3.0)]),
        (body(*ALTERNATIVE, "words", 1, "end", to=1e9), [(2.0, 2.5), (2.5, 3.0)]),
        (body(*ALTERNATIVE, "words", 1, "end", to="3"), [(2.0, 2.5), (2.5, 3.0)]),
    ],
)
def test_a_words_time_that_cannot_be_read_is_its_neighbours(message, times):
    assert [(word["start"], word["end"]) for word in read_results(message).words] == times


def test_a_segment_may_begin_a_little_before_the_zero():
    reading = read_results(body("start", to=-0.02))
    assert (reading.start, reading.end) == (0.0, 0.98)


@pytest.mark.parametrize(
    ("is_final", "speech_final", "read"),
    [
        (None, False, (None, False)),
        ("true", False, (None, False)),
        (None, True, (True, True)),  # what ends an utterance is final
        (False, None, (False, False)),
    ],
)
def test_one_that_does_not_say_whether_it_is_final_is_in_doubt(is_final, speech_final, read):
    message = body("is_final", to=is_final) | {"speech_final": speech_final}
    reading = read_results(message)
    assert (reading.is_final, reading.speech_final) == read
    assert (message["is_final"], message["speech_final"]) == (bool(read[0]), read[1])
    assert read_results(body("is_final", out=True)).is_final is False


@pytest.mark.parametrize(
    ("message", "problem", "track", "span"),
    [
        (body("channel_index"), "channel_index", None, (2.0, 3.0)),
        (body("channel_index", to=[True]), "channel_index", None, (2.0, 3.0)),
        (body("start"), "start, duration", Track.INBOUND, None),
        (body("start", to=-1), "start, duration", Track.INBOUND, None),
        (body("duration", to=1e300), "start, duration", Track.INBOUND, None),
        (body(*ALTERNATIVE, "transcript"), "transcript", Track.INBOUND, (2.0, 3.0)),
        (body("channel", "alternatives", to=[]), "transcript", Track.INBOUND, (2.0, 3.0)),
        (body("channel", to=[]), "transcript", Track.INBOUND, (2.0, 3.0)),
        ({"type": "Results", "is_final": True},
         "channel_index, start, duration, transcript", None, None),
    ],
)  # fmt: skip
def test_one_without_track_times_or_text_says_what_it_lacks_and_what_is_known(
    message, problem, track, span
):
    with pytest.raises(UnreadableResult) as caught:
        read_results(message)
    error = caught.value
    assert (str(error), error.is_final, error.track, error.span) == (problem, True, track, span)


def test_one_that_is_surely_no_final_leaves_no_hole():
    with pytest.raises(UnreadableResult) as caught:
        read_results(body("start") | {"is_final": False, "speech_final": False})
    assert caught.value.is_final is False
