"""Whose transcript is made next: a few at a time, and not many wait."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from handler.errors import AtCapacity, EndCode, SubscriberError
from handler.subscribers.places import Places, Room

# More would only wait for the same CPU, beside the calls; and each takes twice the memory of its
# records while it is made.
AT_ONCE = 1
# Longer than those before it take, unless NATS cannot be read.
WAIT_SECONDS = 15.0


class TranscriptTurns:
    """
    Those that are made or read, and those that wait.

    Attributes:
        made: How many were made.
    """

    def __init__(self, places: Places) -> None:
        self.made = 0
        self._places = places
        self._turns = asyncio.Semaphore(AT_ONCE)

    def __len__(self) -> int:
        return self._places.taken

    @contextmanager
    def place(self, bearer: str | None) -> Iterator[None]:
        """
        Let a bearer have a transcript made, or wait for it.

        Raises:
            AtCapacity: too many wait.
            SubscriberError: with 4429; the bearer has asked for too many at once.
        """
        match self._places.room(bearer):
            case Room.FULL:
                raise AtCapacity(f"{self._places.in_all} transcripts wait to be made: come back")
            case Room.SHARE_TAKEN:
                raise SubscriberError(
                    EndCode.TOO_MUCH,
                    f"{self._places.each} transcripts at once for one token, or sub: come back "
                    "when one is done",
                )
        with self._places.taken_by(bearer):
            yield

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """
        Wait until one may be made.

        Raises:
            AtCapacity: the wait was too long.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise AtCapacity("transcripts take long to make now: come back later") from None
        try:
            yield
            self.made += 1
        finally:
            self._turns.release()
