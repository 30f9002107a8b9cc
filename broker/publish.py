"""The owner's side of one call: its claim, its records in order, its place in the registry."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import nats.errors
import nats.js.errors
import structlog

from broker import tasks
from broker.errors import Fenced, HistoryUnavailable
from broker.history import Stored, last_stored, read_history
from broker.outbox import CAPACITY, Outbox, gap_in_place_of
from broker.records import CallFacts, Record, encode_interim, encode_record
from broker.registry import CallEntry
from broker.subjects import Address

if TYPE_CHECKING:
    from broker.connection import Broker

ACK_SECONDS = 1.0
FIRST_RETRY = 0.05
LONGEST_RETRY = 0.5
LISTING_SECONDS = 10.0
# Something newer was stored for the call than the publisher knew of.
WRONG_LAST_SEQUENCE = frozenset({10071, 10164})
TOO_LARGE = 10054
# Why a call has ended whose owner gave no sign of life; no owner writes the first two itself.
ABANDONED = frozenset({"crashed", "drained", "stream-lost"})

T = TypeVar("T")

_log = structlog.get_logger()


class _Told(msgspec.Struct):
    """What a stored record tells a new owner."""

    type: str
    seq: int
    epoch: str = ""
    reason: str | None = None
    track: str | None = None
    start: float = 0.0
    duration: float = 0.0
    startedAt: int | None = None  # noqa: N815  as on the wire


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
        self.published_ends: dict[str, float] = {}  # seconds: where each track's finals end
        self.acked = 0  # seq of the last record that is known to be stored
        self._broker = broker
        self._outbox = Outbox(capacity=capacity)
        self._epochs: deque[str] = deque()  # of the claims whose first record is in the outbox
        self._slots: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
        self._work = asyncio.Event()
        self._finished = False
        self._last_sequence = 0  # of the call's newest record in the stream
        self._last_type = ""
        self._last_reason: str | None = None
        self.newest_epoch = ""  # of the newest record, as it was when it was read
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
        self._ended = False
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
        self._epochs.append(self._broker.next_epoch())
        self.put(Record("event", "call", {"type": "CallResumed", "streamSid": stream_sid}))

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
            await self._publish_all()
            if self._last_type == "CallEnded":
                # A put in flight must be over, or its entry would outlive the deletion.
                self._ended = True
                self._entry_changed.set()
                await asyncio.wait({listing}, timeout=LISTING_SECONDS)
                await self._broker.registry.delete_call(self.call.call_sid)
        finally:
            await tasks.end(listing)

    async def open_end(self, alive: Callable[[str], bool]) -> bool:
        """
        Learn what is stored of a call whose owner is gone, to end it.

        Args:
            alive: Whether a process, by its name, gives signs of life.

        Returns:
            Whether the end is still to be written; else it was, or nothing is stored.

        Raises:
            Fenced: a process that lives has written the call's newest record.
            HistoryUnavailable: it cannot be learned now.
        """
        newest = await last_stored(
            self._broker.client, self._broker.subjects.stream, self._call_subject
        )
        if newest is None:
            return False
        await self._learn(newest)
        if self._last_type == "CallEnded":
            return False
        if alive(self.newest_epoch.rpartition("-")[0]):
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
                await self._learn(newest)
                self.had_ended = self._last_type == "CallEnded"
            first = self.call.resumed() if newest is not None else self.call.started()
            try:
                await self._store(first)
            except Fenced:
                continue  # the former owner published in between: read again
            break
        if self.started_at is None:
            self.started_at = self.call.started_at
        self._entry = msgspec.structs.replace(self._entry, started_at=self.started_at)
        self._entry_changed.set()
        self.claimed.set()

    async def _learn(self, newest: Stored) -> None:
        """Read what is stored of the call: where its clock begins, how far its finals reach."""
        self.resumed = True
        self.acked = int(newest.headers.get("Call-Seq", "0"))
        self._last_sequence = newest.sequence
        stream = self._broker.subjects.stream
        records = await self._asked(
            lambda: read_history(self._broker.client, stream, self._call_subject)
        )
        for stored in records:
            try:
                told = msgspec.json.decode(stored.data, type=_Told)
            except msgspec.MsgspecError:
                continue  # not ours
            self._last_type, self._last_reason = told.type, told.reason
            self.newest_epoch = told.epoch
            if told.type == "CallStarted":
                self.started_at = told.startedAt
            if told.type == "Results" and told.track is not None:
                end = told.start + told.duration
                self.published_ends[told.track] = max(end, self.published_ends.get(told.track, 0.0))

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
            try:
                await self._store(waiting[0])
            except Fenced:
                if not await self._ended_for_us():
                    raise
                if record.type == "CallEnded":
                    self._last_type = record.type  # that is said already
                    return
                # A janitor took us for dead while NATS was away: the call goes on all the same.
                self.epoch = self._broker.next_epoch()
                if waiting[0] is record:
                    waiting.insert(0, self.call.resumed())
                self.update(epoch=self.epoch)
            else:
                waiting.pop(0)

    async def _ended_for_us(self) -> bool:
        """Whether the newest record is the end that a janitor wrote, taking us for dead."""
        newest = await self._newest()
        if newest is None:
            return False
        await self._learn(newest)
        return self._last_type == "CallEnded" and self._last_reason in ABANDONED

    async def _store(self, record: Record) -> None:
        """Store one record under the next number; tried until it is stored."""
        seq = self.acked + 1
        subject = self._broker.subjects.ingested(self._address(record.kind, record.track))
        headers = {
            "Nats-Msg-Id": f"{self.call.call_sid}:{self.epoch}:{seq}",
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
                return
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_RETRY)

    def _too_large(self, record: Record, size: int) -> Record:
        """Return the gap that stands for a record which no server would take."""
        self._log.error("record too large", bytes=size)
        return gap_in_place_of([record])

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
            await self._broker.registry.put_call(self._entry)

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
