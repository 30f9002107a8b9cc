"""NATS as ``partyline forward`` knows it: what is stored, how far it is, what it has given up."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from broker import ledger as ledgers
from broker.bucket import Bucket
from broker.connection import Connection
from broker.dead_letters import GivenUp, joined
from broker.errors import HistoryUnavailable, NotProvisioned, NotWritten
from broker.ledger import Ledger
from broker.ledgers import KeptLedger
from broker.provision import ask_about, check_version, provision_forward
from broker.records import Stored
from broker.settings import BrokerSettings
from broker.stream import last_stored, read_history
from broker.subjects import Subjects
from broker.words import said

# Its own, as server/users.conf has it.
INBOX_PREFIX = b"_INBOX_forward"
# The header that numbers the records of a call: all that is needed beside subject and payload.
CALL_SEQ = "Call-Seq"


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a stream says of itself: when it was created, and which sequences it keeps."""

    created: str
    first: int
    last: int


class ForwardBroker:
    """
    A forwarder's dealings with NATS.

    An async context manager that opens at once, also when NATS is away. Whatever reads may fail:
    :exc:`HistoryUnavailable`.

    Attributes:
        returns: How many times NATS came back, maybe as another server.
    """

    def __init__(self, settings: BrokerSettings, name: str) -> None:
        self.returns = 0
        self.subjects = Subjects(settings.prefix, settings.shards)
        self._settings = settings
        self._name = name
        self._connection = Connection(settings, self, self._check, inbox_prefix=INBOX_PREFIX)
        self._bucket = Bucket(self._connection, self.subjects, name=self.subjects.forward_bucket)
        self._subscribed_with: Client | None = None
        self._news = {stream: asyncio.Event() for stream in self.subjects.streams}

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.__aexit__()

    @property
    def problem(self) -> str | None:
        """What keeps the server from being as we need it, in words."""
        return self._connection.problem

    async def wait_ready(self) -> None:
        """Wait until NATS was reached and found in order."""
        await self._connection.wait_ready()

    def ledger(self, stream: str) -> KeptLedger:
        """Return the ledger of a stream, as this process looks at it."""
        subject = self.subjects.ledger_key(self._name, stream)
        return KeptLedger(self._bucket, subject, self._settings.instance)

    async def state(self, stream: str) -> StreamState:
        """Ask a stream which sequences it keeps."""
        try:
            told = await ask_about(self._connection.client, stream)
        except (nats.errors.Error, TimeoutError, OSError, ValueError) as exc:
            raise HistoryUnavailable(said(exc)) from exc
        if not told:
            raise HistoryUnavailable(f"there is no stream {stream}")
        state = told["state"]
        return StreamState(told["created"], state["first_seq"], state["last_seq"])

    async def begin(self, stream: str, since: float | None) -> Ledger:
        """Return the ledger of who begins with what was stored since a Unix time, or with all."""
        state = await self.state(stream)
        start: int | None = None
        if since is not None:
            form = datetime.fromtimestamp(since, UTC).isoformat().replace("+00:00", "Z")
            found = await self._read(stream, self.subjects.live, most=1, since=form)
            start = found[0].sequence - 1 if found else state.last
        begun_at = time.time_ns() // 1_000_000
        return ledgers.begun(state.created, state.first, state.last, start, begun_at)

    async def after(self, stream: str, sequence: int, most: int) -> list[Stored]:
        """Return what a stream has stored next, of all calls: so many records at the most."""
        return await self._read(stream, self.subjects.live, first=sequence + 1, most=most)

    async def of_call(
        self, call_sid: str, sequence: int = 0, most: int | None = None
    ) -> list[Stored]:
        """
        Return what is stored of a call behind a stream sequence: so much at the most, or all.

        Nothing means that there is nothing, by the leader's word: any replica may answer, and one
        that lags knows less than what was seen already.
        """
        stream = self.subjects.stream_of(call_sid)
        subject = self.subjects.call(call_sid)
        found = await self._read(stream, subject, first=sequence + 1, most=most)
        if not found:
            newest = await last_stored(self._connection.client, stream, subject)
            if newest is not None and newest.sequence > sequence:
                raise HistoryUnavailable("the replica lags behind its leader")
        return found

    async def give_up(
        self, call_sid: str, what: range, reason: str, detail: str, *, begun_at: int = 0
    ) -> None:
        """
        Note what is given up of a call, with what was before.

        Args:
            call_sid: The call.
            what: The numbers of the records.
            reason: See :class:`GivenUp`.
            detail: Likewise.
            begun_at: Unix time in ms at which the forwarder began, or was let send again.

        Raises:
            HistoryUnavailable: it cannot be noted now.
            NotWritten: likewise.
        """
        subject = self.subjects.given_up_key(self._name, call_sid)
        revision, before = await self._bucket.look(subject, GivenUp)
        at = time.time_ns() // 1_000_000
        new = GivenUp(call_sid, what[0], what[-1], len(what), reason, detail, at)
        note = joined(before, new, begun_at)
        if note is None:
            return
        # It stays as long as the records that it tells of might have.
        ttl = max(60, round(self._settings.retention))
        letter = msgspec.json.encode(note)
        if not await self._bucket.keep(subject, letter, ttl=ttl, expected=revision):
            raise NotWritten("somebody else has given up something of the call")

    async def given_up(self) -> list[bytes]:
        """Return all dead letters, as they are kept: each a :class:`GivenUp` in JSON."""
        return await self._bucket.read_all(self.subjects.given_up_keys(self._name))

    async def news(self, stream: str, timeout: float) -> None:
        """Wait until something may have been stored since this was asked, or so many seconds."""
        await self._listen()
        try:
            async with asyncio.timeout(timeout):
                await self._news[stream].wait()
        except TimeoutError:
            return
        finally:
            self._news[stream].clear()

    def on_ready(self) -> None:
        """NATS is there for the first time."""
        self.wake()

    def on_lost(self) -> None:
        """NATS went away."""

    def on_back(self) -> None:
        """NATS is back: what was stored meanwhile was told to nobody."""
        self.returns += 1
        self.wake()

    def wake(self) -> None:
        """End all waits for news."""
        for news in self._news.values():
            news.set()

    async def _listen(self) -> None:
        """Subscribe, once with each client, to what is stored."""
        client = self._connection.client
        if client is self._subscribed_with or not self._connection.connected:
            return

        async def note(_: Msg) -> None:
            self.wake()

        try:
            for subject in self.subjects.stored:
                await client.subscribe(subject, cb=note)
        except (nats.errors.Error, OSError) as exc:
            raise HistoryUnavailable(said(exc)) from exc
        self._subscribed_with = client

    async def _read(
        self,
        stream: str,
        subject: str,
        *,
        first: int = 1,
        most: int | None = None,
        since: str | None = None,
    ) -> list[Stored]:
        return await read_history(
            self._connection.client,
            stream,
            subject,
            first=first,
            wanted=CALL_SEQ,
            most=most,
            since=since,
        )

    async def _check(self, client: Client) -> None:
        check_version(client)
        for stream in self.subjects.streams:
            try:
                told = await ask_about(client, stream)
            except (nats.errors.Error, TimeoutError, OSError) as exc:
                raise NotProvisioned(
                    f"stream {stream}", "could not be looked at", said(exc)
                ) from exc
            if not told:
                advice = "start the service, or run `partyline provision`; is NATS_SHARDS right?"
                raise NotProvisioned(f"stream {stream}", "is missing", advice)
        await provision_forward(client, self.subjects, self._settings)
