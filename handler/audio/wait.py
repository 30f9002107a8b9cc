"""How long the audio of one track waits for the other's. Pure: the time comes in."""

from collections import deque

# Both tracks stopped at once: the path stands still, and what one of them has ahead waits for the
# other's in the burst to come. After so many seconds it is taken for silence.
MAX_STALL = 5.0
ROUNDING = 1e-6  # of times in floats, in seconds


class Wait:
    """
    The wait for the other track, by a clock that stands still while the path does.

    ``seconds`` is how long audio waits, counted from the first time that it was seen.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._clock = 0.0  # the time that counts: that of the calls, without the time of stalls
        self._then: float | None = None
        self._marked = 0
        # How far the leading track had come at recent times: (clock, position).
        self._marks: deque[tuple[float, int]] = deque()
        self._overdue = 0

    def overdue(self, now: float, lead: int, *, fed: bool, in_step: bool) -> int:
        """
        Return the position before which all audio has waited long enough.

        Args:
            now: Seconds, by any monotonic clock.
            lead: How far the leading track has come.
            fed: Whether a frame came since the last call.
            in_step: Whether both tracks end in audio of their own.
        """
        self._advance(now, lead, fed=fed, in_step=in_step)
        while self._marks and self._marks[0][0] <= self._clock - self._seconds + ROUNDING:
            self._overdue = self._marks.popleft()[1]
        return self._overdue

    def _advance(self, now: float, lead: int, *, fed: bool, in_step: bool) -> None:
        """Let the clock run, but not while both tracks stand still."""
        elapsed = 0.0 if self._then is None else now - self._then
        if fed:
            # The path may have stood still since, or be in the midst of a burst: while both tracks
            # are in step, no interval counts for much.
            self._clock += min(elapsed, self._seconds / 2) if in_step else elapsed
        elif not in_step or elapsed >= MAX_STALL:
            self._clock += elapsed
        else:
            return
        self._then = now
        if lead > self._marked:
            self._marks.append((self._clock, lead))
            self._marked = lead
