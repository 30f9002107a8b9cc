"""The records of one call, appended to the stream one after the other: tried until stored."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import msgspec
import nats.errors
import structlog

from broker import supervise
from broker.claim import Claim
from broker.connection import Connection
from broker.errors import Fenced, HistoryUnavailable
from broker.observer import NOBODY, TRACEPARENT, Journey, Observer
from broker.outbox import stand_in
from broker.printable import shown
from broker.records import Record, Stored, encode_record, words_of
from broker.stream import WRONG_LAST_SEQUENCE, last_stored, read_up_to
from broker.subjects import Address, Subjects

ACK_SECONDS = 1.0
FIRST_RETRY = 0.05
LONGEST_RETRY = 0.5
TOO_LARGE = 10054
T = TypeVar("T")

_log = structlog.get_logger()


class _Problem(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    """
    What JetStream answers.

    Source: https://docs.nats.io/reference/reference-protocols/nats_api_reference
    """

    seq: int = 0
    error: _Problem | None = None


_ack_decoder = msgspec.json.Decoder(_Ack)


class Appender:
    """
    Appends to one call, each record expected to follow the last one that is known.

    So a writer that was replaced is refused: somebody else's record stands where its own should.

    Attributes:
        acked: ``seq`` of the last record that is known to be stored.
        last_type: Its type.
        published_ends: Seconds: where each track's stored finals end.
        words: How many the stored finals say.
        gap_end: Seconds: where what was lost with an owner ends.
    """

    def __init__(
        self,
        connection: Connection,
        subjects: Subjects,
        *,
        call_sid: str,
        account_sid: str,
        observer: Observer = NOBODY,
    ) -> None:
        self.acked = 0
        self.last_type = ""
        self.published_ends: dict[str, float] = {}
        self.words = 0
        self.gap_end = 0.0
        self._connection = connection
        self._subjects = subjects
        self._call_sid = call_sid
        self._account_sid = account_sid
        self._call_subject = subjects.call(call_sid, account_sid)
        self._stream = subjects.stream_of(call_sid)
        self._observer = observer
        self._told: set[int] = set()  # codes of refusals that may pass
        self._last_sequence = 0  # of the call's newest record in the stream
        self._journey: tuple[Record, Journey | None] | None = None  # of the record under way

    def message_id(self, seq: int, epoch: str) -> str:
        """Name a record, so that the stream knows a repetition."""
        return f"{self._call_sid}:{epoch}:{seq}"

    def address(self, kind: str, track: str) -> Address:
        """Return where messages of a kind and track belong."""
        return Address(self._account_sid, self._call_sid, kind, track)

    async def newest(self) -> Stored | None:
        """Return the newest record of the call, by its leader's word; waits until it answers."""
        return await _answered(self.newest_now)

    async def newest_now(self) -> Stored | None:
        """
        Return the newest record of the call.

        Raises:
            HistoryUnavailable: nobody answers now.
        """
        return await last_stored(self._connection.client, self._stream, self._call_subject)

    async def learn(self, newest: Stored) -> Claim:
        """Read what is stored of the call up to its newest record, and go on from there."""
        client, stream = self._connection.client, self._stream
        records = await _answered(lambda: read_up_to(client, stream, self._call_subject, newest))
        claim = Claim.of(records, newest)
        self.acked, self._last_sequence, self.last_type = claim.seq, claim.sequence, claim.type
        self.published_ends, self.gap_end = dict(claim.ends), claim.gap_end
        self.words = claim.words
        return claim

    async def append(self, record: Record, epoch: str) -> None:
        """
        Store one record under the next number, tried until it is stored.

        One that no server takes is replaced by a gap, or cut short.

        Raises:
            Fenced: somebody else has written the call since.
        """
        seq = self.acked + 1
        backoff = supervise.Backoff(FIRST_RETRY, LONGEST_RETRY)
        payload = self._encode(record, seq, epoch)
        if self._journey is None or self._journey[0] is not record:  # else it is tried once more
            self._journey = record, self._observer.begin(self._call_sid, record)
        _, journey = self._journey
        while True:
            try:
                stored_at = await self._try(record, seq, epoch, payload, journey)
            except _TooLarge:
                _log.error(
                    "record too large",
                    call_sid=self._call_sid,
                    type=record.type,
                    bytes=len(payload),
                )
                record = stand_in(record)
                payload = self._encode(record, seq, epoch)
                continue
            if stored_at is not None:
                self._note_stored(record, seq, stored_at)
                self._journey = None
                if journey is not None:
                    journey.note_stored()
                return
            await backoff.pause()

    async def _try(
        self, record: Record, seq: int, epoch: str, payload: bytes, journey: Journey | None
    ) -> int | None:
        """Publish once; returns the place in the stream, or None if it is to be tried again."""
        if not self._connection.connected:
            return None  # else each try would leave a copy in the client's buffer
        message_id = self.message_id(seq, epoch)
        subject = self._subjects.ingested(self.address(record.kind, record.track))
        headers = {
            "Nats-Msg-Id": message_id,
            "Call-Seq": str(seq),
            "Nats-Expected-Last-Subject-Sequence-Subject": self._call_subject,
            "Nats-Expected-Last-Subject-Sequence": str(self._last_sequence),
        }
        if journey is not None:
            headers[TRACEPARENT] = journey.traceparent
        try:
            # As the client's own JetStream publishes, but for how it reads the answer.
            answer = await self._connection.client.request(
                subject, payload, timeout=ACK_SECONDS, headers=headers
            )
            ack = _ack_decoder.decode(answer.data)
        except nats.errors.MaxPayloadError as exc:  # the server takes less than the stream
            raise _TooLarge from exc
        except (nats.errors.Error, msgspec.MsgspecError, TimeoutError, OSError):
            return None
        if ack.error is None:
            return ack.seq or None
        if ack.error.err_code == TOO_LARGE:
            raise _TooLarge
        if ack.error.err_code in WRONG_LAST_SEQUENCE:
            return await self._stored_by_us(message_id, epoch)
        # Electing a leader, a full disk, a first copy still being replicated: that may pass.
        if ack.error.err_code not in self._told:
            self._told.add(ack.error.err_code)
            _log.warning(
                "nats takes no record for now",
                call_sid=self._call_sid,
                err_code=ack.error.err_code,
                problem=shown(ack.error.description),
            )
        return None

    async def _stored_by_us(self, message_id: str, epoch: str) -> int | None:
        """
        Find our own record after a refusal: only its acknowledgement may have been lost.

        None means that it is to be sent again.

        A single server checks the expected sequence before the id, and refuses the repetition.

        Raises:
            Fenced: the newest record of the call is another owner's.
        """
        newest = await self.newest()
        if newest is not None and newest.headers.get("Nats-Msg-Id") == message_id:
            return newest.sequence
        last = newest.sequence if newest is not None else 0
        if last < self._last_sequence:
            # The server came back without what it had acknowledged. No claim is newer than ours.
            _log.error("nats has lost records of the call", call_sid=self._call_sid, seq=self.acked)
            self._last_sequence = last
            return None
        raise Fenced(self._call_sid, epoch)

    def _note_stored(self, record: Record, seq: int, stored_at: int) -> None:
        self.acked, self._last_sequence, self.last_type = seq, stored_at, record.type
        if record.kind == "final":
            end = record.body["start"] + record.body["duration"]
            known = self.published_ends.get(record.track, 0.0)
            self.published_ends[record.track] = max(end, known)
            self.words += words_of(record)
        self._observer.note_stored(record)

    def _encode(self, record: Record, seq: int, epoch: str) -> bytes:
        at = time.time_ns() // 1_000_000
        if record.type == "CallEnded":  # all that comes before it is stored by now
            record = replace(record, body=record.body | {"words": self.words})
        return encode_record(record, call_sid=self._call_sid, seq=seq, epoch=epoch, at=at)


class _TooLarge(Exception):
    """No server would take the record."""


async def _answered(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask what is stored until somebody answers."""
    backoff = supervise.Backoff(FIRST_RETRY, LONGEST_RETRY)
    while True:
        try:
            return await ask()
        except HistoryUnavailable:
            await backoff.pause()
