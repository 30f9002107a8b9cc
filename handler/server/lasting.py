"""For how long something lasts, as one sees it who looks again and again. Pure."""


class Lasting:
    """
    Counts the time for which something lasts, in seconds of a clock that only goes forward.

    Between two looks no more than ``longest`` counts: where they lie further apart, it is the
    process that did not run (it was suspended, or the machine was), and nothing can be said of
    what lasted meanwhile.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._looked: float | None = None
        self._seconds = 0.0

    def look(self, now: float, *, lasts: bool) -> float:
        """Note whether it lasts; returns for how long it has."""
        if not lasts:
            self._seconds = 0.0
        elif self._looked is not None:
            self._seconds += min(now - self._looked, self._longest)
        self._looked = now
        return self._seconds
