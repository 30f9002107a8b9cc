"""
Every error of the handler.

    HandlerError
    ├── SettingsError           a setting is missing or malformed: the process does not start
    │   └── SettingsErrors          several are
    ├── TwilioProtocolError     a message on a media stream that we cannot read
    │   └── UnusableStart           a start without which there is no call; knows the field
    ├── StreamRefused           a media stream that we may not or cannot take
    │   └── TicketRefused           its ticket opens nothing, or it has none and needs one
    ├── WebhookRefused          a webhook that is not Twilio's, or cannot be read
    ├── MoveFailed              a call that was to move stays where it is
    │   └── NoRoomForTracks         Twilio streams no further track of it
    ├── InvalidToken            a token that opens nothing; the reason is for the log alone
    ├── Forbidden               a good token that can never open what is asked for
    ├── SubscriberError         what a subscriber asks for cannot be, or not go on; knows its code
    │   ├── CallRefused             one call cannot be read; other subscriptions go on
    │   └── TooSlow                 the subscriber takes less than comes; knows where to resume
    ├── AlreadyComplete         all of an ended call was told before
    ├── AtCapacity              no more subscribers, for now
    ├── KeysUnavailable         the JWKS host gave no keys
    ├── TaskProtectionFailed    ECS was asked to keep this task, or to let it go, and has not
    ├── SetupError              a number of Twilio's cannot be set up; says what to do
    ├── TwilioApiError          Twilio's REST API did not do what it was asked
    └── DeepgramError           one connection to the recogniser failed
        ├── DeepgramRejected        trying again would get the same answer
        │   └── OptionsRejected         but without the call's own options it may be another one
        └── DeepgramDisconnected    worth another try
"""

from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import TypeVar

E = TypeVar("E", bound=BaseException)


class HandlerError(Exception):
    """Anything of ours that goes wrong in the handler."""


class SettingsError(HandlerError):
    """A setting is missing or malformed."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        self.problem = problem
        super().__init__(f"{name}: {problem}")


class SettingsErrors(SettingsError):
    """Several settings are missing or malformed; each has a line of its own."""

    def __init__(self, errors: Iterable[SettingsError]) -> None:
        self.errors = tuple(errors)
        super().__init__(
            ", ".join(error.name for error in self.errors), "\n".join(map(str, self.errors))
        )

    def __str__(self) -> str:
        return self.problem


class TwilioProtocolError(HandlerError):
    """A message that does not follow Twilio's media-stream protocol. ``kind`` is for counting."""

    def __init__(self, kind: str, detail: str) -> None:
        self.kind = kind
        self.detail = detail
        super().__init__(f"{kind}: {detail}")


class UnusableStart(TwilioProtocolError):
    """A ``start`` whose ``field`` is missing or wrong, and cannot be done without."""

    def __init__(self, field: str, problem: str, *, close_code: int = 1008) -> None:
        self.field = field
        self.close_code = close_code
        super().__init__("bad-start", f"{field} is {problem}")


class StreamRefused(HandlerError):
    """A media stream that is closed with ``close_code`` and the reason in words."""

    def __init__(self, reason: str, close_code: int = 1008) -> None:
        self.reason = reason
        self.close_code = close_code
        super().__init__(reason)


# What to look at, by what is wrong with a ticket; Twilio's console shows both: 120 bytes at most.
TICKET_ADVICE = {
    "missing": "let /twilio/voice answer the call, or set REQUIRE_TICKET=0",
    "malformed": "the <Parameter> is not as /twilio/voice wrote it",
    "not of this call": "it is another call's TwiML, or TWILIO_AUTH_TOKEN was changed",
    "expired": "the TwiML is older than 60 s, or two containers' clocks differ",
    "of a call that is over": "Twilio has told its end, or it ended more than an hour ago",
    "spent": "another stream had this TwiML; ask /twilio/voice again for each",
}


class TicketRefused(StreamRefused):
    """A media stream whose ticket opens nothing; ``defect`` is what is wrong with it."""

    def __init__(self, defect: str) -> None:
        self.defect = defect
        super().__init__(f"ticket {defect}: {TICKET_ADVICE[defect]}")


class WebhookRefused(HandlerError):
    """
    A webhook that is answered with an error.

    Attributes:
        status: Of HTTP.
        reason: What is wrong, for the log; ``facts`` too.
        words: What the peer reads; the reason, unless it must not learn it.
    """

    def __init__(
        self, status: int, reason: str, *, words: str | None = None, **facts: object
    ) -> None:
        self.status = status
        self.reason = reason
        self.words = words or reason
        self.facts = facts
        super().__init__(reason)


class Stay(StrEnum):
    """Why a call that was to move stays; metrics count them."""

    NO_ACCESS = "no-access"  # Twilio cannot be asked, or not be told where to send it
    REFUSED = "refused"  # Twilio will not begin another media stream, or does not answer
    NO_ROOM = "no-room"  # for the tracks of another one
    NOBODY = "nobody"  # no container takes it
    NATS = "nats"  # is away, or does not let containers talk about it
    NOT_STORED = "not-stored"  # what was said: the recogniser, or NATS, is away
    OVER = "over"  # it ended meanwhile
    LEAVING = "leaving"  # the process could wait no longer
    DEFECT = "defect"  # of ours


