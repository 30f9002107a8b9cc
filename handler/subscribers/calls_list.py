"""The list of live calls: told to its readers when it changes, and to each number's followers."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol, Self

from broker import supervise
from broker.entries import CallEntry
from handler.server.frames import SharedMessage
from handler.subscribers.listing import Listing, Rights
from handler.subscribers.turns import Turns
from handler.tokens.grants import Grant

# In a storm of changes the registry is looked at once in so many seconds.
LOOK_SECONDS = 0.05
# And a list is told once in so many, or more rarely: telling takes no more than this share of the
# time. The first change after a quiet time is told at once.
TELL_SECONDS = 0.2
TELL_SHARE = 0.25


class Registry(Protocol):
    """What the list is made from: :class:`broker.registry.Registry`."""

    def calls(self) -> Mapping[str, CallEntry]:
        """Return the live calls by callSid."""

    def get(self, call_sid: str) -> CallEntry | None:
        """Return a call if it is live."""

    def changes(self) -> AsyncIterator[None]:
        """Yield now and after each change; several that come together count as one."""


class _Audience:
    """Those who see the same list; it is made once for all of them."""

    def __init__(self, rights: Rights, payload: bytes) -> None:
        self.rights = rights
        self.readers: set[ListReader] = set()
        self.newest = SharedMessage(payload)
        self.outdated = False


class CallsList:
    """
    The list of live calls. An async context manager, for the tasks that look and tell.

    Readers with equal rights share the bytes of one list, and nobody keeps older ones: a reader
    that has not taken a list yet gets the newest one next, whatever came in between.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._listing = Listing()
        self._audiences: dict[Rights, _Audience] = {}
        self._audiences_by_name: dict[str, set[_Audience]] = {}
        self._untold: dict[_Audience, None] = {}
        self._some_untold = asyncio.Event()
        self._followers: dict[str, set[NumberFollower]] = {}
        self._turns = Turns()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            supervise.keep(self._watch, "list of calls"),
            supervise.keep(self._tell, "readers of the list"),
            supervise.keep(self._turns.run, "turns of readers"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        await supervise.end(*self._tasks)

    def visible(self, grant: Grant) -> list[CallEntry]:
        """Return the live calls that a token may see, oldest first."""
        self._look()
        return self._listing.visible(Rights.of(grant))

    def of_number(self, number: str) -> list[CallEntry]:
        """Return the live calls from or to a number, oldest first, as they were last looked at."""
        return self._listing.visible(Rights(frozenset({number})))

    def get(self, call_sid: str) -> CallEntry | None:
        """Return a call, as it was last looked at, if it was live."""
        return self._listing.get(call_sid)

    def message(self, grant: Grant) -> bytes:
        """Return the ``Calls`` message: what ``GET /calls`` answers."""
        self._look()
        return self._listing.message(Rights.of(grant))

    @asynccontextmanager
    async def read(self, grant: Grant) -> AsyncIterator["ListReader"]:
        """Open the list to a reader."""
        reader = ListReader(self, self._turns)
        self.join(reader, grant)
        try:
            yield reader
        finally:
            self.leave(reader)

    @asynccontextmanager
    async def follow_number(self, number: str) -> AsyncIterator["NumberFollower"]:
        """Open the calls from or to a number, or one call by its callSid, to a follower."""
        self._look()
        live = {call.call_sid for call in self.of_number(number)}
        follower = NumberFollower(self._turns, live)
        self._followers.setdefault(number, set()).add(follower)
        try:
            yield follower
        finally:
            self._followers[number].discard(follower)
            if not self._followers[number]:
                del self._followers[number]

    async def listed(self, call_sid: str) -> None:
        """Wait until a call is live."""
        async with self.follow_number(call_sid) as follower:
            while self._registry.get(call_sid) is None:
                await follower.changed()

    def join(self, reader: "ListReader", grant: Grant) -> None:
        """Show a reader the list that a token may see; in place of another one, if it had one."""
        self.leave(reader)
        self._look()
        rights = Rights.of(grant)
        audience = self._audiences.get(rights)
        if audience is None:
            audience = _Audience(rights, self._listing.message(rights))
            self._audiences[rights] = audience
            for name in rights.names:
                self._audiences_by_name.setdefault(name, set()).add(audience)
        else:
            self._make(audience)
        audience.readers.add(reader)
        reader.audience = audience
        reader.offer()

    def leave(self, reader: "ListReader") -> None:
        """Keep no list for a reader."""
        audience, reader.audience = reader.audience, None
        if audience is None:
            return
        audience.readers.discard(reader)
        if audience.readers:
            return
        del self._audiences[audience.rights]
        self._untold.pop(audience, None)
        for name in audience.rights.names:
            audiences = self._audiences_by_name[name]
            audiences.discard(audience)
            if not audiences:
                del self._audiences_by_name[name]

    def _look(self) -> None:
        """Take what the registry knows now, and note who is to be told of it."""
        for call_sid, names in self._listing.update(self._registry.calls()).items():
            for name in names:
                for audience in self._audiences_by_name.get(name, ()):
                    audience.outdated = True
                    self._untold[audience] = None
                for follower in self._followers.get(name, ()):
                    follower.note(call_sid)
        if self._untold:
            self._some_untold.set()

    async def _watch(self) -> None:
        async for _ in self._registry.changes():
            self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _tell(self) -> None:
        """Tell all that changed in one pass; what changes meanwhile is told in the next one."""
        while True:
            await self._some_untold.wait()
            begun = time.monotonic()
            for audience in list(self._untold):
                self._untold.pop(audience, None)  # so a defect at one leaves the others due
                self._make(audience)
                for reader in audience.readers:
                    reader.offer()
                await asyncio.sleep(0)
            if not self._untold:
                self._some_untold.clear()
            await self._turns.all_had()
            took = time.monotonic() - begun
            await asyncio.sleep(max(TELL_SECONDS, took / TELL_SHARE) - took)

    def _make(self, audience: _Audience) -> None:
        """Make the newest list of an audience, if it may be another one."""
        if audience.outdated:
            audience.outdated = False
            payload = self._listing.message(audience.rights)
            if payload != audience.newest.payload:
                audience.newest = SharedMessage(payload)


class NumberFollower:
    """One follower's place at the calls of a number: made by :meth:`CallsList.follow_number`."""

    def __init__(self, turns: Turns, live: set[str]) -> None:
        self._turns = turns
        self._changed = live
        self._waiting: asyncio.Future[None] | None = None

    def note(self, call_sid: str) -> None:
        """Let the follower look at a call of its number: it has begun, changed or ended."""
        self._changed.add(call_sid)
        if self._waiting is not None:
            self._turns.add(self._waiting)
            self._waiting = None

    async def changed(self) -> set[str]:
        """Wait for calls that the follower is to look at; at first, those that live."""
        while not self._changed:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        changed, self._changed = self._changed, set()
        return changed


class ListReader:
    """One reader's place: made by :meth:`CallsList.read`, and asked for the newest list."""

    def __init__(self, calls: CallsList, turns: Turns) -> None:
        self.audience: _Audience | None = None
        self._calls = calls
        self._turns = turns
        self._had = b""
        self._waiting: asyncio.Future[None] | None = None
        self._offered = False

    def renew(self, grant: Grant) -> None:
        """Take a fresh token's rights: the list that it sees is told at once, if it is another."""
        self._calls.join(self, grant)

    def repeat(self) -> None:
        """Tell the list once more, whatever the reader has had."""
        self._had = b""
        self.offer()

    def offer(self) -> None:
        """Give the reader a turn if it waits, and there is a list that it has not had."""
        if self._waiting is None or self._offered or self.audience is None:
            return
        newest = self.audience.newest.payload
        if newest is not self._had and newest != self._had:
            self._offered = True
            self._turns.add(self._waiting, len(newest))

    async def newest(self) -> SharedMessage:
        """Wait for a list that the reader has not had; asking again says that it took the last."""
        while True:
            self._waiting = asyncio.get_running_loop().create_future()
            self._offered = False
            self.offer()
            try:
                await self._waiting
            finally:
                self._waiting = None
            if self.audience is not None and self.audience.newest.payload != self._had:
                self._had = self.audience.newest.payload
                return self.audience.newest
