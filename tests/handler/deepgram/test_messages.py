"""handler/deepgram/messages.py: Deepgram's messages, moved to the call clock."""

import copy
import json
from typing import Any

import pytest

from handler.audio.mixer import Chunk
from handler.audio.mulaw import Track
from handler.deepgram import messages
from handler.deepgram.messages import Ignored, Metadata, Result, Signal
from handler.deepgram.replay import SentAudio
from handler.deepgram.results import UnreadableResult

RESULTS: dict[str, Any] = {
    "type": "Results",
    "channel_index": [1, 2],
    "duration": 1.04,
    "start": 3.2,
    "is_final": True,
    "speech_final": True,
    "channel": {
        "alternatives": [
            {
                "transcript": "Yes, please.",
                "confidence": 0.9921875,
                "words": [
                    {"word": "yes", "start": 3.44, "end": 3.68, "punctuated_word": "Yes,"},
                    {"word": "please", "start": 3.68, "end": 4.0, "punctuated_word": "please."},
                ],
            }
        ]
    },
    "metadata": {"request_id": "01a0", "model_info": {"name": "general-nova-3"}},
    "from_finalize": False,
    "new_field": [1],
}


def clock(offset: int) -> SentAudio:
    """A connection whose first byte lies ``offset`` seconds after the zero of the call."""
    sent = SentAudio()
    sent.add(Chunk(offset * 8000, bytes(2 * 8000 * 60)))
    return sent


def parse(message: object, offset: int = 0) -> messages.Message:
    return messages.parse(json.dumps(message), clock(offset))


def test_a_result_of_a_first_connection_keeps_its_times_and_unknown_fields():
    result = parse(RESULTS)
    assert isinstance(result, Result)
    assert result.body == RESULTS
    assert (result.track, result.is_final, result.speech_final) == (Track.OUTBOUND, True, True)
    assert result.transcript == "Yes, please."
    assert (result.start, result.end) == (3.2, pytest.approx(4.24))


def test_all_times_of_a_later_connection_are_moved():
    body = parse(RESULTS, offset=100).body
    expected = copy.deepcopy(RESULTS)
    expected["start"] = 103.2
    words = expected["channel"]["alternatives"][0]["words"]
    words[0] |= {"start": 103.44, "end": 103.68}
    words[1] |= {"start": 103.68, "end": 104.0}
    assert body == expected


def test_what_lies_on_both_sides_of_a_leap_is_moved_by_what_lies_there():
    sent = SentAudio()
    sent.add(Chunk(0, bytes(2 * 28_000)))
    sent.add(Chunk(800_000, bytes(2 * 28_000)))  # after 3.5 s of audio
    result = messages.parse(json.dumps(RESULTS), sent)
    words = result.body["channel"]["alternatives"][0]["words"]
    assert [(word["start"], word["end"]) for word in words] == [(3.44, 100.18), (100.18, 100.5)]


def test_signals_are_moved_but_a_stale_end_stays_stale():
    end = {"type": "UtteranceEnd", "channel": [0, 2], "last_word_end": 2.5}
    assert parse(end, 10) == Signal(Track.INBOUND, {**end, "last_word_end": 12.5})
    stale = {**end, "last_word_end": -1}
    assert parse(stale, 10) == Signal(Track.INBOUND, stale)
    assert parse({**end, "channel": [0, 2, 0]}, 10) == Signal(
        Track.INBOUND, {**end, "last_word_end": 12.5}
    )
    started = {"type": "SpeechStarted", "channel": [1, 2], "timestamp": 1.5}
    assert parse(started, 10) == Signal(Track.OUTBOUND, {**started, "timestamp": 11.5})


def test_other_messages_carry_nothing():
    assert parse({"type": "Metadata", "duration": 3.5}) == Metadata()
    assert parse({"type": "Metadata", "duration": None}) == Metadata()
    assert parse({"type": "Error", "description": "oh"}) == Ignored("Error", "oh")
    assert parse({"type": "News"}) == Ignored("News", "")
    assert parse({}) == Ignored("None", "")
    assert parse({"type": "a\x1b[2J" + "b" * 100}) == Ignored("a\ufffd[2J" + "b" * 59, "")
    assert parse({"type": "Flux", "channel": [0, 2]}) == Ignored("Flux", "")


@pytest.mark.parametrize(
    "given", [{}, *({"type": kind} for kind in (None, "results", "Result", 5, True, ["Results"]))]
)
def test_words_of_a_type_that_is_not_known_are_unreadable_and_no_silence(given):
    """Whether they are a draft, or a final that says so oddly, nobody knows but who sent them."""
    odd = {name: value for name, value in RESULTS.items() if name != "type"} | given
    with pytest.raises(UnreadableResult, match="type") as caught:
        parse(odd, offset=100)
    assert (caught.value.is_final, caught.value.track) == (True, Track.OUTBOUND)
    assert caught.value.span == (pytest.approx(103.2), pytest.approx(104.24))


