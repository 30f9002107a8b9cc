"""What is stored of a call, as its next owner has to know it."""

from dataclasses import dataclass, field

import msgspec
from nats.aio.client import Client

from broker.errors import HistoryUnavailable
from broker.stream import Stored, read_history

# Why a call has ended whose owner gave no sign of life; no owner writes the first two itself.
ABANDONED = frozenset({"crashed", "drained", "stream-lost"})
OWNER_LOST = "owner-lost"


class _Told(msgspec.Struct):
    """What a stored record tells a new owner."""

    type: str
    epoch: str = ""
    reason: str | None = None
    track: str | None = None
    start: float = 0.0
    end: float = 0.0
    duration: float = 0.0
    startedAt: int | None = None  # noqa: N815  as on the wire
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    direction: str | None = None


@dataclass(slots=True)
class Past:
    """
    The records of a call so far.

    Attributes:
        seq: Of the newest record.
        sequence: Its place in the stream.
        type: Its type.
        reason: Its reason, if it has one.
        claim: The epoch of the newest claim.
        started_at: Unix ms: the zero of the call clock; None if ``CallStarted`` is not kept.
        numbers: ``from``, ``to`` and ``direction``, as ``CallStarted`` has them.
        ends: Where each track's finals end, in seconds.
        told_lost: Where the last gap of a lost owner ends, in seconds.
        ids: The records' ``Nats-Msg-Id``.
    """

    seq: int
    sequence: int
    type: str = ""
    reason: str | None = None
    claim: str = ""
    started_at: int | None = None
    numbers: tuple[str | None, str | None, str | None] | None = None
    ends: dict[str, float] = field(default_factory=dict)
    told_lost: float = 0.0
    ids: set[str] = field(default_factory=set)

    @property
    def ended(self) -> bool:
        """Whether the newest record says that the call is over."""
        return self.type == "CallEnded"

    @property
    def given_up(self) -> bool:
        """Whether others took the owner for dead, and wrote the end or its first half."""
        if self.ended:
            return self.reason in ABANDONED
        return self.type == "Gap" and self.reason == OWNER_LOST

    def add(self, stored: Stored) -> None:
        """Take the next record."""
        try:
            told = msgspec.json.decode(stored.data, type=_Told)
        except msgspec.MsgspecError:
            return  # not ours
        self.ids.add(stored.headers.get("Nats-Msg-Id", ""))
        self.type, self.reason = told.type, told.reason
        if told.type in ("CallStarted", "CallResumed"):
            self.claim = told.epoch
        if told.type == "CallStarted":
            self.started_at = told.startedAt
            self.numbers = (told.from_, told.to, told.direction)
        elif told.type == "Results" and told.track is not None:
            end = told.start + told.duration
            self.ends[told.track] = max(end, self.ends.get(told.track, 0.0))
        elif told.type == "Gap" and told.reason == OWNER_LOST:
            self.told_lost = max(told.end, self.told_lost)


async def read_past(client: Client, stream: str, subject: str, newest: Stored) -> Past:
    """
    Read a call's records up to the one that the leader has told of.

    Raises:
        HistoryUnavailable: they cannot be read now, or the replica that answers lacks the newest.
    """
    past = Past(seq=int(newest.headers.get("Call-Seq", "0")), sequence=newest.sequence)
    records = await read_history(client, stream, subject)
    if not records or records[-1].sequence < newest.sequence:
        raise HistoryUnavailable("the replica lags behind its leader")
    for stored in records:
        if stored.sequence <= newest.sequence:
            past.add(stored)
    return past
