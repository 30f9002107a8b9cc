"""
A ``Results`` message as Deepgram sends it.

One that is as it should be, as nearly all are, is read at once; of any other, each field on its
own. What readers need are the track, the times and the text; anything beside them that is not as it
should be is left out, so that it costs no words. Times are seconds of the connection's audio.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec

from handler.audio.mulaw import TRACKS, Track

# Nothing in a message may point further than a day from the zero of its connection.
MAX_SECONDS = 86_400.0
# A segment may begin before the zero by what a model's frames are off.
MAX_EARLY = 0.1

# What is left out, beside what is read below, if it is there and of another type.
NUMBER = (int, float)
SIDE_FIELDS: Mapping[str, Any] = {"from_finalize": bool, "metadata": dict}
SIDE_FIELDS_OF_METADATA: Mapping[str, Any] = {
    "request_id": str,
    "model_info": dict,
    "model_uuid": str,
}
SIDE_FIELDS_OF_ALTERNATIVES: Mapping[str, Any] = {"confidence": NUMBER}
SIDE_FIELDS_OF_WORDS: Mapping[str, Any] = {
    "punctuated_word": str,
    "confidence": NUMBER,
    "speaker": int,
    "language": str,
}


class UnreadableResult(ValueError):
    """
    A message from the recogniser that does not have the shape it should.

    Attributes:
        is_final: Whether it may have been a final, so that what it said is missing.
        track: Of which side, if that could be read.
        span: From where to where, if that could be read; in seconds.
    """

    def __init__(
        self,
        problem: str,
        *,
        is_final: bool = False,
        track: Track | None = None,
        span: tuple[float, float] | None = None,
    ) -> None:
        self.is_final = is_final
        self.track = track
        self.span = span
        super().__init__(problem)


@dataclass(slots=True)
class Reading:
    """
    What a message says.

    Attributes:
        track: The side that spoke.
        start: Beginning of the segment.
        end: End of the segment.
        is_final: The span will not be revised; None if that cannot be read.
        speech_final: An endpoint was found after it.
        transcript: The text of the best alternative.
        words: The words of all alternatives; they belong to the message.
        left_out: Names of what could not be used.
    """

    track: Track
    start: float
    end: float
    is_final: bool | None
    speech_final: bool
    transcript: str
    words: list[dict[str, Any]]
    left_out: list[str] = field(default_factory=list)


Seconds = Annotated[float, msgspec.Meta(ge=0, le=MAX_SECONDS)]


class _Word(msgspec.Struct, gc=False):
    word: str
    start: Seconds
    end: Seconds
    confidence: float = 0.0
    punctuated_word: str = ""
    speaker: int = 0
    language: str = ""


class _Alternative(msgspec.Struct, gc=False):
    transcript: str
    words: list[_Word]
    confidence: float = 0.0


class _Channel(msgspec.Struct, gc=False):
    alternatives: Annotated[list[_Alternative], msgspec.Meta(min_length=1)]


class _Metadata(msgspec.Struct, gc=False):
    request_id: str = ""
    model_info: dict[str, Any] = {}
    model_uuid: str = ""


class _Documented(msgspec.Struct, gc=False):
    """A message in which all that is read is as Deepgram's documentation has it."""

    type: Literal["Results"]
    channel_index: tuple[Literal[0, 1], Literal[2]]
    start: Seconds
    duration: Seconds
    channel: _Channel
    is_final: bool = False
    speech_final: bool = False
    from_finalize: bool = False
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


def read_results(body: dict[str, Any]) -> Reading:
    """
    Read a message, and put right in ``body`` what was not as it should be.

    Raises:
        UnreadableResult: track, times or text of it cannot be read.
    """
    try:
        told = msgspec.convert(body, _Documented)
    except msgspec.ValidationError:
        return _read_by_field(body)
    return Reading(
        track=TRACKS[told.channel_index[0]],
        start=told.start,
        end=told.start + told.duration,
        is_final=told.is_final,
        speech_final=told.speech_final,
        transcript=told.channel.alternatives[0].transcript,
        words=[word for one in body["channel"]["alternatives"] for word in one["words"]],
    )


def _read_by_field(body: dict[str, Any]) -> Reading:
    left_out: list[str] = []
    is_final, speech_final = _ends(body, left_out)
    track = read_track(body.get("channel_index"))
    span = _span(body)
    transcript = _transcript(body)
    typed = True if body.get("type") == "Results" else None
    if track is None or span is None or transcript is None or not typed:
        named = (
            ("type", typed),
            ("channel_index", track),
            ("start, duration", span),
            ("transcript", transcript),
        )
        problem = ", ".join(name for name, value in named if value is None)
        raise UnreadableResult(problem, is_final=is_final is not False, track=track, span=span)
    if body["channel_index"] != [track.channel, len(TRACKS)]:
        body["channel_index"] = [track.channel, len(TRACKS)]
        left_out.append("channel_index")
    _strip(body, SIDE_FIELDS, left_out)
    _strip(body.get("metadata", {}), SIDE_FIELDS_OF_METADATA, left_out)
    words = _read_alternatives(body["channel"], *span, left_out)
    return Reading(track, *span, is_final, speech_final, transcript, words, left_out)


