"""What is published: records and interims, and how they are encoded. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

VERSION = 1
# Times of our own events are milliseconds.
TIME_DIGITS = 3
SHORTEST_GAP = 0.001

_encoder = msgspec.json.Encoder()


class _Alternative(msgspec.Struct):
    transcript: str = ""
    words: list[msgspec.Raw] | None = None


class _Channel(msgspec.Struct):
    alternatives: list[_Alternative] = []


_decode_channel = msgspec.json.Decoder(_Channel).decode


@dataclass(frozen=True, slots=True)
class Record:
    """
    What is kept of a call: a final with text, or an event.

    Attributes:
        kind: ``final`` or ``event``.
        track: The side that spoke, ``inbound`` or ``outbound``; ``call`` of an event.
        body: The message: ``type`` and what belongs to it. ``v``, ``callSid``, ``seq``, ``epoch``
            and ``at`` are added when it is encoded.
        spoken_at: Unix time in seconds at which its last word ended; None if it says none. It is
            not published.
        heard_at: Unix time in seconds at which the recogniser's word came in; likewise.
    """

    kind: Literal["final", "event"]
    track: str
    body: dict[str, Any]
    spoken_at: float | None = field(default=None, compare=False)
    heard_at: float | None = field(default=None, compare=False)

    @property
    def type(self) -> str:
        """The message's ``type``."""
        return str(self.body["type"])


@dataclass(frozen=True, slots=True)
class Stored:
    """
    A message as a stream keeps it.

    Attributes:
        sequence: Its place in the stream, over all subjects.
        subject: What it was stored under.
        data: The payload.
        headers: What the publisher sent along.
    """

    sequence: int
    subject: str
    data: bytes
    headers: dict[str, str]


def encode_record(record: Record, *, call_sid: str, seq: int, epoch: str, at: int) -> bytes:
    """Encode a record; ``at`` is the Unix time in ms at which it is published."""
    head: dict[str, Any] = {
        "type": record.type,
        "v": VERSION,
        "callSid": call_sid,
        "seq": seq,
        "epoch": epoch,
    }
    if record.kind == "final":
        head["track"] = record.track
    head["at"] = at
    return _encoder.encode(head | record.body)


def encode_interim(
    body: dict[str, Any], *, call_sid: str, track: str, epoch: str, after: int, at: int
) -> bytes:
    """Encode what is not kept; ``after`` is the last ``seq`` that was stored before it."""
    head = {
        "type": body["type"],
        "v": VERSION,
        "callSid": call_sid,
        "epoch": epoch,
        "track": track,
        "at": at,
        "after": after,
    }
    return _encoder.encode(head | body)


def words_in(channel: bytes) -> int:
    """
    Return how many words the ``channel`` of a final says, 0 if it cannot be read.

    A final whose words are not told one by one has those between the blanks of its text.
    """
    try:
        alternatives = _decode_channel(channel).alternatives
    except msgspec.MsgspecError:
        return 0
    if not alternatives:
        return 0
    first = alternatives[0]
    return len(first.transcript.split()) if first.words is None else len(first.words)


def words_of(record: Record) -> int:
    """Return how many words a record says; an event says none."""
    if record.kind != "final":
        return 0
    return words_in(_encoder.encode(record.body.get("channel")))


def event(kind: str, **facts: Any) -> Record:  # noqa: ANN401  what JSON can hold
    """Return an event of the call."""
    return Record("event", "call", {"type": kind, **facts})


def identity(
    caller_name: str | None, callee_name: str | None, metadata: Mapping[str, str]
) -> dict[str, Any]:
    """Return what an application said of a call, as messages have it: absent if it did not."""
    given = {"callerName": caller_name, "calleeName": callee_name, "metadata": metadata}
    return {name: value for name, value in given.items() if value}


def gap(start: float, end: float, track: str | None, reason: str) -> Record:
    """
    Return a ``Gap``: nothing is known from ``start`` to ``end`` (seconds on the call clock).

    It is never without length, which would tell readers of nothing: a millisecond at least.
    """
    begins = round(start, TIME_DIGITS)
    return event(
        "Gap",
        start=begins,
        end=round(max(end, begins + SHORTEST_GAP), TIME_DIGITS),
        track=track,
        reason=reason,
    )


def recogniser(state: Literal["down", "up"], reason: str | None) -> Record:
    """Return a ``Recogniser``: it went away, or came back."""
    return event("Recogniser", state=state, reason=reason)


def call_ended(
    duration: float,
    reason: str,
    request_ids: Iterable[str] = (),
    call_status: str | None = None,
) -> Record:
    """
    Return a ``CallEnded``.

    Args:
        duration: How far the call is known, in seconds on the call clock.
        reason: Why: ``completed``, or what its owner or a janitor found.
        request_ids: Deepgram's names for the call's connections, for its support.
        call_status: How the call ended by Twilio's own word, if that is known.
    """
    status = {} if call_status is None else {"callStatus": call_status}
    return event(
        "CallEnded",
        duration=round(duration, TIME_DIGITS),
        reason=reason,
        requestIds=list(request_ids),
        **status,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """
    What is known of a call when its first media stream begins.

    Attributes:
        from_: The caller's number as given, if it was.
        to: The called number as given, if it was.
        direction: ``inbound``, ``outbound-api`` … as given, if it was.
        caller_name: Who calls, if that was given.
        callee_name: Who is called, if that was given.
        metadata: What else was given, for the application that gave it.
        options: What the recogniser was asked to do for this call, as given; not published.
        started_at: Unix time in ms at which the media stream's ``start`` was received.
    """

    call_sid: str
    account_sid: str
    stream_sid: str
    started_at: int
    from_: str | None = None
    to: str | None = None
    direction: str | None = None
    caller_name: str | None = None
    callee_name: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    options: str | None = None

    def started(self) -> Record:
        """Return the first record of a call."""
        numbers = {"from": self.from_, "to": self.to, "direction": self.direction}
        return event(
            "CallStarted",
            startedAt=self.started_at,
            accountSid=self.account_sid,
            streamSid=self.stream_sid,
            **numbers,
            **identity(self.caller_name, self.callee_name, self.metadata),
        )

    def resumed(self, reason: str | None = None) -> Record:
        """Return the first record of a later claim; ``moved`` if nothing is missing before it."""
        why = {} if reason is None else {"reason": reason}
        return event("CallResumed", streamSid=self.stream_sid, **why)
