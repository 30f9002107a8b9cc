"""How far what is heard of a media stream lags behind what is said. Pure."""

from handler.audio.mulaw import SAMPLE_RATE

# A lag is forgotten by so much of each second: the clock that audio is sent by may run behind ours.
FORGOTTEN = 1e-3


class Lateness:
    """
    Compares when the newest audio came with when it might have: as that did which came soonest.

    What stood still on its way, or could not be read by a process that is busy, is late.
    """

    def __init__(self) -> None:
        self._zero: float | None = None  # when position 0 would have come, at the soonest
        self._position = 0
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
        self._position, self._noted_at = position, now

    def at(self, now: float) -> int:
        """Return by how much what came last is behind by now, in samples; 0 if nothing came."""
        if self._zero is None:
            return 0
        return max(0, round((now - self._zero) * SAMPLE_RATE) - self._position)
