"""One call's entry in the registry, kept as its owner says."""

import asyncio
import enum
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import msgspec
import structlog

from broker import supervise
from broker.entries import CallEntry
from broker.registry import Registry

# How long the end of an owner waits for the registry.
LISTING_SECONDS = 10.0
FIRST_RETRY = 0.5
LONGEST_RETRY = 5.0  # shorter than that: an end must not wait for a pause


class State(enum.Enum):
    """What becomes of the entry; :meth:`Listing._set` alone sets it."""

    KEPT = enum.auto()  # while the call goes on here
    LEFT = enum.auto()  # it stays for who goes on with the call, or ends it
    ENDED = enum.auto()  # it is to be deleted


class Listing:
    """
    Keeps one call's entry in the registry.

    :meth:`update`, :meth:`begin` and :meth:`note_stored` never wait; :meth:`run` writes what they
    say, until :meth:`leave` or :meth:`end`. A defect in writing is reported, and tried again.
    """

    def __init__(
        self,
        registry: Registry,
        entry: CallEntry,
        *,
        epochs: Collection[str],
    ) -> None:
        """
        Prepare the entry; it is written once it is begun.

        Args:
            registry: Where to.
            entry: What it says.
            epochs: All claims of the owner: it grows.
        """
        self._registry = registry
        self._entry = entry
        self._epochs = epochs
        self._state = State.KEPT
        self._due = asyncio.Event()
        self._written = False  # once
        self._missing = False  # it was there, and is not
        self._understated = False  # it tells less than is transcribed
        self._task: asyncio.Task[None] | None = None

    def begin(
        self,
        stored_ends: Callable[[], Mapping[str, float] | None],
        is_ours: Callable[[], Awaitable[bool]],
        **changes: Any,  # noqa: ANN401  fields of CallEntry
    ) -> None:
        """
        The call is claimed: write the entry, and know when it goes missing.

        Args:
            stored_ends: How far the stored finals of each track reach; None if all are stored.
            is_ours: Whether nobody else has written the call.
            changes: What it says besides.
        """
        self._registry.watch_entry(self._entry.call_sid, self._on_missing)
        self.update(**changes)
        self._task = asyncio.create_task(
            self._run(stored_ends, is_ours), name=f"{self._entry.call_sid} registry"
        )

    def update(self, **changes: Any) -> None:  # noqa: ANN401  fields of CallEntry
        """Change what it says: ``state``, ``covered``."""
        self._entry = msgspec.structs.replace(self._entry, **changes)
        self._due.set()

    def note_stored(self) -> None:
        """All finals are stored: what was left out may be said."""
        if self._understated:
            self._due.set()

    async def leave(self) -> None:
        """Write what it says now, for whoever goes on with the call: where we stopped."""
        await self._finish(State.LEFT)

    async def end(self) -> None:
        """Delete it: the call is over."""
        # A put in flight must be over, or its entry would outlive the deletion.
        await self._finish(State.ENDED)
        await self._registry.delete_call(self._entry.call_sid, self._epochs)

    async def withdraw(self) -> None:
        """Delete it if it is still ours: another owner has the call."""
        try:
            async with asyncio.timeout(LISTING_SECONDS):
                await self.close()
                await self._registry.delete_call(self._entry.call_sid, self._epochs)
        except TimeoutError:
            pass

    async def abandon(self, received: float) -> None:
        """Say that the call has no owner any more; raises TimeoutError if that cannot be said."""
        self._entry = msgspec.structs.replace(
            self._entry, owner="", abandoned="crashed", received=received
        )
        async with asyncio.timeout(LISTING_SECONDS):
            await self._registry.put_call(self._entry, self._epochs)

    async def close(self) -> None:
        """Write no more."""
        if self._task is not None:
            await supervise.end(self._task)
        self._registry.unwatch_entry(self._entry.call_sid, self._on_missing)

    async def _run(
        self,
        stored_ends: Callable[[], Mapping[str, float] | None],
        is_ours: Callable[[], Awaitable[bool]],
    ) -> None:
        """
        Write the entry whenever it changes.

        Both are the writer's, and held by this task alone: a writer that is held by what it holds
        would stay in memory, with all of its call, until the collector comes.
        """
        backoff = supervise.Backoff(FIRST_RETRY, LONGEST_RETRY)
        while True:
            await self._due.wait()
            self._due.clear()
            if self._state is State.ENDED:
                return
            try:
                await self._write(stored_ends, is_ours)
                backoff.reset()
            except Exception:  # noqa: BLE001  it would stay unlisted for good
                structlog.get_logger().exception(
                    "defect: a call could not be listed", call_sid=self._entry.call_sid
                )
                self._due.set()
                await backoff.pause()
            if self._state is State.LEFT and not self._due.is_set():
                return

    async def _write(
        self,
        stored_ends: Callable[[], Mapping[str, float] | None],
        is_ours: Callable[[], Awaitable[bool]],
    ) -> None:
        missing, self._missing = self._missing, False
        try:
            if missing and not await is_ours():
                return  # whoever owns it now has deleted the entry, or will
            first = not self._written
            entry = self._as_stored(stored_ends())
            await self._registry.put_call(entry, self._epochs, first=first)
            self._written = True
        except BaseException:
            self._missing = self._missing or missing  # the next attempt is to ask again
            raise

    def _as_stored(self, ends: Mapping[str, float] | None) -> CallEntry:
        """Return the entry; it claims nothing to be transcribed that may yet be refused."""
        covered = self._entry.covered
        self._understated = bool(covered) and ends is not None
        if self._understated and ends is not None:
            covered = {track: min(end, ends.get(track, 0.0)) for track, end in covered.items()}
        return msgspec.structs.replace(self._entry, covered=covered)

    async def _finish(self, state: State) -> None:
        self._set(state)
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=LISTING_SECONDS)

    def _set(self, state: State) -> None:
        self._state = state
        self._due.set()

    def _on_missing(self) -> None:
        """Write it again: it was lost with the bucket, or deleted by who took us for dead."""
        self._missing = True
        self._due.set()
