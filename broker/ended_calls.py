"""The calls that are over, as long as they are kept: read from the streams, and kept up to date."""

import asyncio
from typing import Self

import structlog

from broker import supervise
from broker.connection import Connection
from broker.ended_index import EndedCall, EndedIndex, Page, Wanted
from broker.errors import HistoryUnavailable
from broker.stream import StreamState, read_history, stream_info
from broker.subjects import Subjects

# How often what has ended is read, if nobody asks.
LOOK_SECONDS = 30.0
FIRST_RETRY = 0.5
LONGEST_RETRY = 5.0
# At the start all that is kept is read, so many events at a time: to take them is some 0.08 s of
# CPU, and the pause behind them is for calls and readers. NATS may have to look on its disk.
AT_A_TIME = 2000
PAUSE_SECONDS = 0.1
READ_SECONDS = 30.0
# Events that are taken in a row, before others have their turn: a millisecond.
IN_A_ROW = 100

_log = structlog.get_logger()


class _Reading:
    """One stream, and how far it is read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.created: str | None = None
        self.next = 1
        self.state = StreamState()


class EndedCalls:
    """
    The calls that are over. An async context manager, for the task that reads.

    What it knows is in memory; whoever asks is told of it as the streams are now: events that are
    new are read first, and a call that was purged, or has grown too old, is not told.

    Attributes:
        complete: All that was kept has been read once.
    """

    def __init__(self, connection: Connection, subjects: Subjects, max_bytes: int) -> None:
        """
        Prepare to read.

        Args:
            connection: To NATS.
            subjects: What is where.
            max_bytes: What of the memory it may take, roughly.
        """
        self.complete = False
        self._connection = connection
        self._subjects = subjects
        self._index = EndedIndex(max_bytes)
        self._streams = {name: _Reading(name) for name in subjects.streams}
        self._turn, self._check = asyncio.Lock(), asyncio.Lock()
        self._begun = self._done = 0  # the newest look that was begun, and that came to its end
        self._told_foreign = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = supervise.keep(self._keep, "calls that are over")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            await supervise.end(self._task)

    def __len__(self) -> int:
        """How many are known."""
        return len(self._index)

    @property
    def dropped(self) -> int:
        """How many were let go for the room that they take."""
        return self._index.dropped

    async def find(self, wanted: Wanted) -> Page:
        """
        Return a page of the calls that are over now.

        Raises:
            HistoryUnavailable: not all that is kept was read yet, or NATS does not answer.
        """
        if not self.complete:
            raise HistoryUnavailable("what is kept is still being read")
        await self._look()
        page = self._index.find(wanted)
        async with self._check:  # one page at a time: NATS may be asked of each call on it
            purged = await asyncio.gather(*(self._is_purged(call) for call in page.calls))
        kept = [call for call, gone in zip(page.calls, purged, strict=True) if not gone]
        return Page(kept, page.before)

    async def _keep(self) -> None:
        backoff = supervise.Backoff(FIRST_RETRY, LONGEST_RETRY)
        await self._connection.wait_ready()
        while True:
            try:
                await self._look()
                backoff.reset()
                delay = LOOK_SECONDS
            except HistoryUnavailable:
                delay = backoff.next()
            await asyncio.sleep(delay)

    async def _look(self) -> None:
        """Read what is new; those who ask together share a look that begins after they asked."""
        wanted = self._begun + 1
        async with self._turn:
            if self._done >= wanted:
                return
            self._begun = number = self._begun + 1
            for reading in self._streams.values():
                await self._look_at(reading)
            for reading in self._streams.values():
                await self._read(reading)
            self._index.forget_oldest(self._is_in_reach)
            self.complete = True
            self._done = number

    async def _look_at(self, reading: _Reading) -> None:
        info = await stream_info(self._connection.client, reading.name)
        replaced = reading.created not in (None, info.created)
        if replaced or info.state.last_seq < reading.next - 1:
            _log.warning("ended calls are read anew", stream=reading.name)
            self._index.clear()
            for stream in self._streams.values():
                stream.next = 1
            self.complete = False
        reading.created, reading.state = info.created, info.state

    async def _read(self, reading: _Reading) -> None:
        """Read to the end, some at a time: what a replica lacks yet comes with the next look."""
        while reading.next <= reading.state.last_seq:
            events = await read_history(
                self._connection.client,
                reading.name,
                self._subjects.events,
                first=reading.next,
                wanted="Call-Seq",
                most=AT_A_TIME,
                timeout=READ_SECONDS,
            )
            for number, event in enumerate(events, 1):
                if not self._index.take(reading.name, event) and not self._told_foreign:
                    self._told_foreign = True
                    _log.warning("not one of our messages", subject=event.subject)
                if number % IN_A_ROW == 0:
                    await asyncio.sleep(0)
            if events:
                reading.next = events[-1].sequence + 1
            if len(events) < AT_A_TIME:
                return
            await asyncio.sleep(PAUSE_SECONDS)

    def _is_in_reach(self, call: EndedCall) -> bool:
        """Whether a call's newest event is younger than what grew too old."""
        return call.sequence >= self._reading_of(call).state.first_seq

    async def _is_purged(self, call: EndedCall) -> bool:
        """
        Whether nothing of a call is kept; if so, it is forgotten.

        Only a stream that has lost records between its first and its last is asked for it.

        Raises:
            HistoryUnavailable: NATS does not answer.
        """
        gone = not self._is_in_reach(call)
        if not gone and self._reading_of(call).state.num_deleted:
            subject = self._subjects.events_of(call.call_sid)
            info = await stream_info(self._connection.client, call.stream, subject)
            gone = not info.state.subjects
        if gone:
            self._index.forget(call.call_sid)
        return gone

    def _reading_of(self, call: EndedCall) -> _Reading:
        return self._streams[call.stream]
