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

Lags = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


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
    lags = np.arange(guess - most, guess + most + 1)
    likeness = _likeness(theirs, ours, lags)
    best = int(likeness.argmax())
    others = likeness[abs(lags - lags[best]) > NEIGHBOURS]
    certain = likeness[best] >= LEAST_LIKENESS
    if not certain or (len(others) and likeness[best] - others.max() < LEAST_LEAD):
        return None
    return int(lags[best])


def _likeness(theirs: tuple[bytes, ...], ours: tuple[bytes, ...], lags: Lags) -> Numbers:
    """
    Return how alike both are if ours lie so many steps later on their clock: from -1 to 1, by lag.

    That is the correlation of what overlaps, of both tracks together. All lags are looked at in one
    pass: one after the other they would cost a call that moves 25 ms each time.
    """
    sums = np.sum([_sums(*pair, lags) for pair in zip(theirs, ours, strict=True)], axis=0)
    count, there, here, there_squared, here_squared, product = sums
    enough = count >= LEAST_STEPS * len(theirs)
    count = np.maximum(count, 1)
    size = (there_squared - there**2 / count) * (here_squared - here**2 / count)
    enough &= size > 0
    likeness = (product - there * here / count) / np.sqrt(np.where(enough, size, 1))
    return np.where(enough, likeness, -1.0)


def _sums(theirs: bytes, ours: bytes, lags: Lags) -> Numbers:
    """Return, by lag, how much of one track overlaps, and the sums over that which matter."""
    there, here = (np.frombuffer(steps, np.uint8).astype(np.float64) for steps in (theirs, ours))
    begins = np.clip(lags, 0, len(there))
    ends = np.clip(lags + len(here), begins, len(there))

    def of(steps: Numbers, begins: Lags, ends: Lags) -> Numbers:
        up_to = np.concatenate(([0.0], np.cumsum(steps)))
        return np.asarray(up_to[ends] - up_to[begins])

    products = np.zeros(len(lags))
    meets = ends > begins
    if meets.any():
        # numpy's own numbers lags from the one at which the last of ours meets the first of theirs.
        products[meets] = np.correlate(there, here, "full")[lags[meets] + len(here) - 1]
    where = [np.clip(end - lags, 0, len(here)) for end in (begins, ends)]
    return np.array(
        [
            ends - begins,
            of(there, begins, ends),
            of(here, *where),
            of(there**2, begins, ends),
            of(here**2, *where),
            products,
        ]
    )
