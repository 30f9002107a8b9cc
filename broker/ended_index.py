"""
Which calls are over, by their events as they are stored: the newest first, by number too. Pure.

It holds what a list shows, and no word of a transcript. What it may take is bounded: the calls of
which nothing was heard for longest go first, of whichever stream they are.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from heapq import merge
from itertools import takewhile
from typing import Annotated, Any, NamedTuple

import msgspec

from broker.identifiers import CALL_SID, E164
from broker.records import Stored, identity

ANY_CALL = "*"
# What one call takes beside its texts: itself, its names, its places in order and by number.
OVERHEAD_BYTES = 500
# What is dropped at once when there is no more room: a part of all.
DROPPED_SHARE = 0.01
# So many are looked at for one page; then the page is over, however few it has.
MOST_LOOKED_AT = 5000
LATEST = 2**53


class Place(NamedTuple):
    """Where a call stands among all: by when it ended (Unix ms), then by its name."""

    ended_at: int
    call_sid: str


class EndedCall(msgspec.Struct, gc=False):
    """
    One call, as a list tells of it.

    Attributes:
        facts: What its ``CallStarted`` says, encoded as an object.
        from_: The caller's number, if it is one: other text grants nothing.
        to: The called number, likewise.
        stream: Which one has its events.
        sequence: Of its newest event, in its stream.
        heard_at: Unix ms at which that was published.
        ended_at: Unix ms at which its end was published; 0 while it goes on.
        end: How it ended, encoded as an object.
    """

    call_sid: str
    facts: bytes
    from_: str | None = None
    to: str | None = None
    stream: str = ""
    sequence: int = 0
    heard_at: int = 0
    ended_at: int = 0
    end: bytes = b""

    @property
    def place(self) -> Place:
        """Where it stands among all that are over."""
        return Place(self.ended_at, self.call_sid)

    @property
    def numbers(self) -> set[str]:
        """Its numbers, as far as they are known."""
        return {number for number in (self.from_, self.to) if number is not None}

    @property
    def size(self) -> int:
        """Roughly the bytes that it takes."""
        return len(self.facts) + len(self.end) + OVERHEAD_BYTES

    def encode(self) -> bytes:
        """Return what a list shows of it."""
        return self.facts[:-1] + b"," + self.end[1:]


class Wanted(NamedTuple):
    """
    Which calls are asked for.

    Attributes:
        names: What may be seen: callSids, E.164 numbers, or ``*``.
        limit: How many at most; one or more.
        number: Only calls from or to it.
        since: Only those that ended then (Unix ms) or later.
        before: Only those that stand before this place: older ones.
    """

    names: Collection[str]
    limit: int
    number: str | None = None
    since: int = 0
    before: Place | None = None


class Page(NamedTuple):
    """
    Some of the calls that are over, newest first.

    Attributes:
        calls: Maybe none, though there are older ones.
        before: The place before which they are; None if there are none.
    """

    calls: list[EndedCall]
    before: Place | None


class EndedIndex:
    """
    The calls of which events are kept; those that go on are known, and not shown.

    Attributes:
        dropped: How many were let go for the room that they take.
    """

    def __init__(self, max_bytes: int) -> None:
        self.dropped = 0
        self._max_bytes = max_bytes
        self._bytes = 0
        # By stream; of each, the one with the oldest newest event first.
        self._streams: defaultdict[str, dict[str, EndedCall]] = defaultdict(dict)
        self._order: list[EndedCall] = []  # those that are over, oldest first
        self._by_number: dict[str, list[EndedCall]] = {}

    def __len__(self) -> int:
        """How many calls are over."""
        return len(self._order)

    def take(self, stream: str, stored: Stored) -> bool:
        """
        Take an event of a stream, in its order; returns whether it was one of ours.

        One that tells of no beginning and no end changes nothing; one that came before, neither.
        """
        try:
            event = _decode_event(stored.data)
            if not CALL_SID.fullmatch(event.callSid):
                return False
            known = self._streams[stream].get(event.callSid)
            if known is None or stored.sequence > known.sequence:
                self._apply(event, known, stream, stored)
        except msgspec.MsgspecError:
            return False
        return True

    def find(self, wanted: Wanted) -> Page:
        """Return a page of what is wanted."""
        found: list[EndedCall] = []
        last: EndedCall | None = None
        looked_at = 0
        for call in self._candidates(wanted):
            if call is last:  # found by both of its numbers
                continue
            if last is not None and (len(found) == wanted.limit or looked_at == MOST_LOOKED_AT):
                return Page(found, last.place)
            last = call
            looked_at += 1
            if wanted.number is None or wanted.number in call.numbers:
                found.append(call)
        return Page(found, None)

    def forget(self, call_sid: str) -> None:
        """Forget a call, if it is known: nothing of it is kept."""
        for calls in self._streams.values():
            if (call := calls.pop(call_sid, None)) is not None:
                self._bytes -= call.size
                self._unlist(call)

    def forget_oldest(self, is_kept: Callable[[EndedCall], bool]) -> None:
        """Forget the oldest calls of each stream, up to the first that is kept."""
        for calls in self._streams.values():
            gone = list(takewhile(lambda call: not is_kept(call), calls.values()))
            for call in gone:
                self.forget(call.call_sid)

    def clear(self) -> None:
        """Forget all."""
        self._streams.clear()
        self._order.clear()
        self._by_number.clear()
        self._bytes = 0

    def _apply(self, event: "_Event", known: EndedCall | None, stream: str, stored: Stored) -> None:
        match event.type:
            case "CallStarted":
                call = _started(_decode_told(stored.data))
            case "CallEnded":
                call = _ended(known or _started(_Told(event.callSid)), event)
            case "CallResumed" if known is not None:
                call = msgspec.structs.replace(known, ended_at=0, end=b"")
            case _:
                return
        call.stream, call.sequence, call.heard_at = stream, stored.sequence, event.at
        self._put(call)
        self._make_room()

    def _put(self, call: EndedCall) -> None:
        self.forget(call.call_sid)
        self._streams[call.stream][call.call_sid] = call
        self._bytes += call.size
        if call.ended_at:
            insort(self._order, call, key=_place)
            for number in call.numbers:
                insort(self._by_number.setdefault(number, []), call, key=_place)

    def _unlist(self, call: EndedCall) -> None:
        if not call.ended_at:
            return
        _remove(self._order, call)
        for number in call.numbers:
            calls = self._by_number[number]
            _remove(calls, call)
            if not calls:
                del self._by_number[number]

    def _make_room(self) -> None:
        if self._bytes <= self._max_bytes:
            return
        # Some at once: to look for the oldest of all takes longer than to go on from there.
        enough = self._max_bytes * (1 - DROPPED_SHARE)
        gone, left = [], self._bytes
        oldest_first = merge(*(calls.values() for calls in self._streams.values()), key=_heard_at)
        while left > enough:
            gone.append(oldest := next(oldest_first))
            left -= oldest.size
        for call in gone:
            self.forget(call.call_sid)
        self.dropped += len(gone)

    def _candidates(self, wanted: Wanted) -> Iterator[EndedCall]:
        """
        Yield the calls among which those are that are wanted, newest first; some twice.

        Each of them may be seen: a page that ends with one tells of it.
        """
        everything = ANY_CALL in wanted.names
        if wanted.number is not None and (everything or wanted.number in wanted.names):
            lists = [self._by_number.get(wanted.number, [])]
        elif everything:
            lists = [self._order]
        else:
            lists = [self._by_number[name] for name in wanted.names if name in self._by_number]
            named = (
                calls[name]
                for calls in self._streams.values()
                for name in wanted.names
                if name in calls
            )
            lists += [[call] for call in named if call.ended_at]
        backwards = (_backwards(calls, wanted) for calls in lists)
        return merge(*backwards, key=_place, reverse=True)


class _Event(msgspec.Struct):
    """What an event says, whatever its type; of a ``CallEnded``, how the call ended."""

    type: str
    callSid: str  # noqa: N815  as on the wire
    at: Annotated[int, msgspec.Meta(ge=1, le=LATEST)]
    duration: float = 0.0
    reason: str | None = None
    callStatus: str | None = None  # noqa: N815
    words: int | None = None


class _Told(msgspec.Struct):
    """What ``CallStarted`` says besides."""

    callSid: str  # noqa: N815
    startedAt: int | None = None  # noqa: N815
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    direction: str | None = None
    callerName: str | None = None  # noqa: N815
    calleeName: str | None = None  # noqa: N815
    metadata: dict[str, str] = {}


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_told = msgspec.json.Decoder(_Told).decode
_encode = msgspec.json.Encoder().encode


def _started(told: _Told) -> EndedCall:
    facts = {
        "callSid": told.callSid,
        "from": told.from_,
        "to": told.to,
        "direction": told.direction,
        "startedAt": told.startedAt,
        **identity(told.callerName, told.calleeName, told.metadata),
    }
    return EndedCall(told.callSid, _encode(facts), _number(told.from_), _number(told.to))


def _ended(call: EndedCall, event: _Event) -> EndedCall:
    end: dict[str, Any] = {
        "endedAt": event.at,
        "duration": event.duration,
        "reason": event.reason,
        **_given(callStatus=event.callStatus, words=event.words),
    }
    return msgspec.structs.replace(call, ended_at=event.at, end=_encode(end))


def _given(**facts: object) -> Mapping[str, object]:
    return {name: value for name, value in facts.items() if value is not None}


def _number(text: str | None) -> str | None:
    """Return a number; None for what is none."""
    return text if text is not None and E164.fullmatch(text) else None


def _place(call: EndedCall) -> Place:
    return call.place


def _heard_at(call: EndedCall) -> int:
    return call.heard_at


def _remove(calls: list[EndedCall], call: EndedCall) -> None:
    del calls[bisect_left(calls, call.place, key=_place)]


def _backwards(calls: list[EndedCall], wanted: Wanted) -> Iterator[EndedCall]:
    """Yield of calls, oldest first, those in the time that is wanted, newest first."""
    end = len(calls)
    if wanted.before is not None:
        end = bisect_left(calls, wanted.before, key=_place)
    for index in range(end - 1, -1, -1):
        if calls[index].ended_at < wanted.since:
            return
        yield calls[index]
