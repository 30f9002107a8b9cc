"""Going round those who read, when there is news for them: for so long in each turn of the loop."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

# Of one turn of the loop, whichever calls they read; then calls' audio has its own.
TURN_SECONDS = 0.002
# Visits that are made before what they bring is written. A write is a long way through the kernel:
# after it Python finds the caches cold. Fifty visits in a row, and then their writes, take a tenth
# less than each visit with its own: some 15 us a reader.
VISITS_IN_A_ROW = 50

# What a visit brings: what writes it, at once as the loop's transports do, and the bytes.
Writing = tuple[Callable[[bytes], object], bytes]


class Visited(Protocol):
    """
    One who reads.

    Attributes:
        due: Whether a visit is due; set and cleared by :class:`Rounds`.
    """

    due: bool

    def visit(self) -> Writing | None:
        """
        Look at what is new, all of it; returns what is to be written, in the same turn.

        It never waits, and raises nothing.
        """


class Behind:
    """
    Stands behind readers in a round: says when what their visits brought has been written.

    Args:
        note: Told so.
    """

    def __init__(self, note: Callable[[], None]) -> None:
        self.due = False
        self._note = note

    def visit(self) -> Writing:
        """Bring nothing, whose turn to be written comes after theirs."""
        return self._write, b""

    def _write(self, _: bytes) -> None:
        self._note()


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
        self._unwritten: deque[Writing] = deque()
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
                if (writing := reader.visit()) is not None:
                    self._unwritten.append(writing)
                if len(self._unwritten) == VISITS_IN_A_ROW:
                    self._write()
                if self._clock() >= end:
                    break
            self._write()
        finally:  # also after a defect in a visit, which is the loop's to report
            self._going = bool(self._due or self._unwritten)
            if self._going:
                asyncio.get_running_loop().call_soon(self._turn)

    def _write(self) -> None:
        while self._unwritten:
            write, data = self._unwritten.popleft()
            write(data)
