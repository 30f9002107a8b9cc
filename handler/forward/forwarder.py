"""The parts of ``partyline forward`` put together: one worker for each stream, one receiver."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from broker import supervise
from broker.errors import BrokerError, Replaced
from broker.forwarder import ForwardBroker
from broker.ledger import again, fitted
from handler import addresses
from handler.forward.counts import Counts
from handler.forward.courier import read_all
from handler.forward.directory import Directory
from handler.forward.lanes import Lanes
from handler.forward.settings import ForwardSettings
from handler.forward.webhook import Webhook
from handler.forward.worker import Worker

REACH_SECONDS = 10.0
REWIND_TRIES = 20

_log = structlog.get_logger()


class Forwarder:
    """
    Forwards until it is stopped, whatever NATS and the receiver do meanwhile.

    Attributes:
        counts: What it has done.
        ready: Set once NATS was reached and found in order.
    """

    def __init__(self, settings: ForwardSettings) -> None:
        self.counts = Counts()
        self.ready = asyncio.Event()
        self._settings = settings
        self._leaving = asyncio.Event()
        self._broker = ForwardBroker(settings.broker, settings.name)
        self._workers: list[Worker] = []
        self.counts.waiting = lambda: sum(lanes.waiting for lanes in self._lanes())
        self.counts.unread = lambda: sum(lanes.unread for lanes in self._lanes())
        self.counts.working = lambda: len(self._lanes())

    async def run(self) -> None:
        """
        Forward until :meth:`stop`.

        Raises:
            SettingsError: the directory cannot be written to.
            OSError: the port for metrics cannot be opened.
        """
        settings = self._settings
        async with AsyncExitStack() as stack:
            if settings.metrics_port is not None:
                stack.callback(self.counts.serve(settings.host, settings.metrics_port))
            sink = (
                Directory(settings.directory, settings.broker.instance)
                if settings.directory
                else Webhook(settings)
            )
            stack.push_async_callback(sink.close)
            await stack.enter_async_context(self._broker)
            await self._reach_nats()
            places = asyncio.Semaphore(settings.connections)
            self._workers += [
                Worker(
                    stream,
                    self._broker,
                    sink,
                    settings,
                    self.counts,
                    places=places,
                    leaving=self._leaving,
                )
                for stream in self._broker.subjects.streams
            ]
            tasks = [supervise.keep(worker.run, "forwarding") for worker in self._workers]
            try:
                await asyncio.wait(tasks)
            finally:
                await supervise.end(*tasks)
        _log.info(
            "stopped",
            sent=self.counts.sent,
            failed=self.counts.failed,
            given_up=dict(self.counts.given_up),
        )

    def stop(self) -> None:
        """Let it end soon: what is under way may, nothing new begins."""
        self._leaving.set()
        self.ready.set()
        self._broker.wake()
        for worker in self._workers:
            worker.wake()

    async def _reach_nats(self) -> None:
        """Wait for NATS, or to be stopped before it is there."""
        reached = supervise.start(self._broker.wait_ready(), "nats")
        left = asyncio.create_task(self._leaving.wait())
        try:
            await asyncio.wait({reached, left}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await supervise.end(reached, left)
        settings = self._settings
        if not self._leaving.is_set():
            _log.info(
                "ready",
                to=addresses.shown(settings.url) or settings.directory,
                kinds=sorted(settings.kinds),
                name=settings.name,
                instance=settings.broker.instance,
            )
        self.ready.set()

    def _lanes(self) -> list[Lanes]:
        return [worker.lanes for worker in self._workers if worker.lanes is not None]


@asynccontextmanager
async def reached(settings: ForwardSettings) -> AsyncIterator[ForwardBroker]:
    """
    Reach NATS, to ask or change something once.

    Raises:
        BrokerError: it is not there in time, or not in order.
    """
    async with ForwardBroker(settings.broker, settings.name) as broker:
        try:
            async with asyncio.timeout(REACH_SECONDS):
                await broker.wait_ready()
        except TimeoutError as exc:
            raise BrokerError(broker.problem or "NATS cannot be reached") from exc
        yield broker


async def rewind(settings: ForwardSettings, since: float | None) -> dict[str, int]:
    """
    Let whoever forwards begin anew with what was stored since a Unix time, or with all.

    What waits for its receiver, and what was not seen yet, is sent all the same. Returns behind
    which sequence of each stream it begins.

    Raises:
        BrokerError: NATS is not reached in time, or does not take it.
    """
    async with reached(settings) as broker:
        return {stream: await _rewind(broker, stream, since) for stream in broker.subjects.streams}


async def _rewind(broker: ForwardBroker, stream: str, since: float | None) -> int:
    kept, new = broker.ledger(stream), await broker.begin(stream, since)
    asked: set[str] = set()
    firsts: dict[str, int] = {}
    # Whoever works writes all the time: our write must be the next one after our look. What is
    # asked in between is asked once, so that each try is quicker than the one before.
    for _ in range(REWIND_TRIES):
        found, ledger = await kept.look(), new
        if found is not None:
            state = await broker.state(stream)
            fits = fitted(found, state.created, state.first, state.last)
            for call_sid in fits.behind.keys() - asked:
                firsts |= await _first_since(broker, call_sid, new.start)
                asked.add(call_sid)
            ledger = again(fits, new.start, firsts)
        try:
            await kept.leave(ledger)
        except Replaced:
            continue
        return ledger.seen
    raise Replaced("whoever forwards writes its place all the time: try again")


async def _first_since(broker: ForwardBroker, call_sid: str, start: int) -> dict[str, int]:
    """Return the number of the first record of a call; nothing if it said nothing since."""
    if not await broker.of_call(call_sid, start, 1):
        return {}
    kept = read_all(await broker.of_call(call_sid, most=1))
    return {call_sid: kept[0].seq} if kept else {}
