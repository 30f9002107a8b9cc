"""
Deepgram's messages: text in, typed messages out, their times moved to the call clock.

The whole message is kept beside what we read of it, because subscribers get Deepgram's own.
Source: https://developers.deepgram.com/reference/speech-to-text/listen-streaming
"""

import copy
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import msgspec

from handler.audio.mulaw import TRACKS, Track

# Deepgram's floats are float32 widened to double; a microsecond is far below what they resolve.
TIME_DIGITS = 6
# Nothing in a message may point further than a day from the zero of its connection.
MAX_SECONDS = 86_400.0

Seconds = Annotated[float, msgspec.Meta(ge=0, le=MAX_SECONDS)]


class ConnectionClock(Protocol):
    """Moves times of one connection (seconds of its audio) to the call clock (seconds)."""

    def starts_at(self, seconds: float) -> float:
        """Move the beginning of something."""

    def ends_at(self, seconds: float) -> float:
        """Move the end of something."""


class UnreadableResult(ValueError):
    """A message from the recogniser that does not have the shape it should."""


@dataclass(frozen=True, slots=True)
class Result:
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
    """

    track: Track
    start: float
    end: float
    is_final: bool
    speech_final: bool
    transcript: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Signal:
    """An ``UtteranceEnd`` or ``SpeechStarted``, its time on the call clock."""

    track: Track
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Metadata:
    """The closing summary: the recogniser has answered all that it got."""

    duration: float


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that carries nothing for subscribers: an ``Error``, or a type we do not know."""

    type: str
    detail: str


Message = Result | Signal | Metadata | Ignored


class _Word(msgspec.Struct):
    word: str
    start: Seconds
    end: Seconds
    punctuated_word: str | None = None


class _Alternative(msgspec.Struct):
    transcript: str
    words: list[_Word] = []


class _Channel(msgspec.Struct):
    alternatives: Annotated[list[_Alternative], msgspec.Meta(min_length=1)]


ChannelIndex = tuple[Annotated[int, msgspec.Meta(ge=0, lt=len(TRACKS))], int]


class _Results(msgspec.Struct):
    channel_index: ChannelIndex
    start: Seconds
    duration: Seconds
    channel: _Channel
    is_final: bool = False
    speech_final: bool = False


class _Signal(msgspec.Struct):
    channel: ChannelIndex
    # -1 marks an utterance end that was stale before it was sent.
    last_word_end: Annotated[float, msgspec.Meta(ge=-1, le=MAX_SECONDS)] | None = None
    timestamp: Seconds | None = None


class _Metadata(msgspec.Struct):
    duration: float = 0.0


def parse(text: str | bytes, clock: ConnectionClock) -> Message:
    """
    Read one message.

    Args:
        text: The websocket message.
        clock: Moves the times of this connection to the call clock.

    Raises:
        UnreadableResult: no JSON object, or a known type with a wrong or missing field.
    """
    try:
        body = msgspec.json.decode(text)
        if not isinstance(body, dict):
            raise UnreadableResult("not a JSON object")
        match body.get("type"):
            case "Results":
                return _result(body, clock)
            case "UtteranceEnd" | "SpeechStarted":
                return _signal(body, clock)
            case "Metadata":
                return Metadata(msgspec.convert(body, _Metadata).duration)
            case "Error":
                return Ignored("Error", str(body.get("description", ""))[:200])
            case other:
                return Ignored(str(other)[:64], "")
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise UnreadableResult(str(exc)) from exc


def _result(body: dict[str, Any], clock: ConnectionClock) -> Result:
    seen = msgspec.convert(body, _Results)
    start, end = clock.starts_at(seen.start), clock.ends_at(seen.start + seen.duration)
    moved = copy.deepcopy(body)
    moved["start"] = _rounded(start)
    moved["duration"] = _rounded(end - start)
    for alternative in moved["channel"]["alternatives"]:
        for word in alternative.get("words", ()):
            word["start"] = _rounded(clock.starts_at(word["start"]))
            word["end"] = _rounded(clock.ends_at(word["end"]))
    return Result(
        track=TRACKS[seen.channel_index[0]],
        start=start,
        end=end,
        is_final=seen.is_final,
        speech_final=seen.speech_final,
        transcript=seen.channel.alternatives[0].transcript,
        body=moved,
    )


def _signal(body: dict[str, Any], clock: ConnectionClock) -> Signal:
    seen = msgspec.convert(body, _Signal)
    moved = dict(body)
    if seen.last_word_end is not None and seen.last_word_end >= 0:
        moved["last_word_end"] = _rounded(clock.ends_at(seen.last_word_end))
    if seen.timestamp is not None:
        moved["timestamp"] = _rounded(clock.starts_at(seen.timestamp))
    return Signal(TRACKS[seen.channel[0]], moved)


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
            alternative["transcript"] = " ".join(w.get("punctuated_word", w["word"]) for w in kept)
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


def _rounded(seconds: float) -> float:
    return round(seconds, TIME_DIGITS)
