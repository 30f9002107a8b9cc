"""One reader of a call: a cursor into the log that all readers share."""

import asyncio
import time
from contextlib import suppress
from typing import Any, Protocol

from broker.call_log import CallLog, Delivery
from broker.uptime import Uptime


class Source(Protocol):
    """What a follower reads from: a call's log, and word of what is new in it."""

    log: CallLog
    readable: Uptime

    async def synced(self) -> None:
        """Wait until the past was read once."""

    async def news(self) -> None:
        """Wait until there is something new."""


class Follower:
    """
    One reader of a call: an async iterator of :class:`Delivery`.

    Records come once each, in order; interims in between, the newest of their kind. It ends once
    the call is over; iterated again, it goes on with what has come since. A slow reader costs
    nothing: it is a cursor into a log that all share.
    """

    def __init__(
        self, source: Source, *, since: int | None, interim: bool, pause: float = 0.0
    ) -> None:
        self._source = source
        self._since = since
        self._interim = interim
        self._pause = pause  # seconds in which a call that has ended may go on
        self._end = (0, 0.0)  # seq of the end that it came to, and when (monotonic)
        self._cursor: int | None = None  # seq of the last record given out, once begun
        self._seen = 0  # number of the last interim given out
        self._waiting: list[Delivery] = []
        self._caught_up = 0  # seq of the newest record when it began
        self.skipped_interims = 0  # that a newer message made worthless before they were given out

    @property
    def cursor(self) -> int:
        """``seq`` of the last record that was given out, or that it began after."""
        return self._cursor or 0

    @property
    def so_far(self) -> list[bytes]:
        """The payloads of all records that are kept, as of now."""
        return [delivery.payload for delivery in self._source.log.records]

    @property
    def ended(self) -> bool:
        """Whether the call has ended, for now at least, and all of it was given out."""
        return self._source.log.ended and self.cursor >= self.last

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
        waiting = self._source.log.after(max(self.cursor, self._caught_up))
        return len(waiting), sum(len(delivery.payload) for delivery in waiting)

    @property
    def first(self) -> int:
        """``seq`` of the oldest record that is kept; 0 if there is none."""
        return self._source.log.first

    @property
    def last(self) -> int:
        """``seq`` of the newest record; 0 if there is none."""
        return self._source.log.last

    @property
    def started(self) -> dict[str, Any] | None:
        """The call's ``CallStarted``, if it is kept."""
        return self._source.log.started

    @property
    def expired_first(self) -> int | None:
        """The oldest record, if what was asked for begins before it; else None."""
        if self._since is None or self.first <= self._since + 1:
            return None
        return self.first

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
        if self._cursor is None:
            self._cursor = self._start()
            self._caught_up = self.last

    async def more(self) -> None:
        """Wait until the call has something that it had not."""
        await self._source.news()

    def __aiter__(self) -> "Follower":
        return self

    async def __anext__(self) -> Delivery:
        if self._cursor is None:
            await self.synced()
        cursor = self._start() if self._cursor is None else self._cursor
        while True:
            if (delivery := self._next(cursor)) is not None:
                return delivery
            if not (self._source.log.ended and cursor >= self.last):
                await self._source.news()
            elif (left := self._pause_left()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._source.news()
            else:
                raise StopAsyncIteration

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
        passed = time.time() - self._source.log.newest_at / 1000
        return self._pause - max(passed, time.monotonic() - here_since)

    def _start(self) -> int:
        """Return the ``seq`` after which the follower begins, as the log is now."""
        if self._since is not None:
            return max(self._since, self.first - 1)
        # Without the past, an ended call still says that it has ended.
        return self.last - 1 if self._source.log.ended else self.last

    def _next(self, cursor: int) -> Delivery | None:
        log = self._source.log
        if log.records and cursor < log.last:
            self.skipped_interims += len(self._waiting)
            self._waiting.clear()  # older than the record that comes now
            self._cursor = max(cursor + 1, log.first)
            return log.records[self._cursor - log.first]
        if self._interim and not self._waiting:
            seen = self._seen
            for interim in log.fresh_interims(seen, cursor, time.time()):
                self._seen = max(self._seen, interim.number)
                self._waiting.append(interim.delivery)
            if seen:
                self.skipped_interims += self._seen - seen - len(self._waiting)
        return self._waiting.pop(0) if self._waiting else None
