"""
Where two media streams of one call meet, by the audio itself. Pure.

Each stream has a clock of its own, and may cut the call into other frames. So what is compared are
places that the samples themselves choose: those behind which a window of them has a certain hash.
Both streams choose the same ones, wherever their frames begin.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
import numpy.typing as npt

# Samples that make up a landmark: 8 ms, in which no two pieces of speech are alike by chance.
WINDOW = 64
# One place in so many is a landmark: some thirty in each second of speech.
SPACING = 256
# A window with fewer different samples is silence, or a tone that says little of where it lies.
LEAST_VALUES = 8
# So many landmarks must agree; and twice as many as for any other place.
LEAST_VOTES = 4
# So far apart may two mixers place one side against the other: 20 ms.
SIDES_APART = 160

# Odd, so that it has an inverse modulo 2**64, and spreads its bits (the golden ratio's).
_BASE = 0x9E3779B97F4A7C15

Marks = Mapping[int, int]
Words = npt.NDArray[np.uint64]


class Landmarks:
    """
    The landmarks of one track, as its samples come.

    Attributes:
        found: Position behind each landmark's window, by its hash; of two alike, neither.
    """

    def __init__(self) -> None:
        self.found: dict[int, int] = {}
        self._repeated: set[int] = set()
        self._rest = b""  # the end of what came, for windows that are not whole yet
        self._end = 0

    def feed(self, start: int, samples: bytes) -> None:
        """
        Take the track's next samples.

        Args:
            start: Position of the first one; behind a hole, no window spans it.
            samples: mu-law.
        """
        if start != self._end:
            self._rest = b""
        first = start - len(self._rest)
        audio = self._rest + samples
        self._end = start + len(samples)
        for place, mark in _marks(audio):
            self._add(mark, first + place)
        self._rest = audio[-(WINDOW - 1) :]

    def forget(self, before: int) -> None:
        """Drop the landmarks that lie before a position."""
        self.found = {mark: place for mark, place in self.found.items() if place >= before}

    def _add(self, mark: int, place: int) -> None:
        if mark in self._repeated:
            return
        if mark in self.found:
            del self.found[mark]
            self._repeated.add(mark)
        else:
            self.found[mark] = place


def offset(theirs: Iterable[Marks], ours: Iterable[Marks]) -> int | None:
    """
    Return what to add to positions of ours to get theirs, to the sample; None if it is not certain.

    Where each side of the call is certain of another offset, and both are near, as two mixers may
    place them, it is that of the side which says more.

    Args:
        theirs: The landmarks of each track of one media stream.
        ours: Those of the other one, in the same order.
    """
    sides = [
        Counter(there[mark] - here[mark] for mark in there.keys() & here.keys())
        for there, here in zip(theirs, ours, strict=True)
    ]
    together = _winner(sum(sides, Counter()))
    if together is not None:
        return together
    winners = [winner for side in sides if (winner := _winner(side)) is not None]
    if len(winners) < len(sides) or max(winners) - min(winners) > SIDES_APART:
        return None
    return max(zip(sides, winners, strict=True), key=lambda one: one[0][one[1]])[1]


def _winner(votes: Counter[int]) -> int | None:
    (best, count), (_, next_count) = [*votes.most_common(2), (0, 0), (0, 0)][:2]
    return best if count >= LEAST_VOTES and count >= 2 * next_count else None


def _marks(audio: bytes) -> list[tuple[int, int]]:
    """Return the landmarks in a piece of audio: the place behind each window, and its hash."""
    count = len(audio) - WINDOW + 1
    if count <= 0:
        return []
    samples = np.frombuffer(audio, np.uint8)
    powers, inverses = _powers(1 << (len(audio) - 1).bit_length())
    sums = np.zeros(len(audio) + 1, np.uint64)
    np.cumsum(samples * powers[: len(audio)], out=sums[1:])
    hashes = (sums[WINDOW:] - sums[:count]) * inverses[:count]
    hashes ^= hashes >> np.uint64(29)  # the low bits of a product know little of the high ones
    chosen = np.flatnonzero(hashes % np.uint64(SPACING) == 0)
    return [
        (int(place) + WINDOW, int(hashes[place]))
        for place in chosen
        if len(set(audio[place : place + WINDOW])) >= LEAST_VALUES
    ]


@cache
def _powers(count: int) -> tuple[Words, Words]:
    """Return the powers of the base, and of its inverse."""
    return tuple(  # type: ignore[return-value]
        np.cumprod(np.r_[np.uint64(1), np.full(count - 1, base, np.uint64)], dtype=np.uint64)
        for base in (_BASE, pow(_BASE, -1, 1 << 64))
    )
