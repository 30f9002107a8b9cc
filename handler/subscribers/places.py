"""Places that subscribers share: so many in all, and so many for each. Pure."""

import enum
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Room(enum.Enum):
    """Whether there is a place."""

    FREE = enum.auto()
    SHARE_TAKEN = enum.auto()  # whoever asks has as many as one may have
    FULL = enum.auto()


class Places:
    """
    Who has how many places.

    Whoever bears a token is one bearer, and so are all with the same ``sub``; None is for what
    nobody bears, on a service without tokens, and has no share.

    Attributes:
        in_all: How many there are.
        each: How many one bearer may have.
        taken: How many are taken.
    """

    def __init__(self, in_all: int, each: int) -> None:
        self.in_all = in_all
        self.each = each
        self.taken = 0
        self._taken_by = Counter[str | None]()

    def room(self, bearer: str | None) -> Room:
        """Return whether there is a place for a bearer."""
        if self.taken >= self.in_all:
            return Room.FULL
        if bearer is not None and self._taken_by[bearer] >= self.each:
            return Room.SHARE_TAKEN
        return Room.FREE

    def has(self, bearer: str | None) -> bool:
        """Whether a bearer has any."""
        return bearer in self._taken_by

    def take(self, bearer: str | None) -> None:
        """Take a place, for which there must be room."""
        self.taken += 1
        self._taken_by[bearer] += 1

    def give_back(self, bearer: str | None) -> None:
        """Give a place back that was taken."""
        self.taken -= 1
        self._taken_by[bearer] -= 1
        if not self._taken_by[bearer]:
            del self._taken_by[bearer]  # bearers come and go

    @contextmanager
    def taken_by(self, bearer: str | None) -> Iterator[None]:
        """Have a place, for which there must be room, for as long as it is needed."""
        self.take(bearer)
        try:
            yield
        finally:
            self.give_back(bearer)


def share(in_all: int, percent: int, least: int) -> int:
    """Return how many of some places one bearer may have: a part, but not fewer than it needs."""
    return min(in_all, max(least, in_all * percent // 100))
