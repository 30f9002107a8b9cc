"""Whose child a call leg is: whoever is told keeps it, and who looks for a leg finds its parent."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import msgspec

from broker.bucket import Bucket
from broker.entries import Leg, is_gone, read_leg
from broker.errors import HistoryUnavailable
from broker.identifiers import check_call_sid
from broker.stored_calls import StoredCalls
from broker.subjects import Subjects

# As long as records are kept, but not for ever: a leg costs its place in the bucket.
LONGEST_SECONDS = 72 * 3600
# How often it is asked for while it is awaited, as the word of it may be missed while NATS is away.
LOOK_SECONDS = 15.0


class AwaitedLeg:
    """
    A leg that somebody looks for.

    Attributes:
        found: It, once it is known.
    """

    def __init__(self, legs: "Legs", call_sid: str) -> None:
        self.found: Leg | None = None
        self._legs = legs
        self._call_sid = call_sid
        self._arrived = asyncio.Event()

    async def look(self) -> None:
        """Ask the leader for it, unless it is known; while nobody answers, it may still come."""
        if self.found is None:
            with suppress(HistoryUnavailable):
                if (leg := await self._legs.of(self._call_sid)) is not None:
                    self.take(leg)

    def take(self, leg: Leg) -> None:
        """Take it; what was found first stands."""
        if self.found is None:
            self.found = leg
            self._arrived.set()

    async def wait(self) -> Leg:
        """Return it once it is known."""
        while self.found is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._arrived.wait()
            await self.look()
        return self.found


class Legs:
    """The child legs of calls. Here none is kept but those that are looked for."""

    def __init__(
        self, bucket: Bucket, subjects: Subjects, stored_calls: StoredCalls, *, seconds: float
    ) -> None:
        self._bucket = bucket
        self._stored_calls = stored_calls
        self._subjects = subjects
        self._ttl = max(1, round(min(seconds, LONGEST_SECONDS)))
        self._awaited: dict[str, set[AwaitedLeg]] = {}

    async def put(self, leg: Leg) -> None:
        """
        Keep a leg; what its account said first of it stands.

        Raises:
            NotWritten: it cannot be kept now.
        """
        check_call_sid(leg.parent_call_sid)
        subject = self._subjects.leg_key(leg.call_sid, leg.account_sid)
        await self._bucket.keep(subject, msgspec.json.encode(leg), ttl=self._ttl, expected=0)

    async def of(self, call_sid: str) -> Leg | None:
        """
        Ask the leader for a leg.

        A leg is of one account; if two say that it is theirs, it is that one's who has the parent,
        and nobody's if both have one.

        Raises:
            HistoryUnavailable: that cannot be known now.
        """
        told = await self._bucket.read_all(self._subjects.leg_key(call_sid))
        legs = [leg for data in told if (leg := read_leg(call_sid, data)) is not None]
        if len(legs) > 1:
            is_known = self._stored_calls.is_known
            legs = [leg for leg in legs if await is_known(leg.parent_call_sid, leg.account_sid)]
        return legs[0] if len(legs) == 1 else None

    @contextmanager
    def awaiting(self, call_sid: str) -> Iterator[AwaitedLeg]:
        """Look for a leg from now on."""
        awaited = AwaitedLeg(self, call_sid)
        self._awaited.setdefault(call_sid, set()).add(awaited)
        try:
            yield awaited
        finally:
            self._awaited[call_sid].discard(awaited)
            if not self._awaited[call_sid]:
                del self._awaited[call_sid]

    def receive(self, key: str, headers: Mapping[str, str], data: bytes) -> None:
        """Take what the bucket tells of a leg's key."""
        call_sid = key.rpartition(".")[2]
        if call_sid not in self._awaited or is_gone(headers):
            return
        if (leg := read_leg(call_sid, data)) is not None:
            for awaited in list(self._awaited[call_sid]):
                awaited.take(leg)
