"""How far what is heard of a media stream lags behind what is said. Pure."""

from handler.audio.mulaw import SAMPLE_RATE

# A lag is forgotten by so much of each second: the clock that audio is sent by may run behind ours.
FORGOTTEN = 1e-3


class Lateness:
    """
    Compares when audio came with when it might have come: as that did which came soonest.

    A path that stands still, or a process that is too busy to read, makes it late; both bring what
    they held back in a burst.
    """

    def __init__(self) -> None:
        self._zero: float | None = None  # when position 0 would have come, at the soonest
        self._noted_at = 0.0

    def note(self, position: int, now: float) -> None:
        """
        Take that audio has come.

        Args:
            position: Where it ends, in samples.
            now: By a clock that runs evenly, in seconds.
        """
        zero = now - position / SAMPLE_RATE
        if self._zero is None:
            self._zero = zero
        else:
            self._zero = min(zero, self._zero + FORGOTTEN * (now - self._noted_at))
        self._noted_at = now

    def at(self, position: int, now: float) -> int:
        """Return by how much what ends at a position is behind, in samples; 0 if nothing came."""
        if self._zero is None:
            return 0
        return max(0, round((now - self._zero) * SAMPLE_RATE) - position)
