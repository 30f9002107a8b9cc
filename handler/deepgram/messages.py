"""
Deepgram's messages: text in, typed messages out, their times moved to the call clock.

The whole message is kept beside what we read of it, because subscribers get Deepgram's own.
Source: https://developers.deepgram.com/reference/speech-to-text/listen-streaming
"""

import copy
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from broker.printable import shown
from handler.audio.mulaw import TRACKS, Track
from handler.deepgram.results import (
    UnreadableResult,
    carries_words,
    read_results,
    read_seconds,
    read_track,
)

# Deepgram's floats are float32 widened to double; a microsecond is far below what they resolve.
TIME_DIGITS = 6


class ConnectionClock(Protocol):
    """Moves times of one connection (seconds of its audio) to the call clock (seconds)."""

    def starts_at(self, seconds: float) -> float:
        """Move the beginning of something."""

    def ends_at(self, seconds: float) -> float:
        """Move the end of something."""


class Result(msgspec.Struct, frozen=True):
    """
    A ``Results`` message on the call clock.

    Attributes:
        track: The side that spoke.
        start: Beginning of the segment, in seconds.
        end: End of the segment, in seconds.
        is_final: The span will not be revised.
        speech_final: An endpoint was found after it.
        transcript: The text of the best alternative; may be empty.
        body: Deepgram's message with its times moved; ``type`` comes first.
        left_out: Names of what was in it and could not be used.
        doubtful: Whether it may have been a final, and is taken for none.
    """

    track: Track
    start: float
    end: float
    is_final: bool
    speech_final: bool
    transcript: str
    body: dict[str, Any]
    left_out: tuple[str, ...] = ()
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Signal:
    """An ``UtteranceEnd`` or ``SpeechStarted``, its time on the call clock."""

    track: Track
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Metadata:
    """The closing summary: the recogniser has answered all that it got."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that carries nothing for subscribers: an ``Error``, or a type we do not know."""

    type: str
    detail: str


Message = Result | Signal | Metadata | Ignored


def parse(text: str | bytes, clock: ConnectionClock) -> Message:
    """
    Read one message.

    Args:
        text: The websocket message.
        clock: Moves the times of this connection to the call clock.

    Raises:
        UnreadableResult: no JSON object, a known type without what readers need of it, or words
            of a type that is not known.
    """
    try:
        body = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise UnreadableResult(str(exc), is_final=True) from exc
    if not isinstance(body, dict):
        raise UnreadableResult("not a JSON object", is_final=True)
    match body.get("type"):
        case "Results":
            return _result(body, clock)
        case "UtteranceEnd" | "SpeechStarted":
            return _signal(body, clock)
        case "Metadata":
            return Metadata()
        case "Error":
            return Ignored("Error", str(body.get("description", ""))[:200])
        case _ if carries_words(body):
            return _result(body, clock)  # says what is known of them
        case other:
            return Ignored(shown(str(other)[:64]), "")


def _result(body: dict[str, Any], clock: ConnectionClock) -> Result:
    try:
        seen = read_results(body)
    except UnreadableResult as exc:
        if exc.span is not None:
            exc.span = clock.starts_at(exc.span[0]), clock.ends_at(exc.span[1])
        raise
    start, end = clock.starts_at(seen.start), clock.ends_at(seen.end)
    body["start"] = _rounded(start)
    body["duration"] = _rounded(end - start)
    for word in seen.words:
        word["start"] = _rounded(clock.starts_at(word["start"]))
        word["end"] = _rounded(clock.ends_at(word["end"]))
    return Result(
        track=seen.track,
        start=start,
        end=end,
        is_final=bool(seen.is_final),
        speech_final=seen.speech_final,
        transcript=seen.transcript,
        body=body,
        left_out=tuple(seen.left_out),
        doubtful=seen.is_final is None,
    )


def _signal(body: dict[str, Any], clock: ConnectionClock) -> Signal:
    track = read_track(body.get("channel"))
    if track is None:
        raise UnreadableResult("channel")
    body["channel"] = [track.channel, len(TRACKS)]
    for name, move in (("last_word_end", clock.ends_at), ("timestamp", clock.starts_at)):
        # -1 marks an utterance end that was stale before it was sent.
        if name in body and body[name] != -1:
            seconds = read_seconds(body[name])
            if seconds is None:
                raise UnreadableResult(name)
            body[name] = _rounded(move(seconds))
    return Signal(track, body)


def trim(result: Result, published_end: float) -> Result | None:
    """
    Cut from a final what was published before; after a replay the recogniser repeats itself.

    A word stays if its midpoint is past ``published_end`` (seconds on the call clock). Returns the
    result as it is if nothing is repeated, None if nothing is left.
    """
    if result.start >= published_end - 10**-TIME_DIGITS:
        return result
    if result.end <= published_end:
        return None
    body = copy.deepcopy(result.body)
    cut = False
    for alternative in body["channel"]["alternatives"]:
        words = alternative.get("words", [])
        kept = [word for word in words if (word["start"] + word["end"]) / 2 > published_end]
        if len(kept) < len(words):
            cut = True
            alternative["words"] = kept
            alternative["transcript"] = _rest(alternative["transcript"], words, kept)
    if cut:
        body["trimmed"] = True
    body["start"] = _rounded(published_end)
    body["duration"] = _rounded(result.end - published_end)
    return Result(
        track=result.track,
        start=published_end,
        end=result.end,
        is_final=result.is_final,
        speech_final=result.speech_final,
        transcript=body["channel"]["alternatives"][0]["transcript"],
        body=body,
    )


def _rest(text: str, words: list[dict[str, Any]], kept: list[dict[str, Any]]) -> str:
    """Return what is left of a transcript, with its own blanks: not every script has them."""
    written = [str(word.get("punctuated_word", word["word"])) for word in words]
    if not kept or kept != words[-len(kept) :]:
        return " ".join(str(word.get("punctuated_word", word["word"])) for word in kept)
    at = after = 0
    for one in written[: len(words) - len(kept) + 1]:
        at = text.find(one, after)
        if at < 0:  # the transcript has it otherwise
            return " ".join(written[-len(kept) :])
        after = at + len(one)
    return text[at:]


def _rounded(seconds: float) -> float:
    return round(seconds, TIME_DIGITS)
