"""Which calls are live: the view of the bucket, kept fresh, and this process's entries in it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import suppress

import msgspec
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from broker import supervise
from broker.bucket import Bucket
from broker.connection import Connection
from broker.entries import CallEntry, has_expired
from broker.errors import BadName, HistoryUnavailable
from broker.lease import Lease
from broker.settings import BrokerSettings
from broker.stream import WRONG_LAST_SEQUENCE, read_history, stored_at
from broker.subjects import Subjects
from broker.view import View

FIRST_RETRY = 0.1
LONGEST_RETRY = 2.0
# A lost update would show for no longer than this.
SNAPSHOT_SECONDS = 60.0

# Takes what the bucket tells of a key that says nothing to the registry itself.
Take = Callable[[str, Mapping[str, str], bytes], None]

_log = structlog.get_logger()


class Registry:
    """
    All live calls as this process sees them, and what it writes itself: its lease, its calls.

    The view is read whole at the start, after each reconnection and once a minute, and kept by what
    the bucket republishes.

    Attributes:
        fresh: The view was read since NATS is there.
    """

    def __init__(
        self,
        connection: Connection,
        subjects: Subjects,
        settings: BrokerSettings,
        others: Mapping[str, Take],
    ) -> None:
        """Prepare it; ``others`` take what their keys tell, by what these begin with."""
        self.fresh = False
        self._others = others
        self._connection = connection
        self._subjects = subjects
        self._view = View()
        self._bucket = Bucket(connection, subjects)
        self._lease = Lease(
            self._bucket,
            subjects,
            settings,
            lambda key, revision, data: self._apply(key, revision, {}, data),
        )
        # Calls written here: whom to tell when their entry goes missing.
        self._watched: dict[str, Callable[[], None]] = {}
        self._lease_ttl = settings.lease_ttl
        self._created: object = None  # when the bucket was
        self._changed = asyncio.Event()
        self._snapshot_due = asyncio.Event()
        self._subscribed_with: Client | None = None
        self._task: asyncio.Task[None] | None = None

    # What is known: see View

    def calls(self) -> dict[str, CallEntry]:
        """Return the live calls by callSid."""
        return self._view.calls()

    def get(self, call_sid: str) -> CallEntry | None:
        """Return a call if it is live."""
        return self._view.get(call_sid)

    def entry(self, call_sid: str) -> CallEntry | None:
        """Return what the bucket says of a call, be its owner alive or not."""
        return self._view.entry(call_sid)

    def orphans(self) -> list[CallEntry]:
        """Return the calls whose owner gives no sign of life."""
        return self._view.orphans()

    def has_lease(self, instance: str) -> bool:
        """Whether a process gives signs of life."""
        return self._view.has_lease(instance)

    def lease_seen(self, instance: str) -> int | None:
        """Return the Unix time in ms of a process's last sign of life, if it is known."""
        return self._view.lease_seen(instance)

    @property
    def tickets_required(self) -> bool:
        """Whether some process has said that media streams need a ticket."""
        return self._view.tickets_required

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yield now and after each change; several that come together count as one."""
        while True:
            changed = self._changed  # before the reader looks: no change is missed meanwhile
            yield
            await changed.wait()

    def start(self) -> None:
        """Begin: NATS is there for the first time."""
        self._lease.start()
        self._task = supervise.keep(self._keep_view, "registry")

    async def close(self) -> None:
        """Give the lease back, so that this process's calls leave the list at once."""
        if self._task is not None:
            await supervise.end(self._task)
        await self._lease.close()

    def on_lost(self) -> None:
        """NATS went away: the view grows old."""
        self.fresh = False

    def on_back(self) -> None:
        """NATS is back: read the view again."""
        self._snapshot_due.set()

    # What the owner of a call does with it: tried until done, or cancelled

    def watch_entry(self, call_sid: str, on_missing: Callable[[], None]) -> None:
        """Let the owner of a call know when its entry goes missing."""
        self._watched[call_sid] = on_missing

    def unwatch_entry(self, call_sid: str, on_missing: Callable[[], None]) -> None:
        """Stop that, unless the call has another owner in this process by now."""
        if self._watched.get(call_sid) == on_missing:
            del self._watched[call_sid]

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
        known = self._view.entry(entry.call_sid)
        if not first and known is not None and known.epoch not in epochs:
            return
        subject = self._subjects.call_key(entry.call_sid)
        expected = self._view.revision(self._subjects.key_of(subject))
        data = msgspec.json.encode(entry)
        backoff = supervise.Backoff(FIRST_RETRY, LONGEST_RETRY)
        while True:
            try:
                revision = await self._bucket.write(subject, data, expected=expected)
            except nats.js.errors.APIError as exc:
                stored = None
                if exc.err_code in WRONG_LAST_SEQUENCE:
                    stored = await self._bucket.stored(subject)
                if stored is None:
                    await backoff.pause()
                    continue
                if not first and stored.epoch not in (None, *epochs):
                    return  # another one has taken the call over
                expected = stored.revision
            except (nats.errors.Error, TimeoutError, OSError):
                await backoff.pause()
            else:
                self._apply(self._subjects.key_of(subject), revision, {}, data)
                return

    async def delete_call(self, call_sid: str, epochs: Collection[str]) -> None:
        """Delete a call's entry, unless another owner has written it since."""
        subject = self._subjects.call_key(call_sid)
        backoff = supervise.Backoff(FIRST_RETRY, LONGEST_RETRY)
        while True:
            stored = await self._bucket.stored(subject)
            if stored is not None:
                if stored.epoch not in epochs:
                    return  # gone, or not ours any more
                with suppress(nats.errors.Error, TimeoutError, OSError):
                    await self._bucket.delete(subject, revision=stored.revision)
                    return
            await backoff.pause()

    async def delete_entry(self, call_sid: str) -> None:
        """Delete the entry of a call that is over, as it is in the view; once, and not for sure."""
        subject = self._subjects.call_key(call_sid)
        # An entry that is distrusted has the revision 0: its deletion is refused.
        revision = self._view.revision(self._subjects.key_of(subject))
        with suppress(nats.errors.Error, TimeoutError, OSError):
            await self._bucket.delete(subject, revision=revision)

    # What keeps it going

    async def _keep_view(self) -> None:
        backoff = supervise.Backoff(2 * FIRST_RETRY, LONGEST_RETRY)
        while True:
            self._snapshot_due.clear()
            try:
                await self._subscribe()
                await self._check_bucket()
                await self._read_snapshot()
                self.fresh = self._connection.connected
                backoff.reset()
                delay = SNAPSHOT_SECONDS
            except HistoryUnavailable:
                delay = backoff.next()
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._snapshot_due.wait()

    async def _subscribe(self) -> None:
        """Listen to changes, before the view is read; with a client that is new once more."""
        client = self._connection.client
        if self._subscribed_with is client:
            return
        try:
            await client.subscribe(self._subjects.registry, cb=self._receive)
        except (nats.errors.Error, OSError) as exc:
            raise HistoryUnavailable(str(exc)) from exc
        self._subscribed_with = client
        await self._connection.flush()

    async def _check_bucket(self) -> None:
        """Distrust what we know if the bucket is a new one, or has lost its newest entries."""
        known = self._view.newest  # before it is asked: what is written meanwhile is not missing
        try:
            info = await self._connection.js.stream_info(f"KV_{self._subjects.bucket}")
        except (nats.errors.Error, TimeoutError, OSError) as exc:
            raise HistoryUnavailable(str(exc) or type(exc).__name__) from exc
        another = self._created is not None and info.created != self._created
        if another or info.state.last_seq < known:
            _log.warning("the registry has lost entries: its live owners write them again")
            self._view.distrust()
        self._created = info.created

    async def _read_snapshot(self) -> None:
        stored = await read_history(
            self._connection.client, f"KV_{self._subjects.bucket}", self._subjects.listed_keys
        )
        present = {}
        for message in stored:
            key = self._subjects.key_of(message.subject)
            present[key] = message.sequence
            self._apply(key, message.sequence, message.headers, message.data)
        if self._view.keep_only(present):
            self._announce_change()
        for call_sid, on_missing in self._watched.items():
            if self._view.entry(call_sid) is None:
                on_missing()

    async def _receive(self, message: Msg) -> None:
        """Take a change. An exception here would end the client's reading."""
        headers = message.headers or {}
        try:
            key = self._subjects.key_of(message.subject)
            if (take := self._taker_of(key)) is not None:
                take(key, headers, message.data)
                return
            self._apply(key, int(headers["Nats-Sequence"]), headers, message.data)
        except (KeyError, ValueError):
            _log.warning("not one of our messages", subject=message.subject)
        except Exception:  # noqa: BLE001  whoever is told may have a defect: not the others
            _log.exception("defect: a change could not be told", subject=message.subject)

    def _taker_of(self, key: str) -> Take | None:
        return next((take for begins, take in self._others.items() if key.startswith(begins)), None)

    def _apply(self, key: str, revision: int, headers: dict[str, str], data: bytes) -> None:
        if revision <= self._view.revision(key):
            return
        try:
            changed = self._view.apply(key, revision, headers, data, self._alive_at(headers))
        except (msgspec.MsgspecError, BadName):
            _log.warning("not an entry of ours", key=key)
            return
        call_sid = key.removeprefix("call.")
        if call_sid in self._watched and self._view.entry(call_sid) is None:
            self._watched[call_sid]()
        if changed:
            self._announce_change()

    def _alive_at(self, headers: dict[str, str]) -> int:
        """Return the Unix ms of the last sign of life: of a lease that is over its end is known."""
        at = stored_at(headers)
        if at is None:
            return _now()  # our own, just written
        return at - self._lease_ttl * 1000 if has_expired(headers) else at

    def _announce_change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _now() -> int:
    return time.time_ns() // 1_000_000
