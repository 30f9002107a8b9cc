"""What the registry's bucket holds: live calls, how calls ended, whose child a leg is. Pure."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from broker.errors import BadName
from broker.identifiers import check_account_sid, check_call_sid


class CallEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """
    A live call, as the bucket keeps it; other versions may leave out what has a default.

    Attributes:
        caller_name: Who calls, if an application said so.
        callee_name: Who is called; likewise.
        metadata: What else it said, to know the call again.
        options: What it asked the recogniser to do for this call.
        started_at: Unix ms: the zero of the call clock.
        epoch: The claim under which it is written.
        owner: The process that owns it.
        state: ``live``, or ``waiting`` for another media stream.
        leaving: Its owner hears it no more, and says its last words: whoever has a media stream of
            it by now may take it. Beside ``state``, of which earlier versions know two.
        stream_sids: The media streams that it is heard by, or was until they were lost; none once
            Twilio has stopped them.
        track: Which sides they send, as TwiML has it.
        covered: How far each track is transcribed, in seconds on the call clock.
        abandoned: Why it has ended, should its owner be seen no more.
        received: Of a call that its owner has given up: until when it received audio, in seconds on
            the call clock.
        call_status: How Twilio says that the call has ended, once the owner has heard of it.
    """

    call_sid: str
    account_sid: str
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    direction: str | None = None
    caller_name: str | None = None
    callee_name: str | None = None
    metadata: dict[str, str] = {}
    options: str | None = None
    started_at: int
    epoch: str
    owner: str
    state: Literal["live", "waiting"] = "live"
    leaving: bool = False
    stream_sids: tuple[str, ...] = ()
    track: str = "both_tracks"
    covered: dict[str, float] = {}
    abandoned: Literal["crashed", "drained", "stream-lost"] = "crashed"
    received: float = 0.0
    call_status: str | None = None

    @property
    def free(self) -> bool:
        """Whether its owner has said that another one may take it."""
        return self.leaving or self.state == "waiting"


class CallStatus(msgspec.Struct, frozen=True, rename="camel"):
    """
    How a call ended by Twilio's own word.

    Attributes:
        account_sid: The account that was told: only its own calls are meant.
        call_sid: The call.
        status: ``completed``, ``busy``, ``failed``, ``no-answer`` or ``canceled``.
        at: Unix ms at which that was so; 0 from earlier versions.
    """

    account_sid: str
    call_sid: str
    status: str
    at: int = 0


class Leg(msgspec.Struct, frozen=True, rename="camel"):
    """
    A call leg that another one called.

    Attributes:
        account_sid: The account that was told: only its own calls are meant.
        call_sid: The leg.
        parent_call_sid: The one that called it, whose media stream hears both.
    """

    account_sid: str
    call_sid: str
    parent_call_sid: str


def is_gone(headers: Mapping[str, str]) -> bool:
    """
    Whether a message of a bucket says that its key is no more.

    A client deletes with ``KV-Operation``; a server that lets a key expire, or a tombstone, leaves
    a marker with ``Nats-Marker-Reason``.
    Source: https://github.com/nats-io/nats-architecture-and-design (ADR-8, ADR-43, ADR-48)
    """
    return headers.get("KV-Operation") in ("DEL", "PURGE") or "Nats-Marker-Reason" in headers


def has_expired(headers: Mapping[str, str]) -> bool:
    """Whether a message of a bucket says that its key came to the end of its time to live."""
    return headers.get("Nats-Marker-Reason") == "MaxAge"


def read_entry(call_sid: str, data: bytes) -> CallEntry:
    """
    Read the entry of a call; what it says becomes part of subjects.

    Raises:
        msgspec.MsgspecError: it is none.
        BadName: it holds a name that must not become part of a subject, or another call's.
    """
    entry = msgspec.json.decode(data, type=CallEntry)
    if check_call_sid(entry.call_sid) != call_sid:
        raise BadName("the call of its key", entry.call_sid)
    check_account_sid(entry.account_sid)
    return entry


def read_status(data: bytes) -> CallStatus | None:
    """Read how a call ended; None if it is not ours."""
    try:
        return _decode_status(data)
    except msgspec.MsgspecError:
        return None


def read_leg(call_sid: str, data: bytes) -> Leg | None:
    """Read a leg, whose parent's name becomes part of subjects; None if it is not ours."""
    try:
        leg = _decode_leg(data)
        check_call_sid(leg.parent_call_sid)
    except (msgspec.MsgspecError, BadName):
        return None
    return leg if leg.call_sid == call_sid else None


_decode_status = msgspec.json.Decoder(CallStatus).decode
_decode_leg = msgspec.json.Decoder(Leg).decode
