"""
How far a reader is: what a new connection is to say first, and what was had before. Pure.

Records are delivered each once and in order, over however many connections; an interim never
after the final that takes its place.
"""

import json
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from partyline_client.errors import TooMuch, refused
from partyline_client.messages import (
    CallMessage,
    Calls,
    Expired,
    Final,
    Interim,
    Message,
    Other,
    Over,
    Record,
    Refusal,
    Renewed,
    Subscribed,
    Track,
)

# What a socket takes, but for the number itself; calls that a number begins do not count.
MAX_RESUMED = 99
# Calls of a number that are over and may go on: so many are known again if they do.
MAX_REMEMBERED = 10_000


class Step(NamedTuple):
    """
    What a message leads to.

    Attributes:
        deliver: Whether the reader gets it.
        say: What the service is told next.
        over: Whether nothing more is to come.
    """

    deliver: bool
    say: tuple[str, ...] = ()
    over: bool = False


class Progress(Protocol):
    """What is read, and how far."""

    def begin(self, live: Collection[str]) -> tuple[str, ...]:
        """Return what a new connection is to say; ``live`` are the calls that live now."""

    def receive(self, message: Message) -> Step:
        """
        Take a message of that connection.

        Raises:
            Refused: what was asked for cannot be read.
        """


@dataclass(slots=True)
class _Call:
    """
    What was had of one call.

    Attributes:
        last: The ``seq`` of the newest record.
        finals: By track, the ``seq`` and the end (s) of the newest final.
    """

    last: int = 0
    finals: dict[Track, tuple[int, float]] = field(default_factory=dict)

    def is_news(self, message: Message) -> bool:
        """Whether a message was not had before, nor is out of date; it is had from now on."""
        match message:
            case Expired(first=first):
                if first <= self.last + 1:  # all that is gone was had, or told as gone
                    return False
                self.last = first - 1
            case Interim(track=track):
                seq, end = self.finals.get(track, (0, 0.0))
                return message.after >= seq or message.start >= end
            case Record(seq=seq) | Other(seq=int(seq)):
                if seq <= self.last:
                    return False
                self.last = seq
                if isinstance(message, Final):
                    self.finals[message.track] = (seq, message.start + message.duration)
        return True


class OneCall:
    """
    One call, to its end.

    Args:
        call_sid: The call, or a child leg of it.
        since: The last ``seq`` that the reader has; None skips the past.
        interim: Whether interims are wanted.
    """

    def __init__(self, call_sid: str, *, since: int | None = 0, interim: bool = True) -> None:
        self._call_sid = call_sid
        self._interim = interim
        self._skips_past = since is None
        # Whatever its records call it: a leg's have the name of its parent.
        self._call = _Call(since or 0)

    def begin(self, live: Collection[str]) -> tuple[str, ...]:
        """Ask for it from where the reader is."""
        del live
        since = "live" if self._skips_past else self._call.last
        return (_subscribe(self._call_sid, since, interim=self._interim),)

    def receive(self, message: Message) -> Step:
        """
        Take what comes; ``Over`` is the end.

        Raises:
            Refused: it cannot be read, or no longer.
        """
        match message:
            case Refusal(call_sid=str(), code=code, message=words):
                raise refused(code, words)
            case Subscribed(last=last) if self._skips_past:
                # From here on nothing may be skipped, by another connection neither.
                self._skips_past = False
                self._call.last = last
        deliver = _is_for_readers(message) and self._call.is_news(message)
        return Step(deliver, over=isinstance(message, Over))


class CallsOfNumber:
    """
    The calls of a number, those that live and those to come.

    A number begins with the whole of each call that lives, and knows nothing of one that has ended
    while the connection was away: so calls that were begun are asked for by themselves, those first
    that may have ended. There is room for so many; as one is over, the next is asked for.
    """

    def __init__(self, number: str, *, interim: bool = True) -> None:
        self._number = number
        self._interim = interim
        self._calls: dict[str, _Call] = {}  # the one that began first comes first
        self._over: dict[str, None] = {}  # of those, the one that is over for longest comes first
        self._asked: set[str] = set()
        self._to_ask: deque[str] = deque()

    def begin(self, live: Collection[str]) -> tuple[str, ...]:
        """Ask for the calls that were begun, and for the number."""
        begun = [call_sid for call_sid in reversed(self._calls) if call_sid not in self._over]
        self._to_ask = deque(sorted(begun, key=lambda call_sid: call_sid in live))
        self._asked.clear()
        number = json.dumps({"subscribe": self._number, "interim": self._interim})
        return (*self._next(), number)

    def receive(self, message: Message) -> Step:
        """
        Take what comes; a call that cannot be read ends nothing but itself.

        Raises:
            TooMuch: one cannot be asked for now: another connection asks again.
        """
        if not isinstance(message, CallMessage | Other | Refusal) or message.call_sid is None:
            return Step(_is_for_readers(message))
        if isinstance(message, Refusal):
            error = refused(message.code, message.message)
            if isinstance(error, TooMuch):
                raise error
        call_sid = message.call_sid
        call = self._calls.setdefault(call_sid, _Call())
        deliver = call.is_news(message)
        say: tuple[str, ...] = ()
        match message:
            case Over() | Refusal():
                self._over[call_sid] = None
                self._asked.discard(call_sid)
                say = self._next()
                self._forget_some()
            case Subscribed():
                self._over.pop(call_sid, None)
                if call_sid in self._to_ask:  # the number has begun it, from its first record on
                    self._to_ask.remove(call_sid)
        return Step(deliver, say)

    def _next(self) -> tuple[str, ...]:
        """Ask for as many more as there is room for."""
        room = min(MAX_RESUMED - len(self._asked), len(self._to_ask))
        chosen = [self._to_ask.popleft() for _ in range(room)]
        self._asked.update(chosen)
        return tuple(
            _subscribe(call_sid, self._calls[call_sid].last, interim=self._interim)
            for call_sid in chosen
        )

    def _forget_some(self) -> None:
        while len(self._over) > MAX_REMEMBERED:
            oldest = next(iter(self._over))
            del self._over[oldest], self._calls[oldest]


class ListOfCalls:
    """The list of live calls, whole, now and whenever it is another one."""

    def begin(self, live: Collection[str]) -> tuple[str, ...]:
        """Ask for it."""
        del live
        return ('{"list": true}',)

    def receive(self, message: Message) -> Step:
        """Take a list."""
        return Step(isinstance(message, Calls | Other))


def _subscribe(call_sid: str, since: int | str, *, interim: bool) -> str:
    return json.dumps({"subscribe": call_sid, "since": since, "interim": interim})


def _is_for_readers(message: Message) -> bool:
    """Whether it is not for the connection alone, whose close says why it ends."""
    return not isinstance(message, Renewed | Refusal)
