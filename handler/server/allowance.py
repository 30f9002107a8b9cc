"""How much a peer may say, or ask for. Pure: the time comes in as an argument."""


class Allowance:
    """So much at once, then so much a second."""

    def __init__(self, burst: int, per_second: float, now: float) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._left = float(burst)
        self._counted_at = now

    @property
    def debt(self) -> float:
        """In how many seconds from the last count on it is earned what was spent beyond it."""
        return max(0.0, -self._left / self._per_second)

    def spend(self, now: float, count: int = 1) -> bool:
        """Count some; returns whether they were within the bounds."""
        earned = (now - self._counted_at) * self._per_second
        self._left = min(self._burst, self._left + earned) - count
        self._counted_at = now
        return self._left >= 0
