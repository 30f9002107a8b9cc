"""One subscriber's reading of one call, whatever carries it: who may, from where, and how far."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from functools import partial

from broker import supervise
from broker.broker import Broker
from broker.call_log import Delivery
from broker.entries import Leg
from broker.errors import HistoryUnavailable
from broker.follower import Follower, Outlet
from broker.legs import AwaitedLeg
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

    Attributes:
        asked: What was asked for: the call, or a child leg of it.
        call_sid: The call.
    """

    def __init__(
        self, broker: Broker, wanted: Subscribe, follower: Follower, leg: Leg | None = None
    ) -> None:
        self.asked = wanted.call_sid
        self.call_sid = wanted.call_sid if leg is None else leg.parent_call_sid
        self._leg = leg
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
        return {"type": "Expired", "callSid": self.asked, "first": first}

    @property
    def numbers(self) -> tuple[str | None, str | None]:
        """The call's two numbers, as far as they are known."""
        if (started := self._follower.started) is not None:
            return started.get("from"), started.get("to")
        entry = self._broker.registry.get(self.call_sid)
        return (None, None) if entry is None else (entry.from_, entry.to)

    @property
    def _account_sid(self) -> str | None:
        """The account that owns the call, as far as it is known."""
        if (started := self._follower.started) is not None:
            return started.get("accountSid")
        entry = self._broker.registry.entry(self.call_sid)
        return None if entry is None else entry.account_sid

    def allowed_by(self, grant: Grant) -> bool:
        """Whether a token allows the call: by its name, a number of its, or the leg's name."""
        if self._leg is not None and self._account_sid != self._leg.account_sid:
            return False  # whoever told of the leg speaks for the calls of its own account alone
        return grant.allows(self.asked) or grant.allows(self.call_sid, self.numbers)

    async def admit(
        self,
        grant: Callable[[], Grant],
        patience: float,
        parent: Callable[[], "CallReader | None"] = lambda: None,
    ) -> "CallReader":
        """
        Wait until the call is known, and let the subscriber in if its token allows the call.

        Unknown and not allowed look alike, in answer and in time: nobody learns what exists. Only
        time counts in which NATS could have told of the call; before the past was read nobody can
        say what exists.

        Args:
            grant: What the token allows at this moment.
            patience: How many seconds to wait.
            parent: The call of which this is a leg, if that is known by now.

        Returns:
            The reader that was let in: this one, or the parent's.

        Raises:
            CallRefused: with 4404.
        """
        end = self._follower.readable_seconds + max(patience, LEAST_PATIENCE)
        await self._follower.synced()
        while True:
            for reader in (self, parent()):
                if reader is not None and reader.last and reader.allowed_by(grant()):
                    return reader
            if not self._follower.readable:
                await self._follower.more()  # reading again wakes it
                continue
            left = end - self._follower.readable_seconds
            if left <= 0:
                raise CallRefused(EndCode.NO_SUCH_CALL, "no such call")
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._follower.more()

    async def more(self) -> None:
        """Wait until the call has something that it had not."""
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
        wanted: The call, or a child leg of it, and from where on.
        grant: What the subscriber's token allows at this moment; it may be renewed.
        patience: How many seconds to wait for a call that nobody knows yet.
        pause: For how many seconds after its end the call may go on.
        unknown_calls: Where those wait.

    Raises:
        CallRefused: with 4403, 4404 or 4429.
    """
    if not await could_be_read(broker, wanted.call_sid, grant(), unknown_calls):
        raise CallRefused(EndCode.FORBIDDEN, "the token can never see this call")
    replicas = broker.replicas
    since, interim = wanted.since, wanted.interim
    if broker.registry.get(wanted.call_sid) is not None:  # most by far: with as little as can be
        follower = replicas.begin(wanted.call_sid, since=since, interim=interim, pause=pause)
        try:
            yield await CallReader(broker, wanted, follower).admit(grant, patience)
        finally:
            await replicas.leave(wanted.call_sid, follower)
        return
    async with AsyncExitStack() as stack:
        with unknown_calls.place(grant().bearer, wanted.call_sid):
            follow = partial(replicas.follow, since=since, interim=interim, pause=pause)
            search = _Search(broker, wanted, follow, unknown_calls)
            reader = await search.find(stack, grant, patience)
        yield reader


async def could_be_read(
    broker: Broker, call_sid: str, grant: Grant, unknown_calls: UnknownCalls
) -> bool:
    """
    Whether a token may turn out to allow a call.

    It may name the call, or a number of it; or the parent of this leg, if it is known to be one.

    Raises:
        CallRefused: with 4429.
    """
    if grant.could_allow(call_sid):
        return True
    with unknown_calls.place(grant.bearer, call_sid), suppress(HistoryUnavailable):
        async with unknown_calls.lookups:
            leg = await broker.legs.of(call_sid)
        return leg is not None and grant.could_allow(leg.parent_call_sid)
    return False


class _Search:
    """
    Looks for a call that nobody lists: one that is over or to come, or one whose leg was asked for.

    A leg may have a media stream of its own, and is a call then.
    """

    def __init__(
        self,
        broker: Broker,
        wanted: Subscribe,
        follow: Callable[[str], AbstractAsyncContextManager[Follower]],
        unknown_calls: UnknownCalls,
    ) -> None:
        self._broker = broker
        self._wanted = wanted
        self._follow = follow
        self._unknown_calls = unknown_calls
        self._parent: CallReader | None = None

    async def find(
        self, stack: AsyncExitStack, grant: Callable[[], Grant], patience: float
    ) -> CallReader:
        """
        Return a reader, which is open until ``stack`` is left.

        Raises:
            CallRefused: with 4404.
        """
        async with AsyncExitStack() as own, AsyncExitStack() as parents:
            with self._broker.legs.awaiting(self._wanted.call_sid) as leg:
                async with self._unknown_calls.lookups:
                    follower = await own.enter_async_context(self._follow(self._wanted.call_sid))
                    await follower.synced()
                    if not follower.last:
                        await leg.look()
                    if leg.found is not None:
                        await self._open_parent(leg.found, parents)
                own_reader = CallReader(self._broker, self._wanted, follower)
                waiting = supervise.start(
                    self._await_parent(leg, parents, follower), f"leg {self._wanted.call_sid}"
                )
                try:
                    found = await own_reader.admit(grant, patience, lambda: self._parent)
                finally:
                    await supervise.end(waiting)
            kept = own if found is own_reader else parents
            await stack.enter_async_context(kept.pop_all())
        return found

    async def _open_parent(self, leg: Leg, parents: AsyncExitStack) -> None:
        follower = await parents.enter_async_context(self._follow(leg.parent_call_sid))
        await follower.synced()
        self._parent = CallReader(self._broker, self._wanted, follower, leg)

    async def _await_parent(
        self, leg: AwaitedLeg, parents: AsyncExitStack, waiting: Follower
    ) -> None:
        """Open the leg's parent once it is known; whoever waits looks at it when it has news."""
        found = await leg.wait()
        if self._parent is None:
            async with self._unknown_calls.lookups:
                await self._open_parent(found, parents)
        while self._parent is not None:
            waiting.visit()
            await self._parent.more()
