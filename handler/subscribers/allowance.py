"""How much a subscriber may say. Pure: the time comes in as an argument."""


class Allowance:
    """So many messages at once, then so many a second."""

    def __init__(self, burst: int, per_second: float, now: float) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._left = float(burst)
        self._counted_at = now

    def spend(self, now: float) -> bool:
        """Count a message; returns whether it was within the bounds."""
        earned = (now - self._counted_at) * self._per_second
        self._left = min(self._burst, self._left + earned) - 1
        self._counted_at = now
        return self._left >= 0