class MoveFailed(HandlerError):
    """A live call that was to go elsewhere stays where it is, and loses nothing by that."""

    def __init__(self, reason: str, kind: Stay = Stay.REFUSED) -> None:
        self.kind = kind
        super().__init__(reason)

    def anew(self) -> "MoveFailed":
        """
        Return the same, raised by nobody yet: to be kept, or to be raised once more.

        What was raised holds all frames that it went through, and the call with them.
        """
        return MoveFailed(str(self), self.kind)


class NoRoomForTracks(MoveFailed):
    """Another media stream of the call can begin only once one has ended."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, Stay.NO_ROOM)

    def anew(self) -> "NoRoomForTracks":
        """Return the same, raised by nobody yet."""
        return NoRoomForTracks(str(self))


class InvalidToken(HandlerError):
    """
    A token that opens nothing.

    The peer gets one vague answer whatever the defect was; ``reason`` is for the log.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Forbidden(HandlerError):
    """
    The token is good, but can never open what is asked for, or a foreign page asks for it.

    The peer gets ``reason``; ``facts`` are for the log.
    """

    def __init__(
        self, reason: str = "the token can never see this call", **facts: str | None
    ) -> None:
        self.reason = reason
        self.facts = facts
        super().__init__(reason)


class EndCode(IntEnum):
    """
    Why a subscriber's request, subscription or connection ends, as ``docs/protocol.md`` has it.

    A websocket is closed with it, an ``Error`` or ``close`` message says it, and a plain request
    gets the HTTP status that stands for it.
    """

    CALL_ENDED = 1000
    LEAVING = 1012
    BAD_REQUEST = 4400
    TOKEN = 4401
    FORBIDDEN = 4403
    NO_SUCH_CALL = 4404
    TOO_SLOW = 4408
    TOO_MUCH = 4429


class SubscriberError(HandlerError):
    """What a subscriber asks for cannot be, or cannot go on."""

    def __init__(self, code: EndCode, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code:d} {reason}")


class CallRefused(SubscriberError):
    """
    One call cannot be read, or no longer.

    It ends a plain socket or a request; on a socket that speaks JSON it is an ``Error`` message.
    """


class TooSlow(SubscriberError):
    """A subscriber takes less than comes. ``since`` is what to come back with, if that is known."""

    def __init__(self, since: int | None = None) -> None:
        self.since = since
        resume = "since" if since is None else f"since={since}"
        super().__init__(EndCode.TOO_SLOW, f"too slow: come back with {resume}")


class AlreadyComplete(HandlerError):
    """The call has ended, and the subscriber has all of it."""


class AtCapacity(HandlerError):
    """This process takes no more subscribers, for now."""


class KeysUnavailable(HandlerError):
    """The host of TOKEN_JWKS_URL gave no keys; the reason is for the log."""


class SetupError(HandlerError):
    """A number of Twilio's cannot be set up; says what to do."""


class TaskProtectionFailed(HandlerError):
    """ECS was asked to keep this task, or to let it go, and has not said that it does."""


class TwilioApiError(HandlerError):
    """
    Twilio's REST API did not do what it was asked.

    Attributes:
        message: Why, in words.
        status: Of HTTP; None if there was no answer.
        code: Twilio's own, as its list of errors has it: 20404 is a call that is not there.
        retry: Whether to ask again is safe, and may succeed later.
        retry_after: Seconds that Twilio says to wait before that, if it does.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: int | None = None,
        retry: bool = False,
        retry_after: float | None = None,
    ) -> None:
        self.message = message
        self.status = status
        self.code = code
        self.retry = retry
        self.retry_after = retry_after
        known = [f"HTTP {status}"] if status is not None else []
        known += [f"error {code}"] if code is not None else []
        answered = f"{', '.join(known)}: " if known else ""
        super().__init__(f"Twilio's API: {answered}{message}")


class DeepgramError(HandlerError):
    """One connection to Deepgram failed; ``advice`` is for the operator, and may be empty."""

    retry: bool

    def __init__(self, reason: str, request_id: str | None = None, advice: str = "") -> None:
        self.reason = reason
        self.request_id = request_id
        self.advice = advice
        super().__init__(f"{reason} (request {request_id})" if request_id else reason)


class DeepgramRejected(DeepgramError):
    """Deepgram refused; trying again would get the same answer."""

    retry = False


class OptionsRejected(DeepgramRejected):
    """Deepgram refused a call's own options, most likely: with the service's it may go on."""


class DeepgramDisconnected(DeepgramError):
    """Deepgram could not be reached, or the connection broke; worth another try."""

    retry = True


def first_of(group: BaseExceptionGroup[E]) -> E:
    """Return the first error of a group, however deep it lies."""
    first = group.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first
