"""
Recognisers that recognise nothing: they say what a test can work out from the audio itself.

Cheap: many calls at once on a fraction of a core. Pure.
"""

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from rehearsal.audio import SAMPLE_RATE
from rehearsal.errors import BadScript
from rehearsal.segments import ChannelRecogniser, Segment, Word

MS = SAMPLE_RATE // 1000
# Silence is both zeros of mu-law; every other byte is sound.
_SOUND = re.compile(rb"[^\xff\x7f]+")
STEP = 20 * MS
# A word ends with so much silence, or when it is so long.
WORD_GAP = 20 * MS
LONGEST_WORD = 500 * MS
# How far apart finals and interims are at most.
FINAL_EVERY = 1000 * MS
INTERIM_EVERY = 300 * MS
CONFIDENCE = 0.99

MAX_SCRIPT = 10_000  # lines


def name(audio: bytes) -> str:
    """Name a piece of audio: the word that it is recognised as."""
    return f"{zlib.crc32(audio):08x}"


def names(audio: bytes) -> list[str]:
    """Return the words of a whole channel, as :class:`NamedAudio` says them."""
    recogniser = NamedAudio(endpointing=None)
    said = [*recogniser.feed(audio), *recogniser.finish()]
    return [word.text for segment in said if segment.final for word in segment.words]


class NamedAudio:
    """
    Every run of sound is a word that names its bytes.

    A run begins with a byte that is not silence (0xFF or 0x7F). It ends with the last such byte
    before 20 ms of silence, or after half a second, when the next one begins. So a piece of sound
    between pauses has the same words wherever on the stream it is, in a replay too. Finals are a
    second long at most, never cut a word, and come in silence as well; interims come every 300 ms
    while there are words.
    """

    def __init__(self, *, endpointing: int | None) -> None:
        self._endpoint = None if endpointing is None else max(endpointing * MS, WORD_GAP)
        self._buffer = bytearray()  # what no final covers yet
        self._tiled = 0  # finals reach this far; the buffer begins here
        self._scanned = 0  # sound was looked for up to here
        self._word_start: int | None = None
        self._sound_end = 0
        self._words: list[Word] = []
        self._interim_at = 0
        self._spoken = False  # there were words since the last speech_final

    def feed(self, audio: bytes) -> list[Segment]:
        """Take the next samples."""
        said: list[Segment] = []
        at = 0
        while at < len(audio):
            # On a grid, so that what is said does not depend on the sizes of the pieces.
            piece = audio[at : at + STEP - self._position % STEP]
            self._buffer += piece
            at += len(piece)
            if self._position % STEP == 0:
                said += self._step(self._position)
        return said

    def finish(self) -> list[Segment]:
        """Return finals up to the last sample."""
        end = self._position
        self._scan(end)
        if self._word_start is not None:
            self._end_word(self._sound_end)
        if end == self._tiled:
            return []
        return [self._final(end, speech_final=bool(self._words) or self._spoken)]

    @property
    def _position(self) -> int:
        return self._tiled + len(self._buffer)

    def _step(self, position: int) -> list[Segment]:
        self._scan(position)
        if self._paused(position):
            return [self._final(position, speech_final=True)]
        said: list[Segment] = []
        if position - self._tiled >= FINAL_EVERY:
            # Up to the word that is still open. A word is shorter than this, so there is progress.
            end = position if self._word_start is None else self._word_start
            said.append(self._final(end, speech_final=False))
        if self._words and position - max(self._tiled, self._interim_at) >= INTERIM_EVERY:
            self._interim_at = position
            said.append(Segment(self._tiled, position, final=False, words=tuple(self._words)))
        return said

    def _paused(self, position: int) -> bool:
        """Whether the utterance is over."""
        if self._endpoint is None or self._word_start is not None:
            return False
        uttered = self._spoken or bool(self._words)
        return uttered and position - self._sound_end >= self._endpoint

    def _scan(self, end: int) -> None:
        """Find where sound begins and ends in what is new."""
        start, self._scanned = self._scanned, end
        new = bytes(self._buffer[start - self._tiled : end - self._tiled])
        for match in _SOUND.finditer(new):
            begin, stop = start + match.start(), start + match.end()
            if self._word_start is not None and begin - self._sound_end >= WORD_GAP:
                self._end_word(self._sound_end)
            if self._word_start is None:
                self._word_start = begin
            while stop - self._word_start >= LONGEST_WORD:
                self._word_start = self._end_word(self._word_start + LONGEST_WORD)
            self._sound_end = stop
            if self._word_start == stop:
                self._word_start = None
        if self._word_start is not None and end - self._sound_end >= WORD_GAP:
            self._end_word(self._sound_end)

    def _end_word(self, end: int) -> int:
        """End the open word; returns its end."""
        start = self._word_start
        if start is not None:
            audio = bytes(self._buffer[start - self._tiled : end - self._tiled])
            word = Word(name(audio), start / SAMPLE_RATE, end / SAMPLE_RATE, CONFIDENCE)
            self._words.append(word)
            self._word_start = None
        return end

    def _final(self, end: int, *, speech_final: bool) -> Segment:
        start, self._tiled = self._tiled, end
        segment = Segment(start, end, True, speech_final, tuple(self._words))
        self._spoken = not speech_final and (self._spoken or bool(self._words))
        self._words.clear()
        del self._buffer[: end - start]
        return segment


