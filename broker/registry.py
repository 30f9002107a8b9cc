"""Which calls are live: a KV bucket, and this process's own copy of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from broker import supervise
from broker.entries import CallEntry, is_gone, read_entry
from broker.errors import BadName, HistoryUnavailable
from broker.stream import last_stored, read_history

if TYPE_CHECKING:
    from broker.broker import Broker

WRITE_SECONDS = 2.0
FIRST_RETRY = 0.1
LONGEST_RETRY = 2.0
# A lost update would show for no longer than this.
SNAPSHOT_SECONDS = 60.0
TOMBSTONE_SECONDS = 60  # whole seconds, as NATS wants them
# Something newer was stored for the key than the writer knew of.
WRONG_LAST_SEQUENCE = frozenset({10071, 10164})

_log = structlog.get_logger()


class Registry:
    """
    This process's view of all live calls, and its own entries in it.

    A call counts while its owner's lease lives, so the calls of a process that died leave the list
    by themselves. The view is read whole at the start, after each reconnection and once a minute,
    and kept by what the bucket republishes.
    """

    def __init__(self, broker: "Broker") -> None:
        self._broker = broker
        self._calls: dict[str, CallEntry] = {}
        self._leases: set[str] = set()
        self._lease_seen: dict[str, int] = {}  # Unix ms at which a lease was last renewed
        self.fresh = False  # the view was read since NATS is there
        self._revisions: dict[str, int] = {}
        self._owned: dict[
            str, Callable[[], None]
        ] = {}  # calls written here: whom to tell of a loss
        self._created: object = None  # when the bucket was
        self._changed = asyncio.Event()
        self._snapshot_due = asyncio.Event()
        self._subscribed_with: Client | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def calls(self) -> dict[str, CallEntry]:
        """Return the live calls by callSid."""
        return {sid: call for sid, call in self._calls.items() if call.owner in self._leases}

    def get(self, call_sid: str) -> CallEntry | None:
        """Return a call if it is live."""
        call = self._calls.get(call_sid)
        return call if call is not None and call.owner in self._leases else None

    def entry(self, call_sid: str) -> CallEntry | None:
        """Return what the bucket says of a call, be its owner alive or not."""
        return self._calls.get(call_sid)

    def by_number(self, number: str) -> list[CallEntry]:
        """Return the live calls from or to a number, oldest first."""
        found = [call for call in self.calls().values() if number in (call.from_, call.to)]
        return sorted(found, key=lambda call: call.started_at)

    def orphans(self) -> list[CallEntry]:
        """Return the calls whose owner gives no sign of life."""
        return [call for call in self._calls.values() if call.owner not in self._leases]

    def has_lease(self, instance: str) -> bool:
        """Whether a process gives signs of life."""
        return instance in self._leases

    def lease_seen(self, instance: str) -> int | None:
        """Return the Unix time in ms of a process's last sign of life, if it is known."""
        return self._lease_seen.get(instance)

    async def changes(self) -> AsyncIterator[None]:
        """Yield now and after each change; several that come together count as one."""
        while True:
            changed = self._changed  # before the reader looks: no change is missed meanwhile
            yield
            await changed.wait()

    # What the connection does with it

    async def open(self) -> None:
        """Begin: NATS is there for the first time."""
        self._tasks = [
            supervise.start(self._renew_lease(), "lease"),
            supervise.start(self._keep_view(), "registry"),
        ]

    async def close(self) -> None:
        """Give the lease back, so that this process's calls leave the list at once."""
        if not self._tasks:
            return
        await supervise.end(*self._tasks)
        with suppress(nats.errors.Error, TimeoutError, OSError):
            async with asyncio.timeout(WRITE_SECONDS):
                await self._delete(self._broker.subjects.lease_key(self._instance))

    def on_disconnect(self) -> None:
        """NATS went away: the view grows old."""
        self.fresh = False

    def on_reconnect(self) -> None:
        """NATS is back: read the view again."""
        self._snapshot_due.set()

    # What the owner of a call does with it: tried until done, or cancelled

    def own(self, call_sid: str, on_missing: Callable[[], None]) -> None:
        """Let the owner of a call know when its entry goes missing."""
        self._owned[call_sid] = on_missing

    def disown(self, call_sid: str, on_missing: Callable[[], None]) -> None:
        """Stop that, unless the call has another owner in this process by now."""
        if self._owned.get(call_sid) == on_missing:
            del self._owned[call_sid]

    async def put_call(
        self, entry: CallEntry, epochs: Collection[str], *, first: bool = False
    ) -> None:
        """
        Write a call's entry, unless a later claim has written it.

        Args:
            entry: What is to be said of the call.
            epochs: The claims of the one who writes it.
            first: It has just claimed the call: what is there is a former owner's.
        """
        shown = self._calls.get(entry.call_sid)
        if not first and shown is not None and shown.epoch not in epochs:
            return
        key = self._broker.subjects.call_key(entry.call_sid)
        expected = self._revisions.get(self._broker.subjects.key_of(key), 0)
        delay = FIRST_RETRY
        while True:
            try:
                await self._write(key, entry, expected=expected)
            except nats.js.errors.APIError as exc:
                if exc.err_code not in WRONG_LAST_SEQUENCE:
                    await asyncio.sleep(delay)
                    delay = min(2 * delay, LONGEST_RETRY)
                    continue
                stored = await self._stored(key)
                if stored is None:
                    await asyncio.sleep(delay)
                    delay = min(2 * delay, LONGEST_RETRY)
                    continue
                expected, epoch = stored
                if not first and epoch not in (None, *epochs):
                    return  # another one has taken the call over
            except (nats.errors.Error, TimeoutError, OSError):
                await asyncio.sleep(delay)
                delay = min(2 * delay, LONGEST_RETRY)
            else:
                return

    async def delete_call(self, call_sid: str, epochs: Collection[str]) -> None:
        """Delete a call's entry, unless another owner has written it since."""
        key = self._broker.subjects.call_key(call_sid)
        delay = FIRST_RETRY
        while True:
            stored = await self._stored(key)
            if stored is not None:
                revision, epoch = stored
                if epoch not in epochs:
                    return  # gone, or not ours any more
                with suppress(nats.errors.Error, TimeoutError, OSError):
                    await self._delete(key, revision=revision)
                    return
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_RETRY)

    async def _stored(self, key: str) -> tuple[int, str | None] | None:
        """Return revision and epoch of an entry (no epoch: it is gone), or None: not known now."""
        try:
            newest = await last_stored(
                self._broker.client, f"KV_{self._broker.subjects.bucket}", key
            )
        except HistoryUnavailable:
            return None
        if newest is None:
            return 0, None
        if is_gone(newest.headers):
            return newest.sequence, None
        try:
            return newest.sequence, msgspec.json.decode(newest.data, type=CallEntry).epoch
        except msgspec.MsgspecError:
            return newest.sequence, None  # not ours: overwritten

    async def delete_entry(self, call_sid: str) -> None:
        """Delete the entry of a call that is over, as it is in the view; once, and not for sure."""
        key = self._broker.subjects.call_key(call_sid)
        revision = self._revisions.get(self._broker.subjects.key_of(key))
        with suppress(nats.errors.Error, TimeoutError, OSError):
            await self._delete(key, revision=revision)

    @property
    def _instance(self) -> str:
        return self._broker.settings.instance

    async def _write(
        self,
        key: str,
        value: CallEntry | dict[str, str],
        *,
        ttl: int = 0,
        expected: int | None = None,
    ) -> None:
        """Write a key, if its revision is as expected. The client's own KV knows no TTL."""
        if not self._broker.connected:
            raise nats.errors.ConnectionReconnectingError
        headers = {}
        if expected is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(expected)
        data = msgspec.json.encode(value)
        ack = await self._broker.js.publish(
            key, data, timeout=WRITE_SECONDS, headers=headers, msg_ttl=ttl or None
        )
        self._apply(self._broker.subjects.key_of(key), ack.seq, {}, data)

    async def _delete(self, key: str, *, revision: int | None = None) -> None:
        headers = {"KV-Operation": "DEL", "Nats-TTL": str(TOMBSTONE_SECONDS)}
        if revision is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(revision)
        if not self._broker.connected:
            raise nats.errors.ConnectionReconnectingError
        await self._broker.js.publish(key, b"", timeout=WRITE_SECONDS, headers=headers)

    async def _renew_lease(self) -> None:
        settings = self._broker.settings
        key = self._broker.subjects.lease_key(self._instance)
        while True:
            with suppress(nats.errors.Error, TimeoutError, OSError):
                await self._write(key, {"instance": self._instance}, ttl=settings.lease_ttl)
            await asyncio.sleep(settings.lease_refresh)

    async def _keep_view(self) -> None:
        delay = FIRST_RETRY
        while True:
            self._snapshot_due.clear()
            try:
                await self._subscribe()
                await self._read_snapshot()
                self.fresh = self._broker.connected
                delay = SNAPSHOT_SECONDS
            except HistoryUnavailable:
                delay = min(2 * delay, LONGEST_RETRY)
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._snapshot_due.wait()

    async def _subscribe(self) -> None:
        """Listen to changes, before the view is read; with a client that is new once more."""
        if self._subscribed_with is self._broker.client:
            return
        client = self._broker.client
        try:
            await client.subscribe(self._broker.subjects.registry, cb=self._take)
        except (nats.errors.Error, OSError) as exc:
            raise HistoryUnavailable(str(exc)) from exc
        self._subscribed_with = client
        await self._broker.flush()

    async def _forget_another_bucket(self) -> None:
        """Forget what we know if the bucket is a new one, or has lost its newest entries."""
        try:
            info = await self._broker.js.stream_info(f"KV_{self._broker.subjects.bucket}")
        except (nats.errors.Error, TimeoutError, OSError) as exc:
            raise HistoryUnavailable(str(exc) or type(exc).__name__) from exc
        lost = info.state.last_seq < max(self._revisions.values(), default=0)
        if lost or (self._created is not None and info.created != self._created):
            _log.warning("the registry has lost entries: its live owners write them again")
            self._revisions = dict.fromkeys(self._revisions, 0)
        self._created = info.created

    async def _read_snapshot(self) -> None:
        subjects = self._broker.subjects
        await self._forget_another_bucket()
        stored = await read_history(
            self._broker.client, f"KV_{subjects.bucket}", subjects.bucket_keys
        )
        newest = max((message.sequence for message in stored), default=0)
        present = set()
        for message in stored:
            key = subjects.key_of(message.subject)
            present.add(key)
            self._apply(key, message.sequence, message.headers, message.data)
        for key, revision in list(self._revisions.items()):
            if revision <= newest and key not in present:
                self._set(key, None)
                del self._revisions[key]
        for call_sid, on_missing in self._owned.items():
            if call_sid not in self._calls:
                on_missing()

    async def _take(self, message: Msg) -> None:
        """Take a change. An exception here would end the client's reading."""
        headers = message.headers or {}
        try:
            key = self._broker.subjects.key_of(message.subject)
            self._apply(key, int(headers["Nats-Sequence"]), headers, message.data)
        except (KeyError, ValueError):
            _log.warning("not one of our messages", subject=message.subject)

    def _apply(self, key: str, revision: int, headers: dict[str, str], data: bytes) -> None:
        if revision <= self._revisions.get(key, 0):
            return
        self._revisions[key] = revision
        self._set(key, None if is_gone(headers) else data)

    def _forget_old_leases(self) -> None:
        """Keep the times of processes that own a call or live; the others have told all."""
        wanted = self._leases | {call.owner for call in self._calls.values()}
        self._lease_seen = {name: at for name, at in self._lease_seen.items() if name in wanted}

    def _set(self, key: str, data: bytes | None) -> None:
        kind, _, name = key.partition(".")
        before = (self._calls.get(name), name in self._leases)
        if kind == "pod":
            if data is None:
                self._leases.discard(name)
            else:
                self._leases.add(name)
                self._lease_seen[name] = time.time_ns() // 1_000_000
            self._forget_old_leases()
        elif data is None:
            self._calls.pop(name, None)
            if (on_missing := self._owned.get(name)) is not None:
                on_missing()
        else:
            try:
                self._calls[name] = read_entry(name, data)
            except (msgspec.MsgspecError, BadName):
                _log.warning("not an entry of ours", key=key)
                return
        if before != (self._calls.get(name), name in self._leases):
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()
