"""One subscriber's reading of one call, whatever carries it: who may, from where, and how far."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

from broker.broker import Broker
from broker.call_log import Delivery
from broker.follower import Follower, Outlet
from handler.errors import CallRefused, EndCode, TooSlow
from handler.subscribers.commands import Subscribe
from handler.subscribers.unknown_calls import UnknownCalls
from handler.tokens.grants import Grant

# How far a reader may fall behind a call that goes on. The past that it asked for does not count.
MAX_BACKLOG_RECORDS = 1000
MAX_BACKLOG_BYTES = 1024 * 1024
# How long a replica may lack what its leader has stored.
LAG_SECONDS = 1.5
# A refusal comes no sooner: not when it is known that there is nothing, nor when a long past that
# the token does not allow was read.
LEAST_PATIENCE = 0.5
# How often a call is looked at that is over as we know it, and listed all the same.
LOOK_SECONDS = 0.2


class CallReader:
    """
    What one subscriber reads of one call: an async iterator of :class:`Delivery`.

    It is a cursor into a log that all readers of the call share, so the slow ones cost nothing and
    hold up nobody. Made by :func:`read_call`.
    """

    def __init__(self, broker: Broker, wanted: Subscribe, follower: Follower) -> None:
        self.call_sid = wanted.call_sid
        self._broker = broker
        self._wanted = wanted
        self._follower = follower

    @property
    def first(self) -> int:
        """``seq`` of the oldest record that is kept."""
        return self._follower.first

    @property
    def last(self) -> int:
        """``seq`` of the newest record."""
        return self._follower.last

    @property
    def cursor(self) -> int:
        """``seq`` of the last record that was given out."""
        return self._follower.cursor

    @property
    def so_far(self) -> list[bytes]:
        """The payloads of all records that are kept, as of now."""
        return self._follower.so_far

    @property
    def ended(self) -> bool:
        """Whether the call has ended, and all of it was given out; it may yet go on."""
        return self._follower.ended

    @property
    def over(self) -> bool:
        """Whether the call has ended, and the time has passed in which it may go on."""
        return self._follower.over

    @property
    def skipped_interims(self) -> int:
        """How many interims were out of date before the reader came for them."""
        return self._follower.skipped_interims

    @property
    def expired(self) -> dict[str, object] | None:
        """The ``Expired`` message, if records that were asked for are no longer kept."""
        first = self._follower.expired_first
        if first is None:
            return None
        return {"type": "Expired", "callSid": self.call_sid, "first": first}

    @property
    def numbers(self) -> tuple[str | None, str | None]:
        """The call's two numbers, as far as they are known."""
        if (started := self._follower.started) is not None:
            return started.get("from"), started.get("to")
        entry = self._broker.registry.get(self.call_sid)
        return (None, None) if entry is None else (entry.from_, entry.to)

    async def admit(self, grant: Callable[[], Grant], patience: float) -> None:
        """
        Wait until the call is known, and let the subscriber in if its token allows the call.

        Unknown and not allowed look alike, in answer and in time: nobody learns what exists. Only
        time counts in which NATS could have told of the call; before the past was read nobody can
        say what exists.

        Raises:
            CallRefused: with 4404.
        """
        end = self._follower.readable_seconds + max(patience, LEAST_PATIENCE)
        await self._follower.synced()
        while not (self.last and grant().allows(self.call_sid, self.numbers)):
            if not self._follower.readable:
                await self._follower.more()  # reading again wakes it
                continue
            left = end - self._follower.readable_seconds
            if left <= 0:
                raise CallRefused(EndCode.NO_SUCH_CALL, "no such call")
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._follower.more()

    async def check_since(self) -> None:
        """
        Refuse a ``since`` beyond the call's records.

        A replica that has told us of the call may lag behind the container that the subscriber
        comes from; what it lacks comes within a moment.

        Raises:
            CallRefused: with 4400.
        """
        since = self._wanted.since
        with suppress(TimeoutError):
            async with asyncio.timeout(LAG_SECONDS):
                while since is not None and since > self.last:
                    await self._follower.more()
        if since is not None and since > self.last:
            raise CallRefused(EndCode.BAD_REQUEST, f"since is beyond the last record, {self.last}")

    async def goes_on(self) -> bool:
        """
        Whether a call that is over, as we know it, is listed; waits a moment for what tells of it.

        Its owner lists it again once its next record is stored, and no longer once its last is: we
        lag behind the one or the other.
        """
        if self._broker.registry.get(self.call_sid) is None:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._follower.more()
        return True

    def check_pace(self) -> None:
        """
        Give up on a reader that has fallen too far behind.

        Raises:
            TooSlow: with the ``since`` to come back with.
        """
        records, size = self._follower.backlog
        if records > MAX_BACKLOG_RECORDS or size > MAX_BACKLOG_BYTES:
            raise TooSlow(self.cursor)

    def hand_to(self, outlet: Outlet) -> None:
        """From now on hand over what comes while the reader is at the head; see ``Follower``."""
        self._follower.outlet = outlet

    def __aiter__(self) -> AsyncIterator[Delivery]:
        return self._follower


@asynccontextmanager
async def read_call(
    broker: Broker,
    wanted: Subscribe,
    grant: Callable[[], Grant],
    *,
    patience: float,
    pause: float = 0.0,
    unknown_calls: UnknownCalls,
) -> AsyncIterator[CallReader]:
    """
    Open a call to a subscriber.

    Args:
        broker: Where the records come from.
        wanted: The call, and from where on.
        grant: What the subscriber's token allows at this moment; it may be renewed.
        patience: How many seconds to wait for a call that nobody knows yet.
        pause: For how many seconds after its end the call may go on.
        unknown_calls: Where those wait.

    Raises:
        CallRefused: with 4403, 4404 or 4429.
    """
    if not grant().could_allow(wanted.call_sid):
        raise CallRefused(EndCode.FORBIDDEN, "the token can never see this call")
    replicas, follower = broker.replicas, None
    begin = partial(
        replicas.begin, wanted.call_sid, since=wanted.since, interim=wanted.interim, pause=pause
    )
    try:
        if broker.registry.get(wanted.call_sid) is not None:
            reader = CallReader(broker, wanted, follower := begin())
            await reader.admit(grant, patience)
        else:
            with unknown_calls.place(grant().bearer, wanted.call_sid):
                async with unknown_calls.lookups:
                    follower = begin()
                    await follower.synced()
                reader = CallReader(broker, wanted, follower)
                await reader.admit(grant, patience)
        yield reader
    finally:
        if follower is not None:
            await replicas.leave(wanted.call_sid, follower)
