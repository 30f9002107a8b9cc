"""Going round those who read, when there is news for them: for so long in each turn of the loop."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

# Of one turn of the loop, whichever calls they read; then calls' audio has its own. A visit takes
# some 18 us, most of it to write what it brings: the loop's transports write at once.
TURN_SECONDS = 0.002


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

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
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
        end = self._clock() + TURN_SECONDS
        try:
            while self._due:
                reader = self._due.popleft()
                reader.due = False
                reader.visit()
                if self._clock() >= end:
                    break
        finally:  # also after a defect in a visit, which is the loop's to report
            self._going = bool(self._due)
            if self._going:
                asyncio.get_running_loop().call_soon(self._turn)
