"""One reader of a call: a cursor into the log that all readers share."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from broker.call_log import CallLog, Delivery
from broker.rounds import Writing
from broker.uptime import Uptime


class Outlet(NamedTuple):
    """
    Where messages go while the iterator waits.

    Attributes:
        take: Takes a message, after so many bytes that it took in the same visit, and returns what
            is to be written; or None, and has nothing of it. What it raises, the iterator raises.
        write: Writes what was taken.
    """

    take: Callable[[Delivery, int], bytes | None]
    write: Callable[[bytes], object]


class Source(Protocol):
    """What a follower reads from: a call's log; when there is news, it visits its followers."""

    log: CallLog
    readable: Uptime

    async def synced(self) -> None:
        """Wait until the past was read once."""


class Follower:
    """
    One reader of a call: an async iterator of :class:`Delivery`.

    Records come once each, in order; interims in between, the newest of their kind. It ends once
    the call is over; iterated again, it goes on with what has come since. A slow reader costs
    nothing: it is a cursor into a log that all share.

    While the iterator waits for what comes next, the reader is at the head. One that can take a
    message without waiting then gets what comes by :meth:`visit`, and its task sleeps on; the
    iterator gives out what was not taken, and what follows, until it waits again.

    Attributes:
        outlet: Where messages go while the iterator waits; without one it is woken for each.
        due: Of :class:`~broker.rounds.Rounds`.
    """

    # Of a thousand readers each visit finds the memory cold: one place, not two.
    __slots__ = (
        "_at_head",
        "_caught_up",
        "_cursor",
        "_end",
        "_interim",
        "_log",
        "_news",
        "_pause",
        "_seen",
        "_since",
        "_source",
        "_waiting",
        "due",
        "outlet",
        "skipped_interims",
    )

    def __init__(
        self, source: Source, *, since: int | None, interim: bool, pause: float = 0.0
    ) -> None:
        self._source = source
        self._log = source.log
        self._since = since
        self._interim = interim
        self._pause = pause  # seconds in which a call that has ended may go on
        self._end = (0, 0.0)  # seq of the end that it came to, and when (monotonic)
        self._cursor: int | None = None  # seq of the last record given out, once begun
        self._seen = 0  # number of the last interim given out
        self._waiting: list[Delivery] = []
        self._caught_up = 0  # seq of the newest record when it began
        self._news: asyncio.Future[None] | None = None  # while its task waits for something new
        self._at_head = False  # it waits for the next message, and for nothing else
        self.outlet: Outlet | None = None
        self.due = False
        self.skipped_interims = 0  # that a newer message made worthless before they were given out

    @property
    def cursor(self) -> int:
        """``seq`` of the last record that was given out, or that it began after."""
        return self._cursor or 0

    @property
    def so_far(self) -> list[bytes]:
        """The payloads of all records that are kept, as of now."""
        return [delivery.payload for delivery in self._log.records]

    @property
    def ended(self) -> bool:
        """Whether the call has ended, for now at least, and all of it was given out."""
        return self._log.ended and self.cursor >= self.last

    @property
    def over(self) -> bool:
        """Whether the call has ended, all of it was given out, and the pause has passed, too."""
        return self.ended and self._pause_left() <= 0

    @property
    def backlog(self) -> tuple[int, int]:
        """
        How many records wait, and their bytes; of those that came since the follower began.

        The past, which anybody may ask for and read at leisure, does not count.
        """
        waiting = self._log.after(max(self.cursor, self._caught_up))
        return len(waiting), sum(len(delivery.payload) for delivery in waiting)

    @property
    def first(self) -> int:
        """``seq`` of the oldest record that is kept; 0 if there is none."""
        return self._log.first

    @property
    def last(self) -> int:
        """``seq`` of the newest record; 0 if there is none."""
        return self._log.last

    @property
    def started(self) -> dict[str, Any] | None:
        """The call's ``CallStarted``, if it is kept."""
        return self._log.started

    @property
    def expired_first(self) -> int | None:
        """The oldest record, if what was asked for begins before it; else None."""
        if self._since is None or self.first <= self._since + 1:
            return None
        return self.first

    def let_go(self) -> None:
        """
        Hold no record any more, and still know how far it came: it is read no more.

        Who has read it may stay in memory until Python collects what its exceptions hold, and that
        takes long: bytes do not count there.
        """
        self._log = self._log.outline()
        self._waiting.clear()

    @property
    def readable(self) -> bool:
        """Whether NATS is there, and what it keeps of the call can be read."""
        return self._source.readable.running

    @property
    def readable_seconds(self) -> float:
        """For how long that was so, since some moment in the past."""
        return self._source.readable.seconds(time.monotonic())

    async def synced(self) -> None:
        """Wait until the past was read."""
        await self._source.synced()
        self._begin()

    async def more(self) -> None:
        """Wait until the call has something that it had not."""
        self._news = asyncio.get_running_loop().create_future()
        try:
            await self._news
        finally:
            self._news = None

    def visit(self) -> Writing | None:
        """Take what is new, as far as that goes without waiting; else wake the task for it."""
        if self._news is None or self._news.done():
            return None  # the task is on its way, and finds it; or it was cancelled
        if self.outlet is None or not self._at_head:
            self._news.set_result(None)
            return None
        take, write = self.outlet
        taken: list[bytes] = []
        try:
            if not self._hand_over(take, taken):
                self._news.set_result(None)
        except Exception as exc:  # noqa: BLE001  it ends this reader, and no other
            self._news.set_exception(exc)
        return (write, b"".join(taken)) if taken else None

    def __aiter__(self) -> "Follower":
        return self

    async def __anext__(self) -> Delivery:
        if self._cursor is None:
            await self.synced()
        while (delivery := self._peek()) is None:
            if not self.ended:
                await self._next()
            elif (left := self._pause_left()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._next()
            else:
                raise StopAsyncIteration
        self._given_out(delivery)
        return delivery

    async def _next(self) -> None:
        """Wait until there is something that was not taken, or the call has ended."""
        self._at_head = True
        try:
            await self.more()
        finally:
            self._at_head = False

    def _hand_over(self, take: Callable[[Delivery, int], bytes | None], taken: list[bytes]) -> bool:
        """Hand over all that is new; returns whether it was taken, and more may come."""
        size = 0
        while (delivery := self._peek()) is not None:
            if (frame := take(delivery, size)) is None:
                return False
            self._given_out(delivery)
            taken.append(frame)
            size += len(frame)
        return not self._log.ended

    def _pause_left(self) -> float:
        """
        Return the seconds until a call that has ended is over.

        The clock of who wrote the end may be ahead of ours: never more than the whole pause since
        the follower came there.
        """
        seq, here_since = self._end
        if seq != self.last:
            here_since = time.monotonic()
            self._end = self.last, here_since
        passed = time.time() - self._log.newest_at / 1000
        return self._pause - max(passed, time.monotonic() - here_since)

    def _begin(self) -> None:
        if self._cursor is None:
            self._cursor = self._start()
            self._caught_up = self.last

    def _start(self) -> int:
        """Return the ``seq`` after which the follower begins, as the log is now."""
        if self._since is not None:
            return max(self._since, self.first - 1)
        # Without the past, an ended call still says that it has ended.
        return self.last - 1 if self._log.ended else self.last

    def _peek(self) -> Delivery | None:
        """Return what comes next, if it is there."""
        log, cursor = self._log, self._cursor or 0
        if cursor < log.last:
            return log.records[max(0, cursor + 1 - log.first)]
        if not self._interim:
            return None
        if not self._waiting and log.newest_interim > self._seen:
            self._look_at_interims(cursor)
        return self._waiting[0] if self._waiting else None

    def _look_at_interims(self, cursor: int) -> None:
        log, seen = self._log, self._seen
        for interim in log.fresh_interims(seen, cursor, time.time()):
            self._seen = max(self._seen, interim.number)
            self._waiting.append(interim.delivery)
        if seen:
            self.skipped_interims += self._seen - seen - len(self._waiting)

    def _given_out(self, delivery: Delivery) -> None:
        """Move past what was next."""
        if delivery.seq is None:
            del self._waiting[0]
            return
        self._cursor = delivery.seq
        if self._waiting:  # they are older than the record
            self.skipped_interims += len(self._waiting)
            self._waiting.clear()
