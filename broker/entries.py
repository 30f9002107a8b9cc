"""A call's entry in the registry's bucket: what it holds, and when it is gone. Pure."""

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
        started_at: Unix ms: the zero of the call clock.
        epoch: The claim under which it is written.
        owner: The process that owns it.
        state: ``live``, or ``waiting`` for another media stream.
        covered: How far each track is transcribed, in seconds on the call clock.
        abandoned: Why it has ended, should its owner be seen no more.
        received: Of a call that its owner has given up: until when it received audio, in seconds on
            the call clock.
    """

    call_sid: str
    account_sid: str
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    direction: str | None = None
    caller_name: str | None = None
    callee_name: str | None = None
    metadata: dict[str, str] = {}
    started_at: int
    epoch: str
    owner: str
    state: Literal["live", "waiting"] = "live"
    covered: dict[str, float] = {}
    abandoned: Literal["crashed", "drained", "stream-lost"] = "crashed"
    received: float = 0.0


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
