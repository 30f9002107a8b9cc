"""
How loud a call is, in steps of 5 ms: where its streams meet if their samples differ. Pure.

Audio that was coded anew on its way has other samples and the same envelope.
"""

import numpy as np
import numpy.typing as npt

from handler.audio.levels import loudness

# Less is compared with too little, and may be alike by chance.
LEAST_STEPS = 200
# How alike the two must be where they meet, 1 being the same, and how much less anywhere else.
LEAST_LIKENESS = 0.8
LEAST_LEAD = 0.1
# Other places are those that are no neighbours of the best one: 50 ms.
NEIGHBOURS = 10

Levels = npt.NDArray[np.float32]


def envelope(samples: bytes) -> bytes:
    """
    Return how loud a track is at each step, from 0 for silence to 255; a rest is left out.

    Twenty units are a doubling, more or less: people hear, and speech varies, by ratios.
    """
    scaled = 20 * np.log2(1 + loudness(samples) / 8)
    return bytes(np.minimum(scaled, 255).astype(np.uint8))


def offset(theirs: tuple[bytes, ...], ours: tuple[bytes, ...], guess: int, most: int) -> int | None:
    """
    Return what to add to steps of ours to get theirs; None if it is not certain.

    Args:
        theirs: The envelope of each track of one media stream.
        ours: Those of the other one, in the same order.
        guess: The offset by the time at which both came.
        most: How far from it the offset may lie, in steps.
    """
    likeness = {lag: _likeness(theirs, ours, lag) for lag in range(guess - most, guess + most + 1)}
    best = max(likeness, key=likeness.__getitem__)
    others = [value for lag, value in likeness.items() if abs(lag - best) > NEIGHBOURS]
    certain = likeness[best] >= LEAST_LIKENESS
    if not certain or (others and likeness[best] - max(others) < LEAST_LEAD):
        return None
    return best


def _likeness(theirs: tuple[bytes, ...], ours: tuple[bytes, ...], lag: int) -> float:
    """Return how alike both are if ours lie ``lag`` steps later on their clock: from -1 to 1."""
    pairs = [_overlap(there, here, lag) for there, here in zip(theirs, ours, strict=True)]
    there = np.concatenate([pair[0] for pair in pairs])
    here = np.concatenate([pair[1] for pair in pairs])
    if len(there) < LEAST_STEPS * len(theirs):
        return -1.0
    there, here = there - there.mean(), here - here.mean()
    size = float(np.sqrt((there @ there) * (here @ here)))
    return float(there @ here) / size if size else -1.0


def _overlap(theirs: bytes, ours: bytes, lag: int) -> tuple[Levels, Levels]:
    begins, ends = max(0, lag), min(len(theirs), lag + len(ours))
    if ends <= begins:
        return np.empty(0, np.float32), np.empty(0, np.float32)
    there = np.frombuffer(theirs, np.uint8)[begins:ends]
    here = np.frombuffer(ours, np.uint8)[begins - lag : ends - lag]
    return there.astype(np.float32), here.astype(np.float32)
