"""How long a client waits before it comes back. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """
    Waits, in seconds: the first, then twice as long for each failure in a row, up to the longest.

    Each is shortened by up to a half, at random: clients of a service that was away do not all come
    back in one moment. A connection that brought something, or lived for ``good_life``, was good:
    what comes behind it is a first failure.
    """

    first: float = 0.5
    longest: float = 15.0
    good_life: float = 10.0

    def seconds(self, failures: int, chance: float) -> float:
        """Return the wait after so many failures in a row; ``chance`` is from 0 to 1."""
        doubled = self.first * float(2 ** min(failures - 1, 32))
        return min(self.longest, doubled) * (1 - chance / 2)
