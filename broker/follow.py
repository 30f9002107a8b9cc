"""Following calls: history, then live, each record once, over one subscription for each call."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from broker import supervise
from broker.call_log import CallLog
from broker.connection import Connection
from broker.errors import HistoryUnavailable
from broker.follower import Follower
from broker.observer import NOBODY, TRACEPARENT, Observer
from broker.rounds import Behind, Rounds
from broker.stream import last_stored, read_history
from broker.subjects import Subjects
from broker.uptime import Uptime

# After each synchronisation, and then again and again, the leader is asked for its last record:
# the last one of a burst has no successor that would show it missing.
SETTLE_SECONDS = 0.5
CHECK_SECONDS = 5.0
# How long a record may be on the wire between the leader's word and its arrival.
ON_THE_WIRE_SECONDS = 0.2
FIRST_RETRY = 0.02
LONGEST_RETRY = 1.0
# A server that lost its unsynced tail gives sequences out again: after so many tries reread all.
TRIES_BEFORE_REREADING = 5
# What is missing then, after some 15 s, will not come: the server has lost what it acknowledged.
TRIES_BEFORE_GOING_ON = 20

_log = structlog.get_logger()


class Replicas:
    """The calls that somebody on this process follows."""

    def __init__(
        self,
        connection: Connection,
        subjects: Subjects,
        observer: Observer = NOBODY,
    ) -> None:
        """
        Begin without any.

        Args:
            connection: To NATS.
            subjects: Where calls are.
            observer: Told of each live record that was written to those who wait for it.
        """
        self._connection = connection
        self._subjects = subjects
        self._observer = observer
        self._replicas: dict[str, Replica] = {}
        self._rounds = Rounds()
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many calls are followed: as many subscriptions there are."""
        return len(self._replicas)

    def begin(
        self, call_sid: str, *, since: int | None = 0, interim: bool = True, pause: float = 0.0
    ) -> Follower:
        """
        Begin to follow one call; whoever does leaves it, too.

        Args:
            call_sid: The call; it need not exist yet.
            since: The last ``seq`` that is known; None skips the past.
            interim: Whether interims are wanted.
            pause: For how many seconds after its end a call may go on.
        """
        replica = self._replicas.get(call_sid)
        if replica is None:
            replica = self._replicas[call_sid] = Replica(
                self._connection,
                self._subjects.stream_of(call_sid),
                self._subjects.call(call_sid),
                self._rounds,
                self._observer,
            )
            replica.open()
        follower = Follower(replica, since=since, interim=interim, pause=pause)
        replica.followers[follower] = None
        return follower

    async def leave(self, call_sid: str, follower: Follower) -> None:
        """Follow a call no more."""
        replica = self._replicas[call_sid]
        del replica.followers[follower]
        follower.let_go()
        if not replica.followers:
            del self._replicas[call_sid]
            # Whoever leaves may be cancelled meanwhile; the subscription is ended all the same.
            closing = supervise.start(replica.close(), f"leave {call_sid}")
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            await asyncio.shield(closing)

    @asynccontextmanager
    async def follow(
        self, call_sid: str, *, since: int | None = 0, interim: bool = True, pause: float = 0.0
    ) -> AsyncIterator[Follower]:
        """Follow one call: :meth:`begin` to :meth:`leave`."""
        follower = self.begin(call_sid, since=since, interim=interim, pause=pause)
        try:
            yield follower
        finally:
            await self.leave(call_sid, follower)

    def on_lost(self) -> None:
        """NATS went away: what comes next is no longer what follows."""
        for replica in self._replicas.values():
            replica.on_lost()

    def on_back(self) -> None:
        """NATS is back: read what was missed."""
        for replica in self._replicas.values():
            replica.on_back()

    async def close(self) -> None:
        """Close all subscriptions; followers get nothing more."""
        for replica in list(self._replicas.values()):  # followers leave meanwhile
            await replica.close()
        if self._closing:
            await asyncio.wait(self._closing)