def carries_words(body: dict[str, Any]) -> bool:
    """Whether a message has what a ``Results`` has, whatever it calls itself."""
    return "alternatives" in body or isinstance(body.get("channel"), dict)


def read_track(channel: object) -> Track | None:
    """Read the side out of ``[channel, how many there are]``, if it can be."""
    match channel:
        case [int(index), *_] | int(index) if not isinstance(index, bool) and (
            0 <= index < len(TRACKS)
        ):
            return TRACKS[index]
    return None


def read_seconds(value: object, *, least: float = 0.0) -> float | None:
    """Read a time, if it can be."""
    try:
        seconds = msgspec.convert(value, float, strict=False)
    except msgspec.ValidationError:
        return None
    return seconds if least <= seconds <= MAX_SECONDS else None


def _ends(body: dict[str, Any], left_out: list[str]) -> tuple[bool | None, bool]:
    """Read whether it is a final, and whether it ends an utterance: only finals do."""
    flags: dict[str, bool | None] = {}
    for name in ("is_final", "speech_final"):
        value = body.get(name, False)
        flags[name] = value if isinstance(value, bool) else None
        if flags[name] is None:
            left_out.append(name)
            body[name] = False
    if flags["is_final"] is None and flags["speech_final"]:
        flags["is_final"] = body["is_final"] = True
    return flags["is_final"], bool(flags["speech_final"])


def _span(body: dict[str, Any]) -> tuple[float, float] | None:
    start = read_seconds(body.get("start"), least=-MAX_EARLY)
    duration = read_seconds(body.get("duration"))
    return None if start is None or duration is None else (max(0.0, start), start + duration)


def _transcript(body: dict[str, Any]) -> str | None:
    """Read the text of the first alternative."""
    match body.get("channel"):
        case {"alternatives": [{"transcript": str(text)}, *_]}:
            return text
    return None


def _strip(part: dict[str, Any], types: Mapping[str, Any], left_out: list[str]) -> None:
    """Leave out what is there and of another type."""
    for name, kind in types.items():
        odd = not isinstance(part.get(name), kind)
        if name in part and (odd or (isinstance(part[name], bool) and kind is not bool)):
            del part[name]
            left_out.append(name)


def _read_alternatives(
    channel: dict[str, Any], start: float, end: float, left_out: list[str]
) -> list[dict[str, Any]]:
    """Put right what is said, and what else may have been said; returns all words."""
    said = [one for one in channel["alternatives"] if _is_alternative(one)]
    if len(said) < len(channel["alternatives"]):
        left_out.append("alternatives")
    channel["alternatives"] = said
    words: list[dict[str, Any]] = []
    for alternative in said:
        _strip(alternative, SIDE_FIELDS_OF_ALTERNATIVES, left_out)
        alternative["words"] = _read_words(alternative.get("words", []), start, end, left_out)
        words += alternative["words"]
    return words


def _is_alternative(one: object) -> bool:
    return isinstance(one, dict) and isinstance(one.get("transcript"), str)


def _read_words(
    given: object, start: float, end: float, left_out: list[str]
) -> list[dict[str, Any]]:
    """Read words; a time that is missing or wrong is that of its neighbour."""
    listed = given if isinstance(given, list) else []
    words = [
        word for word in listed if isinstance(word, dict) and isinstance(word.get("word"), str)
    ]
    if len(words) < len(listed) or not isinstance(given, list):
        left_out.append("words")
    before = start
    for word in words:
        before = _put_right(word, "start", before, left_out)
        before = max(before, read_seconds(word.get("end")) or 0.0)
    after = end
    for word in reversed(words):
        _put_right(word, "end", max(after, word["start"]), left_out)
        _strip(word, SIDE_FIELDS_OF_WORDS, left_out)
        after = word["start"]
    return words


def _put_right(word: dict[str, Any], name: str, otherwise: float, left_out: list[str]) -> float:
    """Read one time of a word, or take another for it."""
    seconds = read_seconds(word.get(name))
    if seconds is None or seconds != word[name]:
        left_out.append(f"words.{name}")
        seconds = otherwise if seconds is None else seconds
    word[name] = seconds
    return seconds
