"""Calls that subscribers ask for, and that are in no list: to come, long over, or never there."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from handler.errors import CallRefused, EndCode
from handler.subscribers.places import Places, Room

# NATS is asked about so many at a time: each takes it, and us, some milliseconds.
LOOKUPS_AT_ONCE = 4


class UnknownCalls:
    """
    Who asks for which, until the call is known or its subscriber gives up.

    Each is a subscription on NATS, read back and asked for again and again, so they are bounded.
    Several who ask for the same call need it once.

    Attributes:
        lookups: Held while NATS is asked for what it keeps of a call.
    """

    def __init__(self, places: Places) -> None:
        self.lookups = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        self._places = places
        self._asked = Counter[tuple[str | None, str]]()

    def __len__(self) -> int:
        return self._places.taken

    @contextmanager
    def place(self, bearer: str | None, call_sid: str) -> Iterator[None]:
        """
        Let a bearer wait for a call.

        Raises:
            CallRefused: with 4429; too many wait.
        """
        asked = (bearer, call_sid)
        if asked not in self._asked:
            self._check_room(bearer)
            self._places.take(bearer)
        self._asked[asked] += 1
        try:
            yield
        finally:
            self._asked[asked] -= 1
            if not self._asked[asked]:
                del self._asked[asked]
                self._places.give_back(bearer)

    def _check_room(self, bearer: str | None) -> None:
        room = self._places.room(bearer)
        if room is Room.FREE:
            return
        most = self._places.in_all if room is Room.FULL else self._places.each
        raise CallRefused(
            EndCode.TOO_MUCH,
            f"{most} calls are waited for already: ask when a call has begun, or for its number",
        )
