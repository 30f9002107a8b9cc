"""
A call as a text: turns of its speakers, captions, subtitles. Pure.

WebVTT: https://www.w3.org/TR/webvtt1/ ; SubRip has no standard, and every player takes this.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from handler.subscribers.speakers import Speakers

# What a viewer can read at a glance: two lines of 42 characters, for no longer than seven seconds.
# https://partnerhelp.netflixstudios.com/hc/en-us/articles/217350977
LINE = 42
MAX_LINES = 2
MAX_SECONDS = 7.0
# A pause within a final that is longer begins a new caption.
PAUSE = 1.0
# Captions shorter than this would only flash.
MIN_SECONDS = 0.3
VTT_HEADER = "WEBVTT\n\n"
LOST = "[the beginning is no longer kept]"
# What a text and captions begin with when older records have expired; players show no comment.
BEGINNING_LOST = {"txt": f"{LOST}\n", "vtt": f"NOTE {LOST}\n\n"}

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caption:
    """
    What is shown at once.

    Attributes:
        start: Seconds on the call clock.
        end: Seconds on the call clock, later than ``start``.
        speaker: Who says it; empty for what nobody says.
        text: Without line breaks.
    """

    start: float
    end: float
    speaker: str
    text: str


@dataclass(slots=True)
class Turn:
    """What one side says until the other one does; ``track`` is None where audio was lost."""

    track: str | None
    start: float
    end: float
    text: str
    words: list[Message] = field(default_factory=list)
    reason: str | None = None


def turns(records: Iterable[Message]) -> list[Turn]:
    """Return what was said in the order of its time, what one side says in a row as one turn."""
    said = [turn for record in records if (turn := _turn(record)) is not None]
    joined: list[Turn] = []
    for turn in sorted(said, key=lambda turn: (turn.start, turn.end)):
        last = joined[-1] if joined else None
        spoken = last is not None and last.reason is None and turn.reason is None
        if last is not None and spoken and last.track == turn.track:
            last.end = max(last.end, turn.end)
            last.text = f"{last.text} {turn.text}"
            last.words += turn.words
        else:
            joined.append(turn)
    return joined


def captions(record: Message, names: Speakers) -> list[Caption]:
    """Return the captions of one record: none, if nothing was said in it."""
    turn = _turn(record)
    if turn is None:
        return []
    if turn.reason is not None:
        return [_caption(turn.start, turn.end, "", f"[no transcript: {turn.reason}]")]
    speaker = names.of(turn.track)
    return [
        _caption(piece[0]["start"], piece[-1]["end"], speaker, " ".join(map(_written, piece)))
        for piece in _pieces(turn.words, speaker)
    ] or [_caption(turn.start, turn.end, speaker, turn.text)]


def all_captions(records: Iterable[Message], names: Speakers) -> list[Caption]:
    """Return the captions of a call, in the order of their time."""
    found = [caption for record in records for caption in captions(record, names)]
    return sorted(found, key=lambda caption: (caption.start, caption.end))


def vtt_cue(caption: Caption) -> str:
    """Write one WebVTT cue, with the empty line after it."""
    text = _escape(_wrap(caption.text))
    voice = f"<v {_escape(caption.speaker)}>" if caption.speaker else ""
    return f"{_clock(caption.start)} --> {_clock(caption.end)}\n{voice}{text}\n\n"


def vtt(found: Iterable[Caption], *, expired: bool = False) -> str:
    """Write a WebVTT file."""
    lost = BEGINNING_LOST["vtt"] if expired else ""
    return VTT_HEADER + lost + "".join(map(vtt_cue, found))


def srt(found: Iterable[Caption]) -> str:
    """Write a SubRip file."""
    cues = []
    for number, caption in enumerate(found, 1):
        spoken = f"{caption.speaker}: {caption.text}" if caption.speaker else caption.text
        times = f"{_clock(caption.start)} --> {_clock(caption.end)}".replace(".", ",")
        cues.append(f"{number}\n{times}\n{_wrap(spoken)}\n\n")
    return "".join(cues)


def text_line(turn: Turn, names: Speakers) -> str:
    """Write a turn as a line of a plain text."""
    if turn.reason is not None:
        side = names.of(turn.track)
        of = f" of {side}" if side else ""
        spoken = f"[no transcript{of} until {_minutes(turn.end)}: {turn.reason}]"
    else:
        spoken = f"{names.of(turn.track)}: {turn.text}"
    return f"[{_minutes(turn.start)}] {spoken}\n"


def text(records: Iterable[Message], names: Speakers, *, expired: bool = False) -> str:
    """Write a call as a plain text, a line for each turn."""
    lost = BEGINNING_LOST["txt"] if expired else ""
    return lost + "".join(text_line(turn, names) for turn in turns(records))


def document(records: Sequence[Message], names: Speakers) -> Message:
    """Return a call as one JSON object; ``docs/protocol.md`` says what is in it."""
    started = next((record for record in records if record["type"] == "CallStarted"), {})
    last: Message = records[-1] if records else {}
    ended = last.get("type") == "CallEnded"
    return {
        "type": "Transcript",
        "callSid": last.get("callSid"),
        "from": started.get("from"),
        "to": started.get("to"),
        "direction": started.get("direction"),
        "startedAt": started.get("startedAt"),
        "ended": ended,
        "reason": last.get("reason") if ended else None,
        "duration": last.get("duration") if ended else None,
        "first": records[0]["seq"] if records else 0,
        "last": last.get("seq", 0),
        "speakers": {"inbound": names.inbound, "outbound": names.outbound},
        "turns": [
            {
                "track": turn.track,
                "speaker": names.of(turn.track),
                "start": turn.start,
                "end": turn.end,
                "text": turn.text,
                "words": turn.words,
            }
            for turn in turns(record for record in records if record["type"] == "Results")
        ],
        "gaps": [
            {name: record.get(name) for name in ("start", "end", "track", "reason")}
            for record in records
            if record["type"] == "Gap"
        ],
    }


def _turn(record: Message) -> Turn | None:
    """Return what a record says was said, or lost; None of one that says neither."""
    if record["type"] == "Gap":
        reason = str(record["reason"])
        return Turn(record.get("track"), record["start"], record["end"], "", reason=reason)
    if record["type"] != "Results":
        return None
    best = record["channel"]["alternatives"][0]
    transcript = " ".join(best["transcript"].split())
    if not transcript:
        return None
    words = list(best.get("words", []))
    # A result spans the silence around its words too; results follow each other without a hole.
    start = words[0]["start"] if words else record["start"]
    end = words[-1]["end"] if words else record["start"] + record["duration"]
    return Turn(record["track"], start, round(end, 6), transcript, words)


def _pieces(words: Sequence[Message], speaker: str) -> Iterator[list[Message]]:
    """Cut words where a caption would grow too long, or where there is a pause."""
    piece: list[Message] = []
    text = f"{speaker}:"  # as subtitles begin, and long enough for captions
    for word in words:
        longer = f"{text} {_written(word)}"
        if piece and (
            len(_lines(longer)) > MAX_LINES
            or word["end"] - piece[0]["start"] > MAX_SECONDS
            or word["start"] - piece[-1]["end"] > PAUSE
        ):
            yield piece
            piece, longer = [], f"{speaker}: {_written(word)}"
        piece.append(word)
        text = longer
    if piece:
        yield piece


def _written(word: Message) -> str:
    return str(word.get("punctuated_word") or word["word"])


def _caption(start: float, end: float, speaker: str, spoken: str) -> Caption:
    return Caption(start, max(end, start + MIN_SECONDS), speaker, spoken)


def _wrap(spoken: str) -> str:
    return "\n".join(_lines(spoken))


def _lines(spoken: str) -> list[str]:
    return textwrap.wrap(spoken, LINE, break_long_words=False, break_on_hyphens=False)


def _escape(plain: str) -> str:
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float) -> str:
    """Write a time as captions do: hours, minutes, seconds, milliseconds."""
    ms = max(0, round(seconds * 1000))
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def _minutes(seconds: float) -> str:
    """Write a time as people do."""
    whole = max(0, int(seconds))
    hours = f"{whole // 3600}:" if whole >= 3600 else ""
    return f"{hours}{whole // 60 % 60:02}:{whole % 60:02}"
