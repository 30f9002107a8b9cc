"""What is published: records and interims, and how they are encoded. Pure."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

VERSION = 1

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Record:
    """
    What is kept of a call: a final with text, or an event.

    Attributes:
        kind: ``final`` or ``event``.
        track: The side that spoke, ``inbound`` or ``outbound``; ``call`` of an event.
        body: The message: ``type`` and what belongs to it. ``v``, ``callSid``, ``seq``, ``epoch``
            and ``at`` are added when it is encoded.
    """

    kind: Literal["final", "event"]
    track: str
    body: dict[str, Any]

    @property
    def type(self) -> str:
        """The message's ``type``."""
        return str(self.body["type"])


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """
    What is known of a call when its first media stream begins.

    Attributes:
        from_: The caller's number as given, if it was.
        to: The called number as given, if it was.
        direction: ``inbound``, ``outbound-api`` … as given, if it was.
        started_at: Unix time in ms at which the media stream's ``start`` was received.
    """

    call_sid: str
    account_sid: str
    stream_sid: str
    started_at: int
    from_: str | None = None
    to: str | None = None
    direction: str | None = None

    def started(self) -> Record:
        """Return the first record of a call."""
        return Record(
            "event",
            "call",
            {
                "type": "CallStarted",
                "startedAt": self.started_at,
                "accountSid": self.account_sid,
                "streamSid": self.stream_sid,
                "from": self.from_,
                "to": self.to,
                "direction": self.direction,
            },
        )

    def resumed(self) -> Record:
        """Return the first record of a later claim."""
        return Record("event", "call", {"type": "CallResumed", "streamSid": self.stream_sid})
