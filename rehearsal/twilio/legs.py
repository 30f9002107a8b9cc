"""
The legs of calls: whose they are, how far they have come, and who is told of it. Pure.

Source: https://www.twilio.com/docs/voice/api/call-resource
"""

from dataclasses import dataclass, field
from enum import StrEnum

from rehearsal.twilio import forms


class Status(StrEnum):
    """How far a leg has come."""

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    FAILED = "failed"
    NO_ANSWER = "no-answer"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        """Whether nothing comes after it."""
        return self in FINAL


FINAL = frozenset({Status.COMPLETED, Status.BUSY, Status.FAILED, Status.NO_ANSWER, Status.CANCELED})
EVENTS = {
    Status.INITIATED: "initiated",
    Status.RINGING: "ringing",
    Status.IN_PROGRESS: "answered",
    **dict.fromkeys(FINAL, "completed"),
}
SIP_CODES = {
    Status.COMPLETED: "200",
    Status.BUSY: "486",
    Status.NO_ANSWER: "487",
    Status.CANCELED: "487",
    Status.FAILED: "404",
}


@dataclass(frozen=True, slots=True)
class Interest:
    """Who is told of what happens to a leg; nobody, by default."""

    url: str = ""
    method: str = "POST"
    events: tuple[str, ...] = ("completed",)


@dataclass(frozen=True, slots=True)
class Callback:
    """A form that is to be sent to somebody."""

    url: str
    method: str
    form: dict[str, str]


@dataclass(slots=True, kw_only=True, eq=False)
class Leg:
    """
    One leg of a call; for the REST API, and for whoever gets callbacks, it is a call.

    Attributes:
        parent_sid: Of the leg whose ``<Dial>`` made this one.
        number_sid: Of the account's number that was called.
        answered_at: In seconds since 1970, as are all times here; None before.
    """

    sid: str
    account_sid: str
    from_: str
    to: str
    direction: str
    created_at: float
    parent_sid: str | None = None
    number_sid: str | None = None
    caller_name: str = ""
    interest: Interest = field(default_factory=Interest)
    status: Status = Status.QUEUED
    updated_at: float = 0.0
    answered_at: float | None = None
    ended_at: float | None = None
    told: int = 0

    def __post_init__(self) -> None:
        self.updated_at = self.created_at

    @property
    def duration(self) -> int | None:
        """How many seconds were talked, once that is known."""
        if self.answered_at is None or self.ended_at is None:
            return None
        return round(self.ended_at - self.answered_at)

    def move(self, status: Status, now: float) -> Callback | None:
        """Go on to another status; returns what is to be told. What has ended stays so."""
        if self.status.final or status is self.status:
            return None
        self.status, self.updated_at = status, now
        if status is Status.IN_PROGRESS:
            self.answered_at = now
        if status.final:
            self.ended_at = now
        event = EVENTS.get(status)
        if not self.interest.url or event not in self.interest.events:
            return None
        form = self.form() | forms.progress(self.told, now)
        if status.final:
            form |= forms.ended(self.duration or 0, SIP_CODES[status])
        self.told += 1
        return Callback(self.interest.url, self.interest.method, form)

    def form(self) -> dict[str, str]:
        """Return the parameters that every request about this leg has."""
        return forms.leg(
            account_sid=self.account_sid,
            call_sid=self.sid,
            from_=self.from_,
            to=self.to,
            status=self.status,
            direction=self.direction,
            parent_sid=self.parent_sid,
            caller_name=self.caller_name,
        )
