"""The owner's side of one call: its claim, its records in order, its place in the registry."""

import asyncio
import dataclasses
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import nats.errors
import nats.js.errors
import structlog

from broker import supervise
from broker.claim import Past, read_past
from broker.entries import CallEntry
from broker.errors import Fenced, HistoryUnavailable
from broker.outbox import CAPACITY, Outbox, stand_in
from broker.records import CallFacts, Record, encode_interim, encode_record
from broker.stream import Stored, last_stored
from broker.subjects import Address

if TYPE_CHECKING:
    from broker.broker import Broker

ACK_SECONDS = 1.0
FIRST_RETRY = 0.05
LONGEST_RETRY = 0.5
LISTING_SECONDS = 10.0
# Something newer was stored for the call than the publisher knew of.
WRONG_LAST_SEQUENCE = frozenset({10071, 10164})
TOO_LARGE = 10054
T = TypeVar("T")

_log = structlog.get_logger()


class _Written(msgspec.Struct):
    epoch: str = ""


class CallWriter:
    """
    Writes one call, under one claim after another.

    :meth:`put` and :meth:`interim` never wait. :meth:`run` claims the call, then publishes what
    was put: in order, one record in flight, tried again until it is stored, however long NATS is
    away. It returns once :meth:`finish` was called and everything is stored.
    """

    def __init__(
        self, broker: "Broker", call: CallFacts, epoch: str, *, capacity: int = CAPACITY
    ) -> None:
        self.call = call
        self.epoch = epoch
        self.claimed = asyncio.Event()
        self.resumed = False  # the call had records when we claimed it
        self.had_ended = False  # the newest of them said that it was over
        self.started_at: int | None = None  # Unix ms: the zero of the call clock, once claimed
        self.published_ends: dict[str, float] = {}  # seconds: where each track's stored finals end
        self.told_lost = 0.0  # seconds: what was told to be lost with an owner ends here
        self.acked = 0  # seq of the last record that is known to be stored
        self._broker = broker
        self._outbox = Outbox(capacity=capacity)
        self._epochs: deque[str] = deque()  # of the claims whose first record is in the outbox
        self._own_epochs = {epoch}  # of all claims of this writer
        self._slots: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
        self._work = asyncio.Event()
        self._finished = False
        self._last_sequence = 0  # of the call's newest record in the stream
        self._last_type = ""
        self._in_flight = 0
        self._entry = CallEntry(
            call_sid=call.call_sid,
            account_sid=call.account_sid,
            from_=call.from_,
            to=call.to,
            direction=call.direction,
            started_at=call.started_at,
            epoch=epoch,
            owner=broker.settings.instance,
        )
        self._entry_changed = asyncio.Event()
        self._ended = False  # the entry is to be deleted
        self._left = False  # the entry is as it shall stay
        self._listed = False  # the entry was written
        self._missing = False  # the entry was there, and is not
        self._understated = False  # the entry tells less than is transcribed
        self._log = _log.bind(call_sid=call.call_sid)

    @property
    def depth(self) -> int:
        """Records that are not known to be stored yet."""
        return len(self._outbox) + self._in_flight

    @property
    def dropped(self) -> int:
        """Finals that made room in a full outbox, told as gaps."""
        return self._outbox.dropped

    def put(self, record: Record) -> None:
        """Take the next record. Never waits."""
        self._outbox.put(record)
        self._work.set()

    def resume(self, stream_sid: str) -> None:
        """Claim the call again, for another media stream; what follows has a new epoch."""
        self.call = dataclasses.replace(self.call, stream_sid=stream_sid)
        self._epochs.append(self._next_epoch())
        self.put(self.call.resumed())

    def interim(self, track: str, body: dict[str, Any]) -> None:
        """Take what is worth nothing after the next of its kind. Never waits."""
        self._slots[track, str(body["type"])] = (_now(), body)
        self._work.set()

    def update(self, **changes: Any) -> None:  # noqa: ANN401  fields of CallEntry
        """Change the call's entry in the registry: ``state``, ``covered``."""
        self._entry = msgspec.structs.replace(self._entry, **changes)
        self._entry_changed.set()

    def finish(self) -> None:
        """No more will be put."""
        self._finished = True
        self._work.set()

    async def run(self) -> None:
        """
        Claim the call and publish until it is finished.

        Raises:
            Fenced: another owner has claimed the call since.
        """
        await self._broker.wait_ready()
        await self._claim()
        listing = asyncio.create_task(self._list(), name=f"{self.call.call_sid} registry")
        try:
            try:
                await self._publish_all()
            except Fenced:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LISTING_SECONDS):
                        await supervise.end(listing)
                        await self._delete_entry()
                raise
            if self._last_type == "CallEnded":
                # A put in flight must be over, or its entry would outlive the deletion.
                self._ended = True
                self._entry_changed.set()
                await asyncio.wait({listing}, timeout=LISTING_SECONDS)
                await self._delete_entry()
            else:
                # Others go on with it, or end it: they must know where we stopped.
                self._left = True
                self._entry_changed.set()
                await asyncio.wait({listing}, timeout=LISTING_SECONDS)
        finally:
            await supervise.end(listing)
            self._broker.registry.disown(self.call.call_sid, self._on_missing)

    async def _delete_entry(self) -> None:
        await self._broker.registry.delete_call(self.call.call_sid, self._own_epochs)

    async def abandon(self) -> None:
        """Leave the call to whoever ends the calls of dead owners: it cannot be carried on here."""
        self._entry = msgspec.structs.replace(self._entry, owner="", abandoned="crashed")
        async with asyncio.timeout(LISTING_SECONDS):
            await self._broker.registry.put_call(self._entry, self._own_epochs)

    async def open_end(self, alive: Callable[[str], bool]) -> bool:
        """
        Learn what is stored of a call whose owner is gone, to end it.

        Args:
            alive: Whether a process, by its name, gives signs of life.

        Returns:
            Whether the end is still to be written; else it was, or nothing is stored.

        Raises:
            Fenced: a process that lives has claimed the call.
            HistoryUnavailable: it cannot be learned now.
        """
        newest = await last_stored(
            self._broker.client, self._broker.subjects.stream, self._call_subject
        )
        if newest is None:
            return False
        past = await self._learn(newest)
        if past.ended:
            return False
        if alive(past.claim.rpartition("-")[0]):
            raise Fenced(self.call.call_sid, self.epoch)
        return True

    async def publish_now(self, record: Record) -> None:
        """
        Publish one record and wait until it is stored.

        Raises:
            Fenced: somebody else has written the call since.
        """
        await self._store(record)

    async def _claim(self) -> None:
        """Take the call over: its numbers go on, and a former owner's next record is refused."""
        while True:
            newest = await self._newest()
            if newest is not None:
                self.had_ended = (await self._learn(newest)).ended
            first = self.call.resumed() if newest is not None else self.call.started()
            try:
                await self._store(first)
            except Fenced:
                continue  # the former owner published in between: read again
            break
        if self.started_at is None:
            self.started_at = self.call.started_at
        self._entry = msgspec.structs.replace(
            self._entry,
            started_at=self.started_at,
            from_=self.call.from_,
            to=self.call.to,
            direction=self.call.direction,
        )
        self._broker.registry.own(self.call.call_sid, self._on_missing)
        self._entry_changed.set()
        self.claimed.set()

    async def _learn(self, newest: Stored) -> Past:
        """Read what is stored of the call, and go on from there."""
        stream = self._broker.subjects.stream
        past = await self._asked(
            lambda: read_past(self._broker.client, stream, self._call_subject, newest)
        )
        self.resumed = True
        self.acked, self._last_sequence, self._last_type = past.seq, past.sequence, past.type
        self.published_ends, self.told_lost = past.ends, past.told_lost
        if past.started_at is not None:
            self.started_at = past.started_at
        if past.numbers is not None:
            # What a call is does not change with the media stream that carries it on.
            from_, to, direction = past.numbers
            self.call = dataclasses.replace(self.call, from_=from_, to=to, direction=direction)
        return past

    @property
    def _call_subject(self) -> str:
        return self._broker.subjects.call(self.call.call_sid, self.call.account_sid)

    async def _newest(self) -> Stored | None:
        stream = self._broker.subjects.stream
        return await self._asked(
            lambda: last_stored(self._broker.client, stream, self._call_subject)
        )

    async def _asked(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask what is stored until somebody answers."""
        delay = FIRST_RETRY
        while True:
            try:
                return await ask()
            except HistoryUnavailable:
                await asyncio.sleep(delay)
                delay = min(2 * delay, LONGEST_RETRY)

    async def _publish_all(self) -> None:
        """Records first: an interim never comes before a record that was put before it."""
        while True:
            self._work.clear()
            if self._outbox:
                record = self._outbox.take()
                if record.type == "CallResumed":
                    self.epoch = self._epochs.popleft()
                    self.update(epoch=self.epoch)
                self._in_flight = 1
                await self._publish(record)
                self._in_flight = 0
                if self._understated and not self.depth:
                    self._entry_changed.set()
            elif self._slots:
                await self._publish_interims()
            elif self._finished:
                return
            else:
                await self._work.wait()

    async def _publish_interims(self) -> None:
        slots, self._slots = self._slots, {}
        if not self._broker.connected:
            return  # nobody waits for an old one
        for (track, _), (at, body) in slots.items():
            payload = encode_interim(
                body,
                call_sid=self.call.call_sid,
                track=track,
                epoch=self.epoch,
                after=self.acked,
                at=at,
            )
            try:
                await self._broker.client.publish(self._subject("interim", track), payload)
            except (nats.errors.Error, OSError):
                return

    async def _publish(self, record: Record) -> None:
        """
        Store one record, tried until it is stored.

        Raises:
            Fenced: another owner has claimed the call since.
        """
        waiting = [record]
        while waiting:
            message_id = self._message_id(self.acked + 1)
            try:
                await self._store(waiting[0])
            except Fenced:
                past = await self._given_up()
                if past is None:
                    raise
                if record.type == "CallEnded" and past.ended:
                    return  # that is said already
                # A janitor took us for dead while NATS was away: the call goes on all the same.
                self.epoch = self._next_epoch()
                # If it was stored before that, only the answer was lost.
                stored = waiting[-1] is not record or message_id in past.ids
                waiting = [self.call.resumed()]
                if not stored and record.type != "CallResumed":
                    waiting.append(record)
                self.update(epoch=self.epoch)
            else:
                waiting.pop(0)

    async def _given_up(self) -> Past | None:
        """What is stored, if others took us for dead and nobody owns the call since; else None."""
        newest = await self._newest()
        if newest is None:
            return None
        past = await self._learn(newest)
        return past if past.given_up and past.claim in self._own_epochs else None

    def _next_epoch(self) -> str:
        epoch = self._broker.next_epoch()
        self._own_epochs.add(epoch)
        return epoch

    def _message_id(self, seq: int) -> str:
        return f"{self.call.call_sid}:{self.epoch}:{seq}"

    async def _store(self, record: Record) -> None:
        """Store one record under the next number; tried until it is stored."""
        seq = self.acked + 1
        subject = self._broker.subjects.ingested(self._address(record.kind, record.track))
        headers = {
            "Nats-Msg-Id": self._message_id(seq),
            "Call-Seq": str(seq),
            "Nats-Expected-Last-Subject-Sequence-Subject": self._call_subject,
        }
        payload = self._encode(record, seq)
        delay = FIRST_RETRY
        while True:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(self._last_sequence)
            try:
                stored_at = await self._try(subject, payload, headers)
            except nats.js.errors.APIError as exc:
                if exc.err_code in WRONG_LAST_SEQUENCE:
                    stored_at = await self._stored_by_us(headers["Nats-Msg-Id"])
                elif exc.err_code == TOO_LARGE:
                    record = self._too_large(record, len(payload))
                    subject = self._broker.subjects.ingested(self._address("event", "call"))
                    payload = self._encode(record, seq)
                    continue
                else:  # electing a leader, a full disk, a first copy still being replicated
                    stored_at = None
            except nats.errors.MaxPayloadError:  # the server takes less than the stream
                record = self._too_large(record, len(payload))
                subject = self._broker.subjects.ingested(self._address("event", "call"))
                payload = self._encode(record, seq)
                continue
            except (nats.errors.Error, TimeoutError, OSError):
                stored_at = None
            if stored_at is not None:
                self.acked, self._last_sequence, self._last_type = seq, stored_at, record.type
                if record.kind == "final":
                    end = record.body["start"] + record.body["duration"]
                    known = self.published_ends.get(record.track, 0.0)
                    self.published_ends[record.track] = max(end, known)
                return
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_RETRY)

    def _too_large(self, record: Record, size: int) -> Record:
        """Return what stands for a record which no server would take."""
        self._log.error("record too large", type=record.type, bytes=size)
        return stand_in(record)

    async def _try(self, subject: str, payload: bytes, headers: dict[str, str]) -> int | None:
        """Publish once; returns the place in the stream, or None while NATS is away."""
        if not self._broker.connected:
            return None  # else each try would leave a copy in the client's buffer
        # The client writes into the headers that it is given.
        ack = await self._broker.js.publish(
            subject, payload, timeout=ACK_SECONDS, headers=dict(headers)
        )
        return ack.seq

    async def _stored_by_us(self, message_id: str) -> int | None:
        """
        Find our own record after a refusal: only its acknowledgement may have been lost.

        None means that it is to be sent again.

        A single server checks the expected sequence before the id, and refuses the repetition.

        Raises:
            Fenced: the newest record of the call is another owner's.
        """
        newest = await self._newest()
        if newest is not None and newest.headers.get("Nats-Msg-Id") == message_id:
            return newest.sequence
        last = newest.sequence if newest is not None else 0
        if last < self._last_sequence:
            # The server came back without what it had acknowledged. No claim is newer than ours.
            self._log.error("nats has lost records of the call", seq=self.acked)
            self._last_sequence = last
            return None
        raise Fenced(self.call.call_sid, self.epoch)

    async def _list(self) -> None:
        """Keep the call's entry in the registry as it should be."""
        while True:
            await self._entry_changed.wait()
            self._entry_changed.clear()
            if self._ended:
                return
            if self._missing:
                self._missing = False
                if not await self._is_ours():
                    continue  # whoever owns it now has deleted the entry, or will
            first, self._listed = not self._listed, True
            await self._broker.registry.put_call(self._as_stored(), self._own_epochs, first=first)
            if self._left and not self._entry_changed.is_set():
                return

    def _on_missing(self) -> None:
        """The entry is gone: lost with the bucket, or deleted by who took us for dead."""
        self._missing = True
        self._entry_changed.set()

    async def _is_ours(self) -> bool:
        """Whether nobody has written the call since we have."""
        newest = await self._newest()
        if newest is None:
            return True  # lost with the stream
        try:
            return msgspec.json.decode(newest.data, type=_Written).epoch in self._own_epochs
        except msgspec.MsgspecError:
            return False

    def _as_stored(self) -> CallEntry:
        """Return the entry; it claims nothing to be transcribed that may yet be refused."""
        covered = self._entry.covered
        self._understated = bool(covered) and self.depth > 0
        if self._understated:
            ends = self.published_ends
            covered = {track: min(end, ends.get(track, 0.0)) for track, end in covered.items()}
        return msgspec.structs.replace(self._entry, covered=covered)

    def _encode(self, record: Record, seq: int) -> bytes:
        return encode_record(
            record, call_sid=self.call.call_sid, seq=seq, epoch=self.epoch, at=_now()
        )

    def _address(self, kind: str, track: str) -> Address:
        return Address(self.call.account_sid, self.call.call_sid, kind, track)

    def _subject(self, kind: str, track: str) -> str:
        return self._broker.subjects.record(self._address(kind, track))


def _now() -> int:
    return time.time_ns() // 1_000_000
