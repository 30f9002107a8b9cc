"""Going round those who read, when there is news for them: so many in each turn of the loop."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Protocol

# Of one turn of the loop, whichever calls they read: then calls' audio has its own. A visit takes
# some 12 us, most of it to write what it brings, so a turn takes 1 to 2 ms. They are counted, not
# timed: uvloop writes at the end of a turn what was written in it.
VISITS_A_TURN = 100


class Visited(Protocol):
    """
    One who reads.

    Attributes:
        due: Whether a visit is due; set and cleared by :class:`Rounds`.
    """

    due: bool

    def visit(self) -> None:
        """Look at what is new, all of it. It never waits, and raises nothing."""


class Rounds:
    """
    Visits who is due, in the order in which they became so.

    One who is due already is not due twice: it finds all that is new when its visit comes. So this
    holds no more than there are readers, and one round of many is no longer for what comes
    meanwhile.
    """

    def __init__(self) -> None:
        self._due: deque[Visited] = deque()
        self._going = False

    def add(self, readers: Iterable[Visited]) -> None:
        """Let readers be visited soon."""
        for reader in readers:
            if not reader.due:
                reader.due = True
                self._due.append(reader)
        if self._due and not self._going:
            self._going = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        due = self._due
        for _ in range(min(VISITS_A_TURN, len(due))):
            reader = due.popleft()
            reader.due = False
            reader.visit()
        if due:
            asyncio.get_running_loop().call_soon(self._turn)
        else:
            self._going = False
