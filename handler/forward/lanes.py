"""
What of each call is to be sent next, and what of it is at hand. Pure.

A call's records wait in a lane of their own, so that none waits for another call's. Few of them are
at hand: the stream keeps them all, and what is not at hand is read again when its turn comes. So
what a call holds that cannot be sent now is a place in the stream, however long that lasts.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from broker.ledger import Ledger, Place

# What of one call is at hand at the most: so many records, and none beyond so many bytes.
AT_HAND = 16
BYTES_AT_HAND = 32 * 1024
# Calls of which is known which record is due, though nothing of them waits.
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Kept:
    """
    A record as the stream keeps it.

    Attributes:
        sequence: Its place in the stream, over all calls.
        seq: Its number in its call.
        kind: ``final`` or ``event``.
        payload: What was published.
    """

    sequence: int
    seq: int
    kind: str
    payload: bytes


class Lane:
    """
    One call on its way to its receiver.

    Attributes:
        due: The ``seq`` that is sent next; 0 while nobody knows what came before it.
        after: The stream sequence of the last record that is done.
        until: That of the newest record of the call that was seen, at the latest.
        newest: The highest ``seq`` that was seen of it; 0 if nobody knows.
        is_gone: The receiver wants nothing more of the call.
        is_wanted: Whether it passes the filter; None while that is not known.
    """

    def __init__(self, call_sid: str, place: Place, until: int) -> None:
        """Begin behind a place in the stream; all are said above."""
        self.call_sid = call_sid
        self.due = place.due
        self.after = place.after
        self.until = until
        self.newest = place.newest
        self.is_gone = False
        self.is_wanted: bool | None = None
        self._at_hand: deque[Kept] = deque()
        self._bytes = 0
        self._read = self.after  # up to where it is at hand, or done

    @property
    def place(self) -> Place:
        """Where it is, for the ledger."""
        return Place(self.due, self.after, self.newest)

    @property
    def is_busy(self) -> bool:
        """Whether anything that was seen of the call is not done."""
        return bool(self._at_hand) or self._lags

    @property
    def head(self) -> Kept | None:
        """The record to be sent next, if it is at hand."""
        return self._at_hand[0] if self._at_hand else None

    @property
    def to_read_after(self) -> int | None:
        """Behind which stream sequence to read, before anything can be sent; None: no need to."""
        return self._read if self._lags and not self._at_hand else None

    @property
    def missing(self) -> range:
        """The numbers between what is due and what is there: what the stream no longer keeps."""
        if self.due == 0 or self.head is None:
            return range(0)
        return range(self.due, self.head.seq)

    @property
    def unsent(self) -> range:
        """
        The numbers of what was seen and is not done, as far as they are known.

        Of a call that was met in its middle that is all of it, which may be too much; of one whose
        newest number is not known, what is due.
        """
        first = self.due or 1
        return range(first, (self.newest or first) + 1)

    def see(self, record: Kept) -> None:
        """Take a record that was seen in the stream; kept at hand where there is room."""
        if record.sequence <= self._read:
            return  # it was read, with those before it
        room = len(self._at_hand) < AT_HAND and self._bytes < BYTES_AT_HAND
        if room and not self._lags:
            self._take(record)
            self._read = record.sequence
        self.until = max(self.until, record.sequence)
        self.newest = max(self.newest, record.seq)

    def fill(self, records: Iterable[Kept], last: int) -> None:
        """
        Take what the stream keeps behind :attr:`to_read_after`.

        Args:
            records: Of it those that are ours.
            last: The sequence of the last of all.
        """
        for record in records:
            self._take(record)
        self._read = last

    def note_expired(self, lost: range, until: int) -> None:
        """
        The stream keeps nothing behind :attr:`to_read_after`: what was to be there is given up.

        Args:
            lost: :attr:`unsent`, when the stream was asked: more may have been seen since.
            until: :attr:`until`, at that moment.
        """
        self.due = max(self.due, lost.stop)
        self.after = self._read = max(self.after, until)

    def note_missing(self) -> None:
        """What is missing is given up: go on with what is there."""
        if self.head is not None:
            self.due = self.head.seq

    def done(self) -> None:
        """The head was taken by its receiver, or is given up: go on with the next."""
        record = self._at_hand.popleft()
        self._bytes -= len(record.payload)
        self.after, self.due = record.sequence, record.seq + 1

    def begin_anew(self) -> None:
        """Send the call from its first record on, of which nothing was sent."""
        self.due, self.after = 1, 0
        self.let_go()

    def let_go(self) -> None:
        """Keep nothing at hand: it cannot be sent now, and is read again when it can."""
        self.until = max(self.until, self._read)
        self._at_hand.clear()
        self._bytes = 0
        self._read = self.after

    def _take(self, record: Kept) -> None:
        self._at_hand.append(record)
        self._bytes += len(record.payload)
        self.newest = max(self.newest, record.seq)

    @property
    def _lags(self) -> bool:
        return self._read < self.until


class Lanes:
    """
    The lanes of all calls of one stream.

    Attributes:
        seen: The stream sequence of the last record that was seen.
        newest: That of the last one that the stream has, as it said some seconds ago.
        created: When the stream was.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.seen = ledger.seen
        self.newest = 0
        self.created = ledger.created
        self._start = ledger.start
        self._lanes = OrderedDict(
            (call_sid, Lane(call_sid, place, ledger.seen))
            for call_sid, place in ledger.behind.items()
        )
        self._busy = dict(self._lanes)

    @property
    def busy(self) -> Iterator[Lane]:
        """The lanes of calls that are not done with what was seen of them."""
        return iter(list(self._busy.values()))

    @property
    def waiting(self) -> int:
        """How many those are."""
        return len(self._busy)

    @property
    def unread(self) -> int:
        """How many records the stream has that were not seen."""
        return max(self.newest - self.seen, 0)

    def see(self, call_sid: str, record: Kept) -> Lane:
        """Take a record that the stream keeps next; returns the lane of its call."""
        lane = self._lanes.get(call_sid)
        if lane is None:
            due = 1 if record.seq == 1 else 0
            lane = self._lanes[call_sid] = Lane(call_sid, Place(due, record.sequence - 1), 0)
        self._lanes.move_to_end(call_sid)
        lane.see(record)
        self.seen = record.sequence
        self._busy[call_sid] = lane
        return lane

    def rest(self, lane: Lane) -> None:
        """Note that a lane is done with what was seen; what is remembered of calls is bounded."""
        self._busy.pop(lane.call_sid, None)
        surplus = max(0, len(self._lanes) - REMEMBERED)
        idle = (call_sid for call_sid in self._lanes if call_sid not in self._busy)
        for call_sid in list(islice(idle, surplus)):
            del self._lanes[call_sid]

    def skip_to(self, sequence: int) -> int:
        """
        Note that the stream keeps nothing before a record that follows; returns what is lost.

        What is due of calls that have nothing waiting is not known any more: it may be among it.
        """
        lost = sequence - self.seen - 1
        if lost > 0:
            for call_sid in self._lanes.keys() - self._busy.keys():
                del self._lanes[call_sid]
        return max(lost, 0)

    def ledger(self) -> Ledger:
        """Return how far all of it is."""
        behind = {call_sid: lane.place for call_sid, lane in self._busy.items()}
        return Ledger(
            owner="", created=self.created, start=self._start, seen=self.seen, behind=behind
        )