@dataclass(frozen=True, slots=True)
class Line:
    """Something that is said on a channel, and when, in seconds."""

    channel: int
    start: float
    end: float
    text: str


def read_script(text: str) -> list[Line]:
    """
    Read a script: for each channel a list of what is said, in JSON.

    Example: ``{"0": [{"start": 1.0, "end": 2.5, "text": "Hello."}], "1": []}``

    Raises:
        BadScript: it says something else.
    """
    lines = []
    try:
        for channel, entries in json.loads(text).items():
            for entry in entries:
                start, end = float(entry["start"]), float(entry["end"])
                if not 0 <= start < end < 86_400:
                    raise BadScript(f"line from {start} to {end}: not a span of time")
                lines.append(Line(int(channel), start, end, str(entry["text"])))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as exc:
        raise BadScript(
            f'needed: {{"0": [{{"start": 1.0, "end": 2.5, "text": "Hello."}}], "1": []}} ({exc})'
        ) from exc
    if len(lines) > MAX_SCRIPT:
        raise BadScript(f"{len(lines)} lines; {MAX_SCRIPT} at most")
    return lines


class FixedLines:
    """
    Says the lines of a script when the audio has passed them, whatever the audio.

    Half of a line comes as an interim when half its time has passed.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = sorted(lines, key=lambda line: line.end)
        self._half_said = False
        self._position = 0
        self._tiled = 0

    def feed(self, audio: bytes) -> list[Segment]:
        """Take the next samples."""
        self._position += len(audio)
        said: list[Segment] = []
        while segment := self._next():
            said.append(segment)
        return said

    def finish(self) -> list[Segment]:
        """Return finals up to the last sample."""
        if self._tiled == self._position:
            return []
        return [self._final(self._position)]

    def _next(self) -> Segment | None:
        """Return the next thing to say that the audio has reached, in the order of time."""
        line = self._lines[0] if self._lines else None
        begin = None if line is None else round(line.start * SAMPLE_RATE)
        quiet_end = self._tiled + FINAL_EVERY
        if line is None or begin is None or quiet_end <= begin:
            return self._final(quiet_end) if quiet_end <= self._position else None
        end = max(round(line.end * SAMPLE_RATE), self._tiled + 1)
        words = _spread(line)
        middle = (begin + end) // 2
        if not self._half_said and len(words) > 1 and self._tiled < middle <= self._position:
            self._half_said = True
            half = words[: len(words) // 2]
            return Segment(self._tiled, middle, final=False, words=half)
        if end <= self._position:
            self._lines.pop(0)
            self._half_said = False
            return self._final(end, words)
        return None

    def _final(self, end: int, words: tuple[Word, ...] = ()) -> Segment:
        start, self._tiled = self._tiled, end
        return Segment(start, end, True, bool(words), words)


def _spread(line: Line) -> tuple[Word, ...]:
    """Give each word of a line an equal share of its time."""
    texts = line.text.split()
    share = (line.end - line.start) / max(1, len(texts))
    return tuple(
        Word(text, line.start + share * place, line.start + share * (place + 1), CONFIDENCE)
        for place, text in enumerate(texts)
    )


class Scripted:
    """Makes the recognisers of scripted mode: by a script, or naming the audio."""

    heavy = False

    def __init__(self, script: Sequence[Line] | None = None) -> None:
        self._script = script

    def __call__(self, *, channel: int, endpointing: int | None) -> ChannelRecogniser:
        """Make the recogniser of one channel."""
        if self._script is None:
            return NamedAudio(endpointing=endpointing)
        return FixedLines([line for line in self._script if line.channel == channel])
