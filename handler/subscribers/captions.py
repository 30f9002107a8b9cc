"""
A call as a text: turns of its speakers, captions, subtitles. Pure.

WebVTT: https://www.w3.org/TR/webvtt1/ ; SubRip has no standard, and every player takes this.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from broker.printable import shown
from handler.subscribers import lines
from handler.subscribers.speakers import Speakers

# What a viewer can read at a glance: two lines of 42 columns, for no longer than seven seconds.
# https://partnerhelp.netflixstudios.com/hc/en-us/articles/217350977
LINE = 42
MAX_LINES = 2
MAX_SECONDS = 7.0
# A pause within a final that is longer begins a new caption.
PAUSE = 1.0
# Captions shorter than this would only flash.
MIN_SECONDS = 0.3
# Players of SubRip take <i> and {\an8} for instructions, and have no way to write what they are.
_UNMARKED = str.maketrans("<>{}", "\u2039\u203a()")
VTT_HEADER = "WEBVTT\n\n"
LOST = "[the beginning is no longer kept]"
# What a text and captions begin with when older records have expired; players show no comment.
BEGINNING_LOST = {"txt": f"{LOST}\n", "vtt": f"NOTE {LOST}\n\n"}

# What an application may have said of a call.
TOLD = ("callerName", "calleeName", "metadata")

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
        cuts: Where words begin in the text.
    """

    start: float
    end: float
    speaker: str
    text: str
    cuts: tuple[int, ...] = ()


@dataclass(slots=True)
class Turn:
    """What one side says until the other one does; ``track`` is None where audio was lost."""

    track: str | None
    start: float
    end: float
    text: str
    words: list[Any] = field(default_factory=list)
    reason: str | None = None


def turns(
    records: Iterable[Message], keep: Callable[[list[Message]], list[Any]] = list
) -> list[Turn]:
    """
    Return what was said in the order of its time, what one side says in a row as one turn.

    Args:
        records: Of the call.
        keep: What is kept of the words of a result: in a long call they are most of it.
    """
    said = [turn for record in records if (turn := _turn(record, keep)) is not None]
    joined: list[Turn] = []
    for turn in sorted(said, key=lambda turn: (turn.start, turn.end)):
        last = joined[-1] if joined else None
        spoken = last is not None and last.reason is None and turn.reason is None
        if last is not None and spoken and last.track == turn.track:
            last.end = max(last.end, turn.end)
            last.text = lines.join(last.text, turn.text)
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
        _caption(part.start, part.end, speaker, part.text, part.cuts)
        for piece in _pieces(turn, speaker)
        for part in _shared(piece, speaker)
    ]


def all_captions(records: Iterable[Message], names: Speakers) -> list[Caption]:
    """Return the captions of a call, in the order of their time."""
    found = [caption for record in records for caption in captions(record, names)]
    return sorted(found, key=lambda caption: (caption.start, caption.end))


def vtt_cue(caption: Caption) -> str:
    """Write one WebVTT cue, with the empty line after it."""
    text = _escape(_wrap(caption))
    voice = f"<v {_escape(caption.speaker)}>" if caption.speaker else ""
    return f"{_clock(caption.start)} --> {_clock(caption.end)}\n{voice}{text}\n\n"


def vtt(found: Iterable[Caption], *, expired: bool = False) -> Iterator[str]:
    """Write a WebVTT file, in parts."""
    yield VTT_HEADER + (BEGINNING_LOST["vtt"] if expired else "")
    yield from map(vtt_cue, found)


def srt(found: Iterable[Caption]) -> Iterator[str]:
    """Write a SubRip file, in parts."""
    for number, caption in enumerate(found, 1):
        prefix = _prefix(caption.speaker)
        times = f"{_clock(caption.start)} --> {_clock(caption.end)}".replace(".", ",")
        spoken = _wrap(caption, prefix).translate(_UNMARKED)
        yield f"{number}\n{times}\n{spoken}\n\n"