def test_words_of_a_type_that_is_not_known_are_a_loss_only_where_they_are_final():
    with pytest.raises(UnreadableResult) as caught:
        parse(RESULTS | {"type": None, "is_final": False})
    assert not caught.value.is_final


def test_words_without_track_and_times_whose_type_is_not_known_are_unreadable_too():
    with pytest.raises(UnreadableResult) as caught:
        parse({"type": "Words", "is_final": True, "alternatives": [{"transcript": "lost"}]})
    assert (caught.value.is_final, caught.value.track, caught.value.span) == (True, None, None)


@pytest.mark.parametrize(
    "message",
    [
        [],
        "Results",
        {"type": "Results"},
        {**RESULTS, "channel_index": [2, 3]},
        {**RESULTS, "channel_index": [-1, 2]},
        {**RESULTS, "start": -1},
        {**RESULTS, "start": 1e300},
        {**RESULTS, "duration": "long"},
        {**RESULTS, "channel": {"alternatives": []}},
        {"type": "UtteranceEnd", "channel": 2},
        {"type": "UtteranceEnd", "channel": [0, 2], "last_word_end": "late"},
    ],
)
def test_a_wrong_shape_is_unreadable(message):
    with pytest.raises(UnreadableResult):
        parse(message)


def test_the_span_of_a_final_that_cannot_be_read_is_on_the_call_clock():
    with pytest.raises(UnreadableResult) as caught:
        parse({**RESULTS, "channel": None}, offset=100)
    assert (caught.value.is_final, caught.value.track) == (True, Track.OUTBOUND)
    assert caught.value.span == (pytest.approx(103.2), pytest.approx(104.24))


def test_what_was_left_out_and_what_is_in_doubt_is_said():
    result = parse({**RESULTS, "speech_final": None, "is_final": None})
    assert isinstance(result, Result)
    assert (result.is_final, result.speech_final, result.doubtful) == (False, False, True)
    assert result.left_out == ("is_final", "speech_final")
    assert not final().doubtful


@pytest.mark.parametrize("text", ["", "{", "nonsense", b"\xff", "[" * 100_000])
def test_what_is_no_json_is_unreadable(text):
    with pytest.raises(UnreadableResult) as caught:
        messages.parse(text, clock(0))
    assert caught.value.is_final  # it may have been one


def final() -> Result:
    result = parse(RESULTS)
    assert isinstance(result, Result)
    return result


def test_what_was_published_is_cut_at_the_word():
    result = messages.trim(final(), 3.6)
    assert result.transcript == "please."
    assert (result.start, result.body["start"]) == (3.6, 3.6)
    assert result.body["duration"] == pytest.approx(0.64)
    assert result.body["trimmed"] is True
    assert [word["word"] for word in result.body["channel"]["alternatives"][0]["words"]] == [
        "please"
    ]


def test_what_was_not_published_is_left_alone():
    result = final()
    assert messages.trim(result, 3.2) is result
    assert messages.trim(result, 5.0) is None
    untouched = messages.trim(result, 3.3)
    assert untouched.transcript == "Yes, please."
    assert "trimmed" not in untouched.body


def said(transcript: str, written: list[str]) -> messages.Result:
    """Make a final of words of a second each."""
    words = [
        {"word": word, "punctuated_word": word, "start": float(at), "end": at + 1.0}
        for at, word in enumerate(written)
    ]
    body = {"channel": {"alternatives": [{"transcript": transcript, "words": words}]}}
    return messages.Result(
        track=Track.INBOUND,
        start=0.0,
        end=float(len(words)),
        is_final=True,
        speech_final=True,
        transcript=transcript,
        body=body,
    )


@pytest.mark.parametrize(
    ("transcript", "written", "left"),
    [
        ("Hello, good day to you.", ["Hello,", "good", "day", "to", "you."], "good day to you."),
        ("我们今天开会。", ["我们", "今天", "开", "会。"], "今天开会。"),
        ("สวัสดีครับวันนี้", ["สวัสดี", "ครับ", "วันนี้"], "ครับวันนี้"),
        ("a a a b", ["a", "a", "a", "b"], "a a b"),
        ("It costs $5.", ["It", "costs", "five", "dollars"], "costs $5."),
    ],
)
def test_what_is_left_of_a_final_has_the_transcripts_own_spacing(transcript, written, left):
    trimmed = messages.trim(said(transcript, written), 1.0)
    assert trimmed is not None
    assert trimmed.transcript == left


def test_words_that_the_transcript_has_otherwise_or_in_another_order_are_joined():
    trimmed = messages.trim(said("It costs $5.", ["It", "five", "dollars"]), 1.0)
    assert trimmed is not None
    assert trimmed.transcript == "five dollars"
    mixed = said("one two three", ["one", "two", "three"])
    words = mixed.body["channel"]["alternatives"][0]["words"]
    words[0], words[1] = words[1], words[0]  # by time: two, one, three
    trimmed = messages.trim(mixed, 1.0)
    assert trimmed is not None
    assert trimmed.transcript == "two three"
