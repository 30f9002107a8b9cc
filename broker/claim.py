"""
What a new owner must know of a call, and what it must claim. Pure.

A call that has records goes on: its numbers, its names and its clock stay as they are. An owner
that is refused looks at what was stored instead of its record, and goes on only where others took
it for dead.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from broker.entries import CallEntry
from broker.records import SHORTEST_GAP, CallFacts, Record, Stored, words_in

# Why a call has ended whose owner gave no sign of life; no owner writes the first two itself.
ABANDONED = frozenset({"crashed", "drained", "stream-lost"})
OWNER_LOST = "owner-lost"
MEDIA_LOST = "media-lost"
PAUSED = "paused"
# Gaps of both tracks behind which nothing older is to come: all that was received had been told.
CLOSING = frozenset({OWNER_LOST, PAUSED})


class _Known(msgspec.Struct):
    """What a stored record tells a new owner, whatever its type."""

    type: str
    epoch: str = ""
    reason: str | None = None
    track: str | None = None
    start: float = 0.0
    end: float = 0.0
    duration: float = 0.0
    startedAt: int | None = None  # noqa: N815  as on the wire
    channel: msgspec.Raw = msgspec.Raw()


class _Told(msgspec.Struct):
    """
    What ``CallStarted`` says besides.

    Apart, as other records have fields of these names and other forms: ``metadata`` of a result.
    """

    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    direction: str | None = None
    caller_name: str | None = msgspec.field(default=None, name="callerName")
    callee_name: str | None = msgspec.field(default=None, name="calleeName")
    metadata: dict[str, str] = {}


@dataclass(slots=True)
class Claim:
    """
    The records of a call so far, as its next owner has to know them.

    Attributes:
        seq: Of the newest record.
        sequence: Its place in the stream.
        type: Its type.
        reason: Its reason, if it has one.
        epoch: Of the newest claim.
        written_by: The claim under which the newest record was written.
        started_at: Unix ms: the zero of the call clock; None if ``CallStarted`` is not kept.
        told: What ``CallStarted`` says of the call, by the names of :class:`CallFacts`; None if it
            is not kept.
        ends: Where each track's finals end, in seconds.
        words: How many the finals say.
        gap_end: How far it is known, in seconds, by what is no final: gaps of lost owners and of
            pauses, and its ends.
        ids: The records' ``Nats-Msg-Id``.
    """

    seq: int
    sequence: int
    type: str = ""
    reason: str | None = None
    epoch: str = ""
    written_by: str = ""
    started_at: int | None = None
    told: dict[str, Any] | None = None
    ends: dict[str, float] = field(default_factory=dict)
    words: int = 0
    gap_end: float = 0.0
    ids: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, records: Iterable[Stored], newest: Stored) -> "Claim":
        """Read the records of a call, of which ``newest`` is the last."""
        claim = cls(seq=int(newest.headers.get("Call-Seq", "0")), sequence=newest.sequence)
        for stored in records:
            claim._add(stored)
        return claim

    @property
    def ended(self) -> bool:
        """Whether the newest record says that the call is over."""
        return self.type == "CallEnded"

    @property
    def owner(self) -> str:
        """The process that has claimed the call last."""
        return self.epoch.rpartition("-")[0]

    def facts(self, call: CallFacts) -> CallFacts:
        """Return the facts of the call that goes on: they do not change with its media stream."""
        return call if self.told is None else replace(call, **self.told)

    def is_free(self, instance: str, entry: CallEntry | None, *, owner_lives: bool) -> bool:
        """
        Whether a process may take the call, or somebody has it who was not seen before.

        Two media streams of one call that reach two processes at once are in neither's registry.

        Args:
            instance: The process that would take it.
            entry: What the registry says of the call.
            owner_lives: Whether :attr:`owner` gives signs of life.
        """
        if self.ended or not owner_lives or self.owner == instance:
            return True
        # What an earlier owner has said is no word of who has claimed the call since.
        return entry is not None and entry.epoch == self.epoch and (not entry.owner or entry.free)

    def given_up(self, own_epochs: Collection[str]) -> bool:
        """
        Whether others took the owner of these claims for dead, and nobody owns the call since.

        They wrote its end, or the first half of it; who claims a call says that it goes on first.
        """
        if self.ended:
            abandoned = self.reason in ABANDONED or self.written_by not in own_epochs
        else:
            abandoned = self.type == "Gap" and self.reason == OWNER_LOST
        return abandoned and self.epoch in own_epochs

    def _add(self, stored: Stored) -> None:
        try:
            known = msgspec.json.decode(stored.data, type=_Known)
        except msgspec.MsgspecError:
            return  # not ours
        self.ids.add(stored.headers.get("Nats-Msg-Id", ""))
        self.type, self.reason, self.written_by = known.type, known.reason, known.epoch
        if known.type in ("CallStarted", "CallResumed"):
            self.epoch = known.epoch
        if known.type == "CallStarted":
            self.started_at = known.startedAt
            with suppress(msgspec.MsgspecError):
                self.told = msgspec.structs.asdict(msgspec.json.decode(stored.data, type=_Told))
        elif known.type == "Results" and known.track is not None:
            end = known.start + known.duration
            self.ends[known.track] = max(end, self.ends.get(known.track, 0.0))
            self.words += words_in(known.channel)
        elif known.type == "Gap" and known.reason in CLOSING:
            self.gap_end = max(known.end, self.gap_end)
        elif known.type == "CallEnded":
            self.gap_end = max(known.duration, self.gap_end)


class Epochs:
    """
    The names of one writer's claims, and the one under which it writes.

    Attributes:
        current: The claim under which it writes.
        own: All of them; others keep this set, and see it grow.
    """

    def __init__(self, first: str, name: Callable[[], str]) -> None:
        self.current = first
        self.own = {first}
        self._name = name  # names a claim, uniquely
        self._announced: deque[str] = deque()

    def announce(self) -> None:
        """Name a claim whose first record is on its way."""
        self._announced.append(self._new())

    def begin_announced(self) -> None:
        """Write under the claim that was announced first: its first record is next."""
        self.current = self._announced.popleft()

    def begin(self) -> None:
        """Write under another claim at once."""
        self.current = self._new()

    def _new(self) -> str:
        epoch = self._name()
        self.own.add(epoch)
        return epoch


def first_record(call: CallFacts, claim: Claim | None, why_resumed: str | None = None) -> Record:
    """Return what claims a call: its start if it has no record, else that it goes on, and why."""
    return call.started() if claim is None else call.resumed(why_resumed)


def still_to_say(
    claim: Claim, call: CallFacts, refused: Record, *, stored: bool
) -> list[Record] | None:
    """
    Say what an owner that was given up publishes in place of what was refused.

    Args:
        claim: What is stored by now; it says that the owner was given up.
        call: The facts of the call.
        refused: The record.
        stored: Whether it was stored before that all the same, and only the answer was lost.

    Returns:
        The records, first that the call goes on; None if there is nothing left to say.
    """
    if claim.ended and (refused.type == "CallEnded" or _is_told(claim, refused)):
        return None
    if stored or refused.type == "CallResumed":
        return [call.resumed()]
    return [call.resumed(), refused]


def _is_told(claim: Claim, refused: Record) -> bool:
    """Whether it says what nobody received until the call was over, as the end that is stored."""
    body = refused.body
    if refused.type != "Gap" or body["track"] is not None or body["reason"] != MEDIA_LOST:
        return False
    return bool(abs(body["end"] - claim.gap_end) < 2 * SHORTEST_GAP)


def is_own(record: Stored | None, own_epochs: Collection[str]) -> bool:
    """Whether nobody else has written a call whose newest record this is."""
    if record is None:
        return True  # lost with the stream
    try:
        return msgspec.json.decode(record.data, type=_Known).epoch in own_epochs
    except msgspec.MsgspecError:
        return False
