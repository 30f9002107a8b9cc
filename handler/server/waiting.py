"""
What a connection is waited for with: as good as asyncio's queue and event, a tenth of their size.

Each of asyncio's has a deque for those who wait, and a queue has three and an event of its own: of
a thousand sockets that is four megabytes, to wait for nothing.
"""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Messages for one who asks for them, in order."""

    __slots__ = ("_asked", "_messages")

    def __init__(self) -> None:
        self._messages: list[T] = []
        self._asked: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        """Whether there is none."""
        return not self._messages

    def put_nowait(self, message: T) -> None:
        """Leave a message."""
        self._messages.append(message)
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(None)

    async def get(self) -> T:
        """Return the next message, once there is one."""
        while not self._messages:
            self._asked = asyncio.get_running_loop().create_future()
            try:
                await self._asked
            finally:
                self._asked = None
        return self._messages.pop(0)


class Gate:
    """Open or shut; any number may wait until it opens."""

    __slots__ = ("_opening",)

    def __init__(self) -> None:
        self._opening: asyncio.Future[None] | None = None  # while it is shut

    def is_set(self) -> bool:
        """Whether it is open."""
        return self._opening is None

    def set(self) -> None:
        """Open it."""
        if self._opening is not None:
            self._opening.set_result(None)
            self._opening = None

    def clear(self) -> None:
        """Shut it."""
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_future()

    async def wait(self) -> None:
        """Wait until it is open."""
        while self._opening is not None:
            await asyncio.shield(self._opening)  # whoever is cancelled cancels it for nobody else
