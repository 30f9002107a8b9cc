"""
Status callbacks, of media streams and of calls: a form in, what it says out. Pure.

Twilio promises neither that one comes, nor in which order, nor that it comes once; so each is read
for itself, and what is final stays so.

Sources: https://www.twilio.com/docs/voice/twiml/stream#statuscallback,
https://www.twilio.com/docs/voice/api/call-resource#statuscallback
"""

import re
from dataclasses import dataclass

from broker.identifiers import ACCOUNT_SID, CALL_SID, STREAM_SID
from handler.errors import TwilioProtocolError
from handler.twilio.dates import read_date
from handler.twilio.forms import Form

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
        at: Unix ms at which that was so, by Twilio's clock; None if it is not said.
    """

    account_sid: str
    call_sid: str
    status: str
    parent_call_sid: str | None = None
    sequence: int | None = None
    at: int | None = None

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


def read_callback(form: Form) -> Callback:
    """
    Read a status callback.

    Raises:
        TwilioProtocolError: it is none, or a field is missing or wrong that it cannot do without.
    """
    account_sid = _sid("AccountSid", form.get("AccountSid"), ACCOUNT_SID)
    call_sid = _sid("CallSid", form.get("CallSid"), CALL_SID)
    if (event := form.get("StreamEvent")) is not None:
        return StreamCallback(
            account_sid,
            call_sid,
            _sid("StreamSid", form.get("StreamSid"), STREAM_SID),
            event if event in STREAM_EVENTS else OTHER,
            (form.get("StreamError") or "")[:MAX_TEXT],
        )
    status, parent = form.get("CallStatus"), form.get("ParentCallSid")
    if status is None:
        raise TwilioProtocolError(
            UNREADABLE,
            "neither StreamEvent nor CallStatus: this takes the status callbacks of streams and "
            "of calls",
        )
    if parent is not None:
        parent = _sid("ParentCallSid", parent, CALL_SID)
    return CallCallback(
        account_sid,
        call_sid,
        status if status in STATUSES else OTHER,
        None if parent == call_sid else parent,
        _sequence(form.get("SequenceNumber") or ""),
        read_date(form.get("Timestamp")),
    )


def _sid(name: str, value: str | None, pattern: re.Pattern[str]) -> str:
    if value is not None and pattern.fullmatch(value):
        return value
    problem = "is missing" if value is None else f"is {value[:40]!r}"
    raise TwilioProtocolError(
        UNREADABLE, f"{name} {problem}, not {pattern.pattern[:2]} and 32 hexadecimal digits"
    )


def _sequence(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_SEQUENCE))):
        return None
    return min(int(text), MAX_SEQUENCE)
