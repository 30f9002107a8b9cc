"""The records of a call that are not stored yet: bounded, in order. Pure."""

from collections import deque
from typing import Any

from broker.records import Record, gap

# Twenty minutes of a lively call at one final a second; about 1 MB.
CAPACITY = 1200
UNREACHABLE = "broker-unreachable"
# What an event that is too large keeps of each text (characters) and list (items).
LONGEST_TEXT = 200


class Outbox:
    """
    Records on their way to the stream.

    When it is full the oldest finals make room, and one ``Gap`` stands in their place. Events are
    never dropped: they are few.
    """

    def __init__(self, *, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.dropped = 0
        self._records: deque[Record] = deque()

    def __len__(self) -> int:
        return len(self._records)

    def put(self, record: Record) -> None:
        """Add the newest record."""
        self._records.append(record)
        if len(self._records) > self.capacity:
            self._make_room()

    def pop(self) -> Record:
        """Remove the oldest record: it is the caller's now, and can no longer be dropped."""
        return self._records.popleft()

    def _make_room(self) -> None:
        """Drop the older half of the finals into one gap, so that gaps do not fill the place."""
        finals = [record for record in self._records if record.kind == "final"]
        doomed = {id(record) for record in finals[: max(1, len(finals) // 2)]}
        kept: deque[Record] = deque()
        lost: list[Record] = []
        place = 0
        for record in self._records:
            if id(record) in doomed or _is_our_gap(record):
                place = place if lost else len(kept)
                lost.append(record)
            else:
                kept.append(record)
        if not lost:
            return
        self.dropped += sum(not _is_our_gap(record) for record in lost)
        kept.insert(place, gap_in_place_of(lost))
        self._records = kept


def _is_our_gap(record: Record) -> bool:
    return record.type == "Gap" and record.body["reason"] == UNREACHABLE


def gap_in_place_of(lost: list[Record]) -> Record:
    """Return the one gap that says what these records said no more."""
    spans = [_span(record.body) for record in lost]
    tracks = {record.body["track"] if record.kind == "event" else record.track for record in lost}
    return gap(
        min(start for start, _ in spans),
        max(end for _, end in spans),
        tracks.pop() if len(tracks) == 1 else None,
        UNREACHABLE,
    )


def stand_in(record: Record) -> Record:
    """Return what is said in place of a record that is too large: a gap, or the event cut short."""
    if record.kind == "final":
        return gap_in_place_of([record])
    body = {
        name: value[:LONGEST_TEXT] if isinstance(value, str | list) else value
        for name, value in record.body.items()
    }
    return Record(record.kind, record.track, body)


def _span(body: dict[str, Any]) -> tuple[float, float]:
    start = float(body["start"])
    return start, float(body["end"]) if "end" in body else start + float(body["duration"])