def text_line(turn: Turn, names: Speakers) -> str:
    """Write a turn as a line of a plain text."""
    if turn.reason is not None:
        side = names.of(turn.track)
        of = f" of {side}" if side else ""
        spoken = f"[no transcript{of} until {_minutes(turn.end)}: {turn.reason}]"
    else:
        spoken = f"{names.of(turn.track)}: {turn.text}"
    return f"[{_minutes(turn.start)}] {spoken}\n"


def text(records: Iterable[Message], names: Speakers, *, expired: bool = False) -> Iterator[str]:
    """Write a call as a plain text, a line for each turn, in parts."""
    if expired:
        yield BEGINNING_LOST["txt"]
    for turn in turns(records, lambda _: []):
        yield text_line(turn, names)


def document(records: Iterable[Message], names: Speakers) -> Message:
    """Return a call as one JSON object; ``docs/protocol.md`` says what is in it."""
    whole, spoken = outline(records, names)
    return whole | {"turns": [turn_message(turn, names) for turn in spoken]}


def outline(
    records: Iterable[Message],
    names: Speakers,
    keep: Callable[[list[Message]], list[Any]] = list,
) -> tuple[Message, list[Turn]]:
    """
    Return the :func:`document` of a call without its turns, and these.

    ``records`` are read once; ``keep`` says what stands for the words of the one read last.
    """
    first: Message = {}
    started: Message = {}
    last: Message = {}
    gaps: list[Message] = []

    def results() -> Iterator[Message]:
        nonlocal first, started, last
        for record in records:
            first, last = first or record, record
            match record["type"]:
                case "Results":
                    yield record
                case "CallStarted":
                    started = started or record
                case "Gap":
                    gaps.append(record)

    spoken = turns(results(), keep)
    ended = last.get("type") == "CallEnded"
    whole = {
        "type": "Transcript",
        "callSid": last.get("callSid"),
        "from": started.get("from"),
        "to": started.get("to"),
        "direction": started.get("direction"),
        **{name: started[name] for name in TOLD if name in started},
        "startedAt": started.get("startedAt"),
        "ended": ended,
        "reason": last.get("reason") if ended else None,
        "duration": last.get("duration") if ended else None,
        "first": first.get("seq", 0),
        "last": last.get("seq", 0),
        "speakers": {"inbound": names.inbound, "outbound": names.outbound},
        "turns": [],
        "gaps": [
            {name: gap.get(name) for name in ("start", "end", "track", "reason")} for gap in gaps
        ],
    }
    return whole, spoken


def turn_message(turn: Turn, names: Speakers) -> Message:
    """Return a turn as the document of a call has it."""
    return {
        "track": turn.track,
        "speaker": names.of(turn.track),
        "start": turn.start,
        "end": turn.end,
        "text": turn.text,
        "words": turn.words,
    }


