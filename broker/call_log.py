"""
What is known of one call on this process: its records in order, and its newest interims. Pure.

Every follower of the call is a cursor into it.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

# An interim that is older says nothing about now (seconds).
INTERIM_SECONDS = 10.0
# Segments tile, up to the rounding of Deepgram's floats (seconds).
TIME_TOLERANCE = 0.01

_json = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    One message for a subscriber.

    Attributes:
        seq: The number of a record; None of an interim.
        type: The message's ``type``.
        payload: The message, exactly as it was published; shared by all followers.
    """

    seq: int | None
    type: str
    payload: bytes


class _Head(msgspec.Struct):
    """What a reader needs to know of a payload."""

    type: str
    epoch: str = ""
    track: str | None = None
    at: int = 0
    after: int = 0
    start: float = 0.0
    duration: float = 0.0


@dataclass(slots=True)
class Interim:
    """The newest interim of one track and type."""

    number: int  # counts up over all interims of the call, so that a follower sends each once
    delivery: Delivery
    head: _Head


@dataclass(slots=True)
class CallLog:
    """
    The records of a call without a hole, from the oldest that is kept.

    Attributes:
        records: In order; ``records[i]`` has ``seq`` = ``first`` + i.
        first: ``seq`` of the oldest record; 0 while there is none.
        last: ``seq`` of the newest record; 0 while there is none.
        ended: Whether the newest record says that the call is over.
        sequence: Where the newest record lies in the stream.
        newest_at: Unix ms at which the newest record was published.
        ahead: Records after a hole, by ``seq``, until it is filled.
        newest_interim: The number of the newest interim that said anything.
    """

    records: list[Delivery] = field(default_factory=list)
    first: int = 0
    last: int = 0
    ended: bool = False
    sequence: int = 0
    newest_at: int = 0
    ahead: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    started: dict[str, Any] | None = None
    epoch: str = ""
    interims: dict[tuple[str | None, str], Interim] = field(default_factory=dict)
    newest_interim: int = 0
    _final_ends: dict[str | None, float] = field(default_factory=dict)

    def after(self, seq: int) -> list[Delivery]:
        """Return the records after ``seq``."""
        return self.records[max(0, seq + 1 - self.first) :]

    def add(self, seq: int, sequence: int, payload: bytes, *, stored: bool = False) -> bool:
        """
        Add a record; returns whether the log is whole up to it.

        One that is known is ignored, one after a hole is kept until the hole is filled. Of those
        read from the stream (``stored``) the first may have any number: older ones have expired.
        """
        if self.records and seq <= self.last:
            return True
        if seq > self.last + 1 and (self.records or not stored):
            self.ahead[seq] = (sequence, payload)
            return False
        self._append(seq, sequence, payload)
        while (following := self.ahead.pop(self.last + 1, None)) is not None:
            self._append(self.last + 1, *following)
        self.ahead = {number: kept for number, kept in self.ahead.items() if number > self.last}
        return True

    def outline(self) -> "CallLog":
        """Return where the call stands, without what was said in it."""
        return replace(self, records=[], ahead={}, interims={})

    def go_on(self) -> None:
        """Accept that the records before those ahead are lost: the log begins with these."""
        for seq in sorted(self.ahead):
            if seq != self.last + 1:
                self.records.clear()
            self._append(seq, *self.ahead[seq])
        self.ahead.clear()

    def add_interim(self, payload: bytes) -> bool:
        """Take an interim in place of the last of its kind; returns whether it says anything."""
        head = msgspec.json.decode(payload, type=_Head)
        if head.type == "Results" and self._is_covered(head):
            return False
        self.newest_interim += 1
        self.interims[head.track, head.type] = Interim(
            self.newest_interim, Delivery(None, head.type, payload), head
        )
        return True

    def fresh_interims(self, seen: int, cursor: int, now: float) -> list[Interim]:
        """
        Return what a follower may be given, oldest first.

        Args:
            seen: The number of the last interim that it got.
            cursor: The ``seq`` of the last record that it got.
            now: Unix time in seconds.
        """
        fresh = [
            interim
            for interim in self.interims.values()
            if interim.number > seen
            and interim.head.after <= cursor
            and interim.head.epoch == self.epoch
            and interim.head.at / 1000 > now - INTERIM_SECONDS
            and not (interim.head.type == "Results" and self._is_covered(interim.head))
        ]
        return sorted(fresh, key=lambda interim: interim.number)

    def _is_covered(self, head: _Head) -> bool:
        """Whether a final stands where this interim begins."""
        return head.start < self._final_ends.get(head.track, 0.0) - TIME_TOLERANCE

    def _append(self, seq: int, sequence: int, payload: bytes) -> None:
        try:
            head = msgspec.json.decode(payload, type=_Head)
        except msgspec.MsgspecError:  # not ours, but numbered: passed on as it is
            head = _Head("", epoch=self.epoch)
        if not self.records:
            self.first = seq
        self.records.append(Delivery(seq, head.type, payload))
        self.last = seq
        self.ended = head.type == "CallEnded"
        self.sequence = sequence
        self.newest_at = head.at
        self.epoch = head.epoch
        if head.type == "CallStarted":
            self.started = _json.decode(payload)
        elif head.type == "Results":
            end = head.start + head.duration
            self._final_ends[head.track] = max(end, self._final_ends.get(head.track, 0.0))
