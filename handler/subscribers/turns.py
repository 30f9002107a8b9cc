"""Waking many who wait, a slice at a time."""

import asyncio
from collections import deque

# Of one slice. Each message is written as soon as its reader wakes: that takes some 40 us, and
# 100 us for each 100 kB.
SLICE_BYTES = 256 * 1024
SLICE_READERS = 32


class Turns:
    """
    Gives those who wait their turn, and the loop its own after each slice.

    So a thousand readers of a long list hold up no call's audio for longer than a slice takes.
    """

    def __init__(self) -> None:
        self._due: deque[tuple[asyncio.Future[None], int]] = deque()
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()

    def add(self, waiting: asyncio.Future[None], size: int = 0) -> None:
        """Let a future be done in its turn; ``size`` is how many bytes will be written then."""
        self._due.append((waiting, size))
        self._some.set()
        self._none.clear()

    async def all_had(self) -> None:
        """Wait until everyone who was added has had a turn."""
        await self._none.wait()

    async def run(self) -> None:
        """Give turns, until cancelled."""
        while True:
            await self._some.wait()
            readers = size = 0
            while self._due and readers < SLICE_READERS and size < SLICE_BYTES:
                waiting, its_size = self._due.popleft()
                if not waiting.done():  # it has not left meanwhile
                    waiting.set_result(None)
                    readers, size = readers + 1, size + its_size
            if not self._due:
                self._some.clear()
                self._none.set()
            # What was woken runs before this goes on.
            await asyncio.sleep(0)
