"""
The audio of a call that the recogniser may still need, and where each connection's times lie.

Pure: positions are samples on the call clock.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import replace

from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.audio.mulaw import SAMPLE_RATE


class ReplayBuffer:
    """
    Keeps the mixed audio until the recogniser's finals have passed it.

    Bounded by ``capacity`` samples: the oldest audio goes first, and what went before the
    recogniser was done with it is reported as lost.
    """

    def __init__(self, *, capacity: int) -> None:
        self.capacity = capacity
        self.end = 0  # after the newest audio ever appended
        self.size = 0  # samples held
        self._chunks: deque[Chunk] = deque()
        self._released = 0
        self._dropped: Loss | None = None

    def append(self, chunk: Chunk) -> None:
        """Add the newest audio."""
        self._chunks.append(chunk)
        self.size += chunk.end - chunk.start
        self.end = chunk.end
        while self.size > self.capacity:
            oldest = self._pop_oldest()
            start = oldest.start if self._dropped is None else self._dropped.start
            self._dropped = Loss(start, oldest.end, None, "recogniser-unreachable")

    def release(self, until: int) -> None:
        """Forget what lies before ``until``: the finals of every channel have passed it."""
        if until <= self._released:
            return
        self._released = until
        while self._chunks and self._chunks[0].end <= until:
            self._pop_oldest()
        if self._dropped is not None and self._dropped.end <= until:
            self._dropped = None

    def after(self, position: int) -> Chunk | None:
        """
        Return the first audio at or after ``position``, cut so that it begins there.

        A chunk that begins later means that the call made a leap there, or that audio was lost.
        """
        found = None
        for chunk in reversed(self._chunks):  # what is wanted is mostly the newest
            if chunk.end <= position:
                break
            found = chunk
        if found is None or found.start >= position:
            return found
        return Chunk(position, found.audio[2 * (position - found.start) :])

    def collect_dropped(self, position: int) -> Loss | None:
        """
        Return what was dropped at or after ``position`` and forget it.

        What was dropped before it is kept in mind until it is released: it was sent, but if the
        connection breaks before its finals come, it is lost.
        """
        dropped = self._dropped
        if dropped is None or dropped.end <= position:
            return None
        self._dropped = replace(dropped, end=position) if dropped.start < position else None
        return replace(dropped, start=max(dropped.start, position))

    def _pop_oldest(self) -> Chunk:
        chunk = self._chunks.popleft()
        self.size -= chunk.end - chunk.start
        return chunk


class SentAudio:
    """
    What one connection was sent, so that its times can be moved to the call clock.

    Deepgram counts seconds of audio from the connection's first byte. The call clock also runs
    while nothing is sent, so the map is a line with steps: one entry for each leap.
    """

    def __init__(self) -> None:
        self.samples = 0
        self._sent_at: list[int] = []
        self._call_at: list[int] = []

    def add(self, chunk: Chunk) -> None:
        """Note that ``chunk`` was sent next."""
        if not self._sent_at or self.end != chunk.start:
            self._sent_at.append(self.samples)
            self._call_at.append(chunk.start)
        self.samples += chunk.end - chunk.start

    @property
    def end(self) -> int:
        """Position on the call clock after the last sample sent."""
        return self._call_at[-1] + self.samples - self._sent_at[-1] if self._sent_at else 0

    def starts_at(self, seconds: float) -> float:
        """Move the beginning of something to the call clock; both in seconds."""
        # Half a sample forgives the rounding of Deepgram's floats.
        return self._moved(seconds, bisect_right(self._sent_at, seconds * SAMPLE_RATE + 0.5))

    def ends_at(self, seconds: float) -> float:
        """Move the end of something; at a leap it belongs to what was said before."""
        return self._moved(seconds, bisect_left(self._sent_at, seconds * SAMPLE_RATE - 0.5))

    def _moved(self, seconds: float, entry: int) -> float:
        if not self._sent_at:
            return seconds
        entry = max(0, entry - 1)
        return seconds + (self._call_at[entry] - self._sent_at[entry]) / SAMPLE_RATE
