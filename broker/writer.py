"""The owner's side of one call: its claim, its records in order, its interims."""

import asyncio
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import nats.errors

from broker.append import Appender
from broker.claim import Claim, Epochs, first_record, is_own, still_to_say
from broker.connection import Connection
from broker.entries import CallEntry
from broker.errors import Fenced
from broker.listing import Listing
from broker.observer import NOBODY, Observer
from broker.outbox import CAPACITY, Outbox
from broker.records import CallFacts, Record, encode_interim
from broker.registry import Registry
from broker.subjects import Subjects


class CallWriter:
    """
    Writes one call, under one claim after another.

    :meth:`put` and :meth:`interim` never wait. :meth:`run` claims the call, then publishes what
    was put: in order, one record in flight, tried again until it is stored, however long NATS is
    away. It returns once :meth:`finish` was called and everything is stored.

    Attributes:
        call: Its facts; those of the records that it had, once it is claimed.
        claimed: Set once the call is claimed.
        claim: What the call had when it was claimed; None if it is new, or not claimed yet.
    """

    def __init__(
        self,
        connection: Connection,
        subjects: Subjects,
        registry: Registry,
        call: CallFacts,
        epoch: str,
        *,
        next_epoch: Callable[[], str],
        owner: str,
        capacity: int = CAPACITY,
        observer: Observer = NOBODY,
    ) -> None:
        self.call = call
        self.claimed = asyncio.Event()
        self.claim: Claim | None = None
        self._connection = connection
        self._subjects = subjects
        self._appender = Appender(
            connection,
            subjects,
            call_sid=call.call_sid,
            account_sid=call.account_sid,
            observer=observer,
        )
        self._outbox = Outbox(capacity=capacity)
        self._in_flight: Record | None = None
        self._stuck_since: float | None = None  # monotonic; while something waits to be stored
        self._epochs = Epochs(epoch, next_epoch)
        self._slots: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
        self._work = asyncio.Event()
        self._finished = False
        self._stored = asyncio.Event()
        entry = CallEntry(
            call_sid=call.call_sid,
            account_sid=call.account_sid,
            started_at=call.started_at,
            epoch=epoch,
            owner=owner,
            **_lasting(call),
        )
        self._listing = Listing(registry, entry, epochs=self._epochs.own)

    @property
    def epoch(self) -> str:
        """The claim under which it is written now."""
        return self._epochs.current

    @property
    def started_at(self) -> int | None:
        """Unix ms: the zero of the call clock, once claimed."""
        if not self.claimed.is_set():
            return None
        known = None if self.claim is None else self.claim.started_at
        return self.call.started_at if known is None else known

    @property
    def published_ends(self) -> dict[str, float]:
        """Seconds: where each track's stored finals end."""
        return self._appender.published_ends

    @property
    def gap_end(self) -> float:
        """Seconds: what was told to be lost with an owner ends here."""
        return self._appender.gap_end

    @property
    def acked(self) -> int:
        """``seq`` of the last record that is known to be stored."""
        return self._appender.acked

    @property
    def depth(self) -> int:
        """Records that are not known to be stored yet."""
        return len(self._outbox) + (self._in_flight is not None)

    @property
    def stuck_seconds(self) -> float:
        """For how long nothing was stored though something waits for it; else 0."""
        return 0.0 if self._stuck_since is None else time.monotonic() - self._stuck_since

    @property
    def dropped(self) -> int:
        """Finals that made room in a full outbox, told as gaps."""
        return self._outbox.dropped

    def put(self, record: Record) -> None:
        """Take the next record. Never waits."""
        self._outbox.put(record)
        if self._stuck_since is None:
            self._stuck_since = time.monotonic()
        self._stored.clear()
        self._work.set()

    def resume(self, stream_sid: str) -> None:
        """Claim the call again, for another media stream; what follows has a new epoch."""
        self.call = dataclasses.replace(self.call, stream_sid=stream_sid)
        self._epochs.announce()
        self.put(self.call.resumed())

    def interim(self, track: str, body: dict[str, Any]) -> None:
        """Take what is worth nothing after the next of its kind. Never waits."""
        self._slots[track, str(body["type"])] = (time.time_ns() // 1_000_000, body)
        self._work.set()

    def update(self, **changes: Any) -> None:  # noqa: ANN401  fields of CallEntry
        """Change the call's entry in the registry: ``state``, ``covered``."""
        self._listing.update(**changes)

    async def stored(self) -> None:
        """Wait until all that was put is stored."""
        if self.depth:
            await self._stored.wait()

    def finish(self) -> None:
        """No more will be put."""
        self._finished = True
        self._work.set()

    async def abandon(self, received: float) -> None:
        """
        Leave the call to whoever ends the calls of dead owners: it cannot be carried on here.

        Args:
            received: Until when audio was received, in seconds on the call clock.

        Raises:
            TimeoutError: they could not be told.
        """
        await self._listing.abandon(received)

    async def run(
        self,
        may_claim: Callable[[Claim], bool] = lambda _: True,
        why_resumed: str | None = None,
    ) -> None:
        """
        Claim the call and publish until it is finished.

        Args:
            may_claim: Whether the call may be taken from whoever has it, by what is stored of it.
            why_resumed: What is said of a call that goes on.

        Raises:
            Fenced: another owner has the call, or has claimed it since.
        """
        await self._connection.wait_ready()
        await self._claim(may_claim, why_resumed)
        try:
            await self._publish_all()
            if self._appender.last_type == "CallEnded":
                await self._listing.end()
            else:  # others go on with it, or end it: they must know where we stopped
                await self._listing.leave()
        except Fenced:
            await self._listing.withdraw()
            raise
        finally:
            await self._listing.close()

    async def _claim(self, may_claim: Callable[[Claim], bool], why_resumed: str | None) -> None:
        """Take the call over: its numbers go on, and a former owner's next record is refused."""
        while True:
            newest = await self._appender.newest()
            if newest is not None:
                claim = await self._appender.learn(newest)
                # The names of all records would grow with the call, and nobody asks for them later.
                self.claim = dataclasses.replace(claim, ids=set())
                if not may_claim(self.claim):
                    raise Fenced(self.call.call_sid, self.epoch)
                self.call = self.claim.facts(self.call)
            try:
                await self._appender.append(
                    first_record(self.call, self.claim, why_resumed), self.epoch
                )
            except Fenced:
                continue  # the former owner published in between: read again
            break
        self.claimed.set()
        self._listing.begin(
            lambda: self._appender.published_ends if self.depth else None,
            self._is_ours,
            started_at=self.started_at,
            **_lasting(self.call),
        )

    async def _publish_all(self) -> None:
        """Records first: an interim never comes before a record that was put before it."""
        while True:
            self._work.clear()
            if self._outbox:
                self._in_flight = self._outbox.pop()
                if self._in_flight.type == "CallResumed":
                    self._epochs.begin_announced()
                    self._listing.update(epoch=self.epoch)
                await self._publish(self._in_flight)
                self._in_flight = None
                self._stuck_since = time.monotonic() if self.depth else None
                if not self.depth:
                    self._stored.set()
                    self._listing.note_stored()
            elif self._slots:
                await self._publish_interims()
            elif self._finished:
                return
            else:
                await self._work.wait()

    async def _publish_interims(self) -> None:
        slots, self._slots = self._slots, {}
        if not self._connection.connected:
            return  # nobody waits for an old one
        for (track, _), (at, body) in slots.items():
            payload = encode_interim(
                body,
                call_sid=self.call.call_sid,
                track=track,
                epoch=self.epoch,
                after=self._appender.acked,
                at=at,
            )
            subject = self._subjects.record(self._appender.address("interim", track))
            try:
                await self._connection.client.publish(subject, payload)
            except (nats.errors.Error, OSError):
                return

    async def _publish(self, record: Record) -> None:
        """
        Store one record, tried until it is stored.

        Raises:
            Fenced: another owner has claimed the call since.
        """
        waiting = [record]
        if self._appender.last_type == "CallEnded":  # by others: nothing of ours was left to say
            if record.type == "CallEnded":
                return
            if record.type != "CallResumed":
                self._go_on()
                waiting.insert(0, self.call.resumed())
        while waiting:
            message_id = self._appender.message_id(self._appender.acked + 1, self.epoch)
            try:
                await self._appender.append(waiting[0], self.epoch)
            except Fenced:
                claim = await self._given_up()
                if claim is None:
                    raise
                # The id is that of the first that waits: maybe of the word that the call goes on.
                was_ours = waiting[0] is record and message_id in claim.ids
                stored = waiting[-1] is not record or was_ours
                rest = still_to_say(claim, self.call, record, stored=stored)
                if rest is None:
                    return
                # A janitor took us for dead while NATS was away: the call goes on all the same.
                self._go_on()
                waiting = rest
            else:
                waiting.pop(0)

    def _go_on(self) -> None:
        """Write under another claim, whose first record says that the call goes on."""
        self._epochs.begin()
        self._listing.update(epoch=self.epoch)

    async def _given_up(self) -> Claim | None:
        """What is stored, if others took us for dead and nobody owns the call since; else None."""
        newest = await self._appender.newest()
        if newest is None:
            return None
        claim = await self._appender.learn(newest)
        self.call = claim.facts(self.call)
        return claim if claim.given_up(self._epochs.own) else None

    async def _is_ours(self) -> bool:
        return is_own(await self._appender.newest(), self._epochs.own)


def _lasting(call: CallFacts) -> dict[str, Any]:
    """Return what an entry says of a call that does not change with its owner."""
    return {
        "from_": call.from_,
        "to": call.to,
        "direction": call.direction,
        "caller_name": call.caller_name,
        "callee_name": call.callee_name,
        "metadata": call.metadata,
        "options": call.options,
    }