class Replica:
    """
    One call's log, kept whole: subscribed first, then read back, then live.

    Why each step is as it is: a subscription alone misses the past, a stream's own sequence shows
    no hole across subjects, and a replica that answers may lack the newest. ``docs/protocol.md``
    says what a reader may rely on.

    Attributes:
        followers: Those who read it; a dict keeps their order, and one that leaves is found.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        subject: str,
        rounds: Rounds,
        observer: Observer,
    ) -> None:
        self.log = CallLog()
        self.followers: dict[Follower, None] = {}
        self._synced = asyncio.Event()  # the past was read once
        self.readable = Uptime()  # NATS is there, and what it keeps of the call can be read
        self._rounds = rounds
        self._observer = observer
        self._connection = connection
        self._stream = stream
        self._subject = subject  # of all messages of the call
        self._live = False  # what comes next follows what we have
        self._check_due = asyncio.Event()
        self._subscription: Subscription | None = None
        self._subscribed_with: Client | None = None
        self._renumbered = (
            False  # the stream lost its tail: what is new may lie before what we have
        )
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start to follow; returns before anything was read."""
        if self._connection.connected:
            self.readable.start(time.monotonic())
        self._task = supervise.keep(self._keep_whole, f"follow {self._subject}")

    async def close(self) -> None:
        """End the subscription."""
        if self._task is not None:
            await supervise.end(self._task)
        if self._subscription is not None and self._subscribed_with is self._connection.client:
            with suppress(nats.errors.Error, OSError):
                await self._subscription.unsubscribe()
        # The client's subscription and its task refer to each other, and by us to all of the call,
        # until Python collects them: that takes long, as bytes do not count there.
        self.log = CallLog()

    def on_lost(self) -> None:
        """Take nothing for the next record until the past was read again."""
        self._live = False
        self.readable.stop(time.monotonic())

    def on_back(self) -> None:
        """Read the past again."""
        self._live = False
        self._check_due.set()

    async def _keep_whole(self) -> None:
        await self._connection.wait_ready()
        await self._synchronise()
        wait = SETTLE_SECONDS
        while True:
            try:
                async with asyncio.timeout(wait):
                    await self._check_due.wait()
            except TimeoutError:
                if not await self._lacks_something():
                    wait = CHECK_SECONDS
                    continue
            self._check_due.clear()
            await self._synchronise()
            wait = SETTLE_SECONDS

    async def _subscribe(self) -> None:
        """
        Listen, before the past is read; with a client that is new once more.

        Raises:
            HistoryUnavailable: there is no client that could.
        """
        client = self._connection.client
        if self._subscribed_with is client:
            return
        try:
            self._subscription = await client.subscribe(self._subject, cb=self._receive)
        except (nats.errors.Error, OSError) as exc:
            raise HistoryUnavailable(str(exc)) from exc
        self._subscribed_with = client
        # The server must know the subscription before the past is read. While it is away a flush
        # returns at once; the reconnection then reads the past again.
        await self._connection.flush()

    async def _receive(self, message: Msg) -> None:
        """Take a live message. An exception here would end the client's reading."""
        headers = message.headers or {}
        try:
            if "Nats-Sequence" not in headers:
                if self.log.add_interim(message.data):
                    self._rounds.add(self.followers)
                return
            seq, sequence = int(headers["Call-Seq"]), int(headers["Nats-Sequence"])
        except (msgspec.MsgspecError, KeyError, ValueError):
            _log.warning("not one of our messages", subject=message.subject)
            return
        if not self._live:
            # The past is being read: it says whether this one follows.
            self.log.ahead[seq] = (sequence, message.data)
            return
        if self.log.add(seq, sequence, message.data):
            self._rounds.add(self.followers)
            published_at, trace = self.log.newest_at / 1000, headers.get(TRACEPARENT)
            note = partial(self._observer.note_delivered, published_at, trace)
            self._rounds.add((Behind(note),))
        else:
            self._live = False
            self._check_due.set()

    async def _synchronise(self) -> None:
        """Read what the stream has beyond the log, until no hole is left."""
        self._live = False
        backoff, tries = supervise.Backoff(FIRST_RETRY, LONGEST_RETRY), 0
        while True:
            tries += 1
            reread = self._renumbered or tries > TRIES_BEFORE_REREADING
            first = 1 if reread else self.log.sequence + 1
            try:
                await self._subscribe()
                stored = await read_history(
                    self._connection.client,
                    self._stream,
                    self._subject,
                    first=first,
                    wanted="Call-Seq",
                )
            except HistoryUnavailable:
                stored = None
                self.readable.stop(time.monotonic())
            if stored is not None:
                if self._connection.connected:  # else the answer had come before NATS went away
                    self.readable.start(time.monotonic())
                # No await until _live is set, so no live message comes in between.
                for message in stored:
                    seq = message.headers.get("Call-Seq", "")
                    if seq.isdecimal():  # else somebody else's: it has no place in the call
                        self.log.add(int(seq), message.sequence, message.data, stored=True)
                self._join_what_came_meanwhile()
                self._rounds.add(self.followers)
                if self.log.ahead and tries > TRIES_BEFORE_GOING_ON:
                    _log.error("records are missing in the stream", subject=self._subject)
                    self.log.go_on()
                if not self.log.ahead:
                    self._live = True
                    self._renumbered = False
                    self._synced.set()
                    return
            await backoff.pause()

    def _join_what_came_meanwhile(self) -> None:
        """Join the live messages that were put aside, as far as they follow."""
        for seq in sorted(self.log.ahead):
            sequence, payload = self.log.ahead[seq]
            if seq <= self.log.last:
                del self.log.ahead[seq]
            elif seq == self.log.last + 1:
                del self.log.ahead[seq]
                self.log.add(seq, sequence, payload)

    async def _lacks_something(self) -> bool:
        """Whether the leader has a record that we have not, and that is not on its way."""
        try:
            for pause in (0.0, ON_THE_WIRE_SECONDS):
                await asyncio.sleep(pause)
                newest = await last_stored(self._connection.client, self._stream, self._subject)
                if newest is None or int(newest.headers.get("Call-Seq", "0")) <= self.log.last:
                    return False
                self._renumbered = newest.sequence <= self.log.sequence
        except (HistoryUnavailable, ValueError):
            return False  # asked again in a while
        return True

    async def synced(self) -> None:
        """Wait until the past was read once."""
        await self._synced.wait()
