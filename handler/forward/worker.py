"""
Forwards one stream, or stands by while another process does.

One process works on a stream: the one that has begun last, which is the one that is meant when a
version follows another. Others stand by, and one of them goes on once nothing was heard of it for
so long. That needs no lease that guards each request: whoever works writes how far it is, each
write names the one before it, and the first one that is refused ends the work. Until then two may
send, which changes nothing but that something comes twice: ``handler/forward/courier.py`` says why.

What is written is late by :data:`WRITE_SECONDS`, and after each kill that much comes again.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog

from broker import supervise
from broker.errors import HistoryUnavailable, NotWritten, Replaced, StreamChanged
from broker.forwarder import ForwardBroker
from broker.ledger import NOBODY, Ledger, fitted
from broker.records import Stored
from handler.forward.counts import EXPIRED, Counts
from handler.forward.courier import Courier, Sink, read
from handler.forward.lanes import Lane, Lanes
from handler.forward.places import Places
from handler.forward.settings import ForwardSettings, since_when

# Calls that may wait for their receiver at once, beyond which nothing more is read from the stream.
# Each is a line of the ledger, which is one message: of no more than 256 KB, as NATS is set up.
MOST_WAITING = 3000
# Records that are read at once.
BATCH = 250
# How often it is written down how far the work is, while it goes on.
WRITE_SECONDS = 0.25
# While nothing is told of, the stream is looked at all the same.
FIRST_LOOK, LONGEST_LOOK = 0.05, 5.0
# How often the stream is asked how much of it is not read yet.
MEASURE_SECONDS = 5.0
# What is under way when the process is to leave may end.
LEAVE_SECONDS = 5.0
LAST_TRIES = 3

_log = structlog.get_logger()


class Worker:
    """
    One process's part in forwarding one stream.

    Attributes:
        lanes: Of the calls, while it works; None while it stands by.
    """

    def __init__(
        self,
        stream: str,
        broker: ForwardBroker,
        sink: Sink,
        settings: ForwardSettings,
        counts: Counts,
        *,
        places: Places,
        leaving: asyncio.Event,
    ) -> None:
        self.lanes: Lanes | None = None
        self._stream = stream
        self._broker = broker
        self._sink = sink
        self._settings = settings
        self._counts = counts
        self._places = places
        self._leaving = leaving
        self._ledger = broker.ledger(stream)
        self._fewer_wait = asyncio.Event()
        self._is_full = False  # and that was told
        self._returns = broker.returns
        self._is_sure = True  # that the stream is the one that it was

    async def run(self) -> None:
        """Work, stand by, and work again, until the process leaves."""
        patience = 0.0
        while not self._leaving.is_set():
            ledger = await self._take_up(patience)
            if ledger is None:
                return
            # From now on whoever is silent for so long is followed.
            patience = self._settings.lease
            _log.info(
                "forwarding", stream=self._stream, seen=ledger.seen, behind=len(ledger.behind)
            )
            try:
                await self._work(ledger)
            except* Replaced:
                _log.info("another process forwards now: standing by", stream=self._stream)
            except* StreamChanged:
                patience = 0.0
            finally:
                self.lanes = None

    async def _take_up(self, patience: float) -> Ledger | None:
        """Wait until nobody works, for as long as ``patience`` says, then work; None: leave."""
        known, heard = -1, time.monotonic()
        while not self._leaving.is_set():
            try:
                found = await self._ledger.look()
                if self._ledger.revision != known:
                    known, heard = self._ledger.revision, time.monotonic()
                is_free = found is None or found.owner == NOBODY
                if is_free or time.monotonic() - heard >= patience:
                    return await self._claim(found)
            except (HistoryUnavailable, NotWritten, Replaced):
                heard = time.monotonic()  # who is not asked says nothing
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.lease / 8):
                    await self._leaving.wait()
        return None

    async def _claim(self, found: Ledger | None) -> Ledger:
        if found is None:
            since = since_when(self._settings.since, time.time())
            ledger = await self._broker.begin(self._stream, since)
        else:
            state = await self._broker.state(self._stream)
            ledger = fitted(found, state.created, state.first, state.last)
            if ledger.seen < found.seen or ledger.created != found.created:
                _log.error("the stream has lost records, or is another one", stream=self._stream)
        await self._ledger.write(ledger)
        return ledger

    async def _work(self, ledger: Ledger) -> None:
        """Forward until the process leaves. Raises :exc:`Replaced`, in a group, when replaced."""
        self.lanes = lanes = Lanes(ledger)
        courier = Courier(
            self._broker,
            self._sink,
            self._settings,
            self._counts,
            ledger=ledger,
            places=self._places,
            leaving=self._leaving,
        )
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(self._keep(lanes), name=f"{self._stream} ledger")
            measuring = tasks.create_task(self._measure(lanes), name=f"{self._stream} unread")
            await self._forward(lanes, courier)
            await supervise.end(keeping, measuring)
        await self._leave(lanes)

    async def _forward(self, lanes: Lanes, courier: Courier) -> None:
        """See what the stream stores, and let each call be served; until the process leaves."""
        served: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:

            def send(lane: Lane) -> None:
                if lane.call_sid not in served:
                    served[lane.call_sid] = tasks.create_task(serve(lane), name=lane.call_sid)

            async def serve(lane: Lane) -> None:
                await courier.serve(lane)
                del served[lane.call_sid]
                if not lane.is_busy:
                    lanes.rest(lane)
                self._fewer_wait.set()

            for lane in lanes.busy:
                send(lane)
            await self._read(lanes, send)
            if served:
                # What is under way may end; what does not comes again.
                _, late = await asyncio.wait(list(served.values()), timeout=LEAVE_SECONDS)
                await supervise.end(*late)

    async def _read(self, lanes: Lanes, send: Callable[[Lane], None]) -> None:
        """See what the stream stores, until the process leaves."""
        look = supervise.Backoff(FIRST_LOOK, LONGEST_LOOK)
        while not self._leaving.is_set():
            self._note_full(lanes.waiting)
            if lanes.waiting >= MOST_WAITING:
                self._fewer_wait.clear()
                await self._fewer_wait.wait()
            elif stored := await self._next(lanes):
                look.reset()
                for one in stored:
                    if (kept := read(one)) is None:
                        lanes.seen = one.sequence
                    else:
                        send(lanes.see(one.subject.split(".")[2], kept))
            else:
                pause = look.next()
                await self._wait_for_news(pause)
                self._is_sure = self._is_sure and pause < LONGEST_LOOK

    def _note_full(self, waiting: int) -> None:
        """Say once that too many calls wait; again when it was better meanwhile."""
        if waiting >= MOST_WAITING and not self._is_full:
            _log.warning(
                "too many calls wait: no other is forwarded", stream=self._stream, calls=waiting
            )
            self._is_full = True
        elif waiting < MOST_WAITING // 2:
            self._is_full = False

    async def _next(self, lanes: Lanes) -> list[Stored]:
        """Return what the stream has stored next; nothing if nothing, or nobody who says so."""
        try:
            await self._check_stream(lanes)
            stored = await self._broker.after(self._stream, lanes.seen, BATCH)
            if stored and stored[0].sequence > lanes.seen + 1:
                state = await self._broker.state(self._stream)
                self._note_lost(lanes.skip_to(state.first))
        except HistoryUnavailable:
            return []
        return stored

    async def _check_stream(self, lanes: Lanes) -> None:
        """
        See that the stream is the one that it was, after NATS was away or nothing was stored.

        Raises:
            StreamChanged: it is not.
        """
        returns = self._broker.returns
        if self._is_sure and returns == self._returns:
            return
        state = await self._broker.state(self._stream)
        if state.created != lanes.created or state.last < lanes.seen:
            raise StreamChanged(self._stream)
        self._returns, self._is_sure = returns, True

    def _note_lost(self, lost: int) -> None:
        """Count what the stream let go before it was seen, of whichever calls."""
        if lost:
            self._counts.given_up[EXPIRED] += lost
            _log.error("the stream let records go before they were forwarded", records=lost)

    async def _wait_for_news(self, seconds: float) -> None:
        try:
            await self._broker.news(self._stream, seconds)
        except HistoryUnavailable:
            await asyncio.sleep(seconds)

    async def _keep(self, lanes: Lanes) -> None:
        """Write down how far the work is, as a sign of life too. Raises Replaced."""
        written, at = lanes.ledger(), time.monotonic()
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            ledger = lanes.ledger()
            if ledger == written and time.monotonic() - at < self._settings.lease / 4:
                continue
            with contextlib.suppress(NotWritten, HistoryUnavailable):
                await self._ledger.write(ledger)
                written, at = ledger, time.monotonic()

    async def _measure(self, lanes: Lanes) -> None:
        """Ask again and again how far the stream is."""
        while True:
            with contextlib.suppress(HistoryUnavailable):
                lanes.newest = (await self._broker.state(self._stream)).last
            await asyncio.sleep(MEASURE_SECONDS)

    async def _leave(self, lanes: Lanes) -> None:
        """Let another process go on at once. Raises Replaced if one does already."""
        for _ in range(LAST_TRIES):
            try:
                return await self._ledger.leave(lanes.ledger())
            except (NotWritten, HistoryUnavailable):
                continue  # a write that was cut short had been stored
        _log.info("left without a word: another process will wait", stream=self._stream)
        return None

    def wake(self) -> None:
        """Let what waits look whether the process leaves."""
        self._fewer_wait.set()
