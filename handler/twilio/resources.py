"""
What Twilio's REST API is told, and what it says, as far as we use it. Pure.

Unknown keys are left alone, and null stands for what is not there. Sources:
https://www.twilio.com/docs/voice/api/stream-resource and call-resource,
https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from broker import printable
from handler.errors import TwilioApiError
from handler.twilio.callbacks import FINAL
from handler.twilio.dates import read_date

# Parameter1 … Parameter99 of a Stream.
MAX_PARAMETERS = 99
# Characters of Twilio's own words that are passed on.
MAX_WORDS = 300

WORDS = {
    401: "Twilio takes no such credentials: is TWILIO_API_KEY (SK…:secret) or TWILIO_AUTH_TOKEN "
    "that of this account, whole and not withdrawn?",
    403: "these credentials may not do that: a restricted API key needs the right to",
    404: "Twilio knows no such thing in this account",
    429: "too many requests at once for this account",
}

Pairs = Sequence[tuple[str, str]]
R = TypeVar("R", bound="Resource")
T = TypeVar("T")


class Resource(msgspec.Struct, frozen=True):
    """What is common to all that the API says."""

    sid: str


class Stream(Resource, frozen=True):
    """A media stream of a call. It cannot be asked for: whoever begins one keeps its SID."""

    call_sid: str | None = None
    name: str | None = None
    status: str | None = None  # in-progress, stopped


class CallResource(Resource, frozen=True, rename={"from_number": "from", "to_number": "to"}):
    """A call, as of some moments ago: what is said of it follows the call with a delay."""

    status: str
    account_sid: str | None = None
    parent_call_sid: str | None = None
    direction: str | None = None
    from_number: str | None = None
    to_number: str | None = None
    start_time: str | None = None  # RFC 2822
    end_time: str | None = None
    duration: str | None = None  # seconds, once it is over

    @property
    def over(self) -> bool:
        """Whether it has ended, or never began."""
        return self.status in FINAL

    @property
    def ended_at(self) -> int | None:
        """Unix ms at which it ended; None if it has not, or that is not said."""
        return read_date(self.end_time)


class PhoneNumber(Resource, frozen=True):
    """
    A number, and where Twilio asks what to do with its calls.

    With a ``voice_application_sid`` or a ``trunk_sid`` Twilio asks there, and not at ``voice_url``.
    """

    phone_number: str
    account_sid: str | None = None
    friendly_name: str | None = None
    voice_url: str | None = None
    voice_method: str | None = None
    voice_fallback_url: str | None = None
    voice_fallback_method: str | None = None
    status_callback: str | None = None
    status_callback_method: str | None = None
    voice_application_sid: str | None = None
    trunk_sid: str | None = None


class _Numbers(msgspec.Struct):
    incoming_phone_numbers: list[PhoneNumber]


def stream_form(
    url: str,
    *,
    name: str | None = None,
    track: str = "both_tracks",
    status_callback: str | None = None,
    parameters: Mapping[str, str] | None = None,
) -> list[tuple[str, str]]:
    """
    Return the form that begins a media stream.

    Raises:
        ValueError: there are more parameters than it can hold.
    """
    given = parameters or {}
    if len(given) > MAX_PARAMETERS:
        raise ValueError(f"{len(given)} parameters of a stream; at most {MAX_PARAMETERS}")
    form = [("Url", url), ("Track", track)]
    if name is not None:
        form.append(("Name", name))
    if status_callback is not None:
        form += [("StatusCallback", status_callback), ("StatusCallbackMethod", "POST")]
    for number, (key, value) in enumerate(given.items(), 1):
        form += [(f"Parameter{number}.Name", key), (f"Parameter{number}.Value", value)]
    return form


def read(answer: bytes, form: type[R]) -> R:
    """
    Read what the API says of one thing.

    Raises:
        TwilioApiError: it is something else.
    """
    return _read(answer, form, form.__name__)


def read_numbers(answer: bytes) -> list[PhoneNumber]:
    """
    Read a list of numbers.

    Raises:
        TwilioApiError: it is something else.
    """
    return _read(answer, _Numbers, "list of numbers").incoming_phone_numbers


def _read(answer: bytes, form: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(answer, type=form)
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise TwilioApiError(
            f"what came is no {what}: is TWILIO_API_URL the address of Twilio's API?"
        ) from exc


def refusal(
    status: int, answer: bytes, *, retry: bool = False, retry_after: float | None = None
) -> TwilioApiError:
    """Return the error that an answer tells of, in Twilio's words and ours."""
    said = _decoded(answer)
    code = said.get("code")
    code = code if isinstance(code, int) else None
    # RFC 9457, as newer parts of the API have it, says title and detail.
    theirs = [said[key] for key in ("message", "title", "detail") if isinstance(said.get(key), str)]
    words = printable.shown(": ".join(theirs))[:MAX_WORDS]
    ours = WORDS.get(status)
    message = f"{ours} ({words})" if ours and words else ours or words or "no reason is given"
    return TwilioApiError(message, status=status, code=code, retry=retry, retry_after=retry_after)


def _decoded(answer: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(answer)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
