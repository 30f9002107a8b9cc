"""
Status callbacks, of media streams and of calls: the fields of a form in, what they say out.

Twilio promises neither that one comes, nor in which order, nor that it comes once; so each is read
for itself, and what is final stays so.

Sources: https://www.twilio.com/docs/voice/twiml/stream#statuscallback,
https://www.twilio.com/docs/voice/api/call-resource#statuscallback
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from broker.identifiers import ACCOUNT_SID, CALL_SID, STREAM_SID
from handler.errors import TwilioProtocolError

STREAM_EVENTS = ("stream-started", "stream-stopped", "stream-error")
# Nothing follows one of these.
FINAL = ("completed", "busy", "failed", "no-answer", "canceled")
STATUSES = ("queued", "initiated", "ringing", "in-progress", *FINAL)
# In place of a word that Twilio did not have when this was written.
OTHER = "other"
# Of texts that are Twilio's or the operator's own.
MAX_TEXT = 200
MAX_SEQUENCE = 1_000_000


@dataclass(frozen=True, slots=True)
class StreamCallback:
    """
    What became of a media stream.

    Attributes:
        account_sid: The account that owns the call.
        call_sid: The call leg that began the stream.
        stream_sid: The stream.
        event: One of :data:`STREAM_EVENTS`, or :data:`OTHER`.
        error: What went wrong, in Twilio's words; empty if nothing did.
    """

    account_sid: str
    call_sid: str
    stream_sid: str
    event: str
    error: str = ""

    @property
    def kind(self) -> str:
        """For counting: one of :data:`KINDS`."""
        return self.event if self.event != OTHER else f"stream-{OTHER}"


@dataclass(frozen=True, slots=True)
class CallCallback:
    """
    What became of a call leg.

    Attributes:
        account_sid: The account that owns it.
        call_sid: The leg.
        status: One of :data:`STATUSES`, or :data:`OTHER`.
        parent_call_sid: The leg that called it, by ``<Dial>``; None if it is no child.
        sequence: Its place among the callbacks of the leg, from 0; None if it is not said.
    """

    account_sid: str
    call_sid: str
    status: str
    parent_call_sid: str | None = None
    sequence: int | None = None

    @property
    def kind(self) -> str:
        """For counting: one of :data:`KINDS`."""
        return f"call-{self.status}"

    @property
    def is_final(self) -> bool:
        """Whether the leg is over."""
        return self.status in FINAL


Callback = StreamCallback | CallCallback

UNREADABLE = "unreadable"
KINDS = (
    *STREAM_EVENTS,
    f"stream-{OTHER}",
    *(f"call-{status}" for status in (*STATUSES, OTHER)),
    UNREADABLE,
)


def read_callback(fields: Mapping[str, str]) -> Callback:
    """
    Read a status callback.

    Raises:
        TwilioProtocolError: it is none, or a field is missing or wrong that it cannot do without.
    """
    account_sid = _sid(fields, "AccountSid", ACCOUNT_SID)
    call_sid = _sid(fields, "CallSid", CALL_SID)
    if fields.get("StreamEvent"):
        return StreamCallback(
            account_sid,
            call_sid,
            _sid(fields, "StreamSid", STREAM_SID),
            _one_of(STREAM_EVENTS, fields["StreamEvent"]),
            fields.get("StreamError", "")[:MAX_TEXT],
        )
    if not fields.get("CallStatus"):
        raise TwilioProtocolError(
            UNREADABLE,
            "neither StreamEvent nor CallStatus: this takes the status callbacks of streams and "
            "of calls",
        )
    parent = None
    if fields.get("ParentCallSid"):
        parent = _sid(fields, "ParentCallSid", CALL_SID)
    return CallCallback(
        account_sid,
        call_sid,
        _one_of(STATUSES, fields["CallStatus"]),
        None if parent == call_sid else parent,
        _sequence(fields.get("SequenceNumber", "")),
    )


def _sid(fields: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> str:
    value = fields.get(name, "")
    if pattern.fullmatch(value):
        return value
    problem = f"is {value[:40]!r}" if value else "is missing"
    raise TwilioProtocolError(
        UNREADABLE, f"{name} {problem}, not {pattern.pattern[:2]} and 32 hexadecimal digits"
    )


def _one_of(known: tuple[str, ...], word: str) -> str:
    return word if word in known else OTHER


def _sequence(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_SEQUENCE))):
        return None
    return min(int(text), MAX_SEQUENCE)