def _turn(record: Message, keep: Callable[[list[Message]], list[Any]] = list) -> Turn | None:
    """Return what a record says was said, or lost; None of one that says neither."""
    if record["type"] == "Gap":
        reason = shown(str(record["reason"]))
        return Turn(record.get("track"), record["start"], record["end"], "", reason=reason)
    if record["type"] != "Results":
        return None
    best = record["channel"]["alternatives"][0]
    transcript = re.sub(" +", " ", shown(best["transcript"])).strip()
    if not transcript:
        return None
    words = list(best.get("words", []))
    # A result spans the silence around its words too; results follow each other without a hole.
    # Words come in the order of the text, which need not be that of their times.
    end = record["start"] + record["duration"]
    start = min((word["start"] for word in words), default=record["start"])
    end = max((word["end"] for word in words), default=end)
    return Turn(record["track"], start, round(end, 6), transcript, keep(words))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of what was said, as it stands in the transcript."""

    start: float
    end: float
    text: str
    cuts: tuple[int, ...] = ()


def _pieces(turn: Turn, speaker: str) -> Iterator[_Piece]:
    """Cut a turn before words, where a caption would grow too long, or where there is a pause."""
    placed = _placed(turn.text, turn.words)
    if not placed:
        yield _Piece(turn.start, turn.end, turn.text)
        return
    bounds = [0, *(at for at, _ in placed[1:]), len(turn.text)]
    first, start, end = 0, placed[0][1]["start"], placed[0][1]["end"]
    for number, (_, word) in enumerate(placed[1:], 1):
        longer = turn.text[bounds[first] : bounds[number + 1]]
        too_long = len(_lines(longer, bounds[first:], bounds[first], speaker)) > MAX_LINES
        latest, earliest = max(end, word["end"]), min(start, word["start"])
        if too_long or latest - earliest > MAX_SECONDS or word["start"] - end > PAUSE:
            yield _piece(turn.text, bounds[first : number + 1], start, end)
            first, start, end = number, word["start"], word["end"]
        else:
            start, end = earliest, latest
    yield _piece(turn.text, bounds[first:], start, end)


def _piece(text: str, bounds: Sequence[int], start: float, end: float) -> _Piece:
    cuts = tuple(at - bounds[0] for at in bounds[1:-1])
    return _Piece(start, end, text[bounds[0] : bounds[-1]].rstrip(), cuts)


def _shared(piece: _Piece, speaker: str) -> Iterator[_Piece]:
    """Share the time of a piece that is no more than a word, and longer than a caption."""
    if len(_lines(piece.text, piece.cuts, 0, speaker)) <= MAX_LINES:
        yield piece
        return
    columns = max(LINE - lines.width(_prefix(speaker)), LINE // 2)  # the name is on the first line
    found = lines.split(piece.text, columns, piece.cuts)
    texts = ["".join(found[at : at + MAX_LINES]) for at in range(0, len(found), MAX_LINES)]
    duration, whole, begin = piece.end - piece.start, sum(map(len, texts)), 0.0
    for text in texts:
        end = begin + len(text) / whole
        yield _Piece(piece.start + begin * duration, piece.start + end * duration, text.strip())
        begin = end


def _placed(text: str, words: Iterable[Message]) -> list[tuple[int, Message]]:
    """
    Find words in their text: where each begins.

    The text has its own blanks, or none, as its script has it. A word that is written otherwise
    there goes with the one before it.
    """
    placed = []
    after = 0
    for word in words:
        written = re.sub(" +", " ", shown(_written(word))).strip()
        at = _find(text, written, after) if written else -1
        if at >= 0:
            placed.append((at, word))
            after = at + len(written)
    return placed


def _find(text: str, written: str, after: int) -> int:
    """Find a word: next, or after a blank farther on. ``a`` is not in ``said``."""
    at = text.find(written, after)
    if at < 0 or not any(map(str.isalnum, text[after:at])):
        return at
    at = text.find(f" {written}", after)
    return at + 1 if at >= 0 else -1


def _written(word: Message) -> str:
    return str(word.get("punctuated_word") or word["word"])


def _caption(
    start: float, end: float, speaker: str, spoken: str, cuts: tuple[int, ...] = ()
) -> Caption:
    return Caption(start, max(end, start + MIN_SECONDS), speaker, spoken, cuts)


def _prefix(speaker: str) -> str:
    return f"{speaker}: " if speaker else ""


def _wrap(caption: Caption, prefix: str = "") -> str:
    cuts = [at + len(prefix) for at in caption.cuts]
    return "\n".join(lines.wrap(prefix + caption.text, LINE, cuts))


def _lines(text: str, cuts: Iterable[int], begin: int, speaker: str) -> list[str]:
    """Return the lines of a caption with its speaker, as subtitles have it; others have less."""
    prefix = _prefix(speaker)
    return lines.wrap(prefix + text, LINE, [at - begin + len(prefix) for at in cuts])


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
