"""
What a subscriber may say on ``/client``: text in, typed commands out. Pure.

``docs/protocol.md`` is the page that this obeys.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from broker.identifiers import CALL_SID, E164, restore_plus
from handler.errors import SocketOver

MAX_COMMAND = 16_384  # characters; the longest is a fresh token
# Far beyond any call: 50 records a second for a day.
MAX_SINCE = 2**32
LIVE = "live"


@dataclass(frozen=True, slots=True)
class Subscribe:
    """
    Follow one call.

    Attributes:
        call_sid: The call.
        since: The last ``seq`` that the subscriber has; None skips the past.
        interim: Whether interim results are wanted.
        plain: A bare callSid: the socket gets nothing but the payloads, and ends with the call.
    """

    call_sid: str
    since: int | None = 0
    interim: bool = True
    plain: bool = False


@dataclass(frozen=True, slots=True)
class SubscribeNumber:
    """Follow the calls from or to a number (E.164), now and to come."""

    number: str
    interim: bool = True


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Follow a call, or a number, no longer."""

    target: str


@dataclass(frozen=True, slots=True)
class ListCalls:
    """Send the list of live calls, now and at each change."""


@dataclass(frozen=True, slots=True)
class Renew:
    """Take a fresh token before the old one ends."""

    token: str


Command = Subscribe | SubscribeNumber | Unsubscribe | ListCalls | Renew


class _Wire(msgspec.Struct, forbid_unknown_fields=True):
    subscribe: str | None = None
    since: Annotated[int, msgspec.Meta(ge=0, le=MAX_SINCE)] | str = 0
    interim: bool = True
    unsubscribe: str | None = None
    list: bool | None = None
    token: str | None = None


def parse(text: str) -> Command:
    """
    Read one message of a subscriber.

    Raises:
        SocketOver: with 4400, and what is wrong with it.
    """
    if len(text) > MAX_COMMAND:
        raise SocketOver(4400, "message too long")
    text = text.strip()  # websocat sends the line's end too
    if not text.startswith("{"):
        return Subscribe(call_sid(text), plain=True)
    try:
        wire = msgspec.json.decode(text, type=_Wire)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise SocketOver(4400, f"bad message: {exc}") from exc
    if wire.list is False:
        raise SocketOver(4400, "list is true, or left out")
    asked = [wire.subscribe, wire.unsubscribe, wire.list, wire.token]
    if sum(part is not None for part in asked) != 1:
        raise SocketOver(4400, "say one of subscribe, unsubscribe, list, token")
    if wire.subscribe is not None:
        if wire.subscribe.startswith("+"):
            return SubscribeNumber(number(wire.subscribe), wire.interim)
        return Subscribe(call_sid(wire.subscribe), since(wire.since), wire.interim)
    if wire.unsubscribe is not None:
        return Unsubscribe(wire.unsubscribe)
    if wire.token is not None:
        return Renew(wire.token)
    return ListCalls()


def call_sid(text: str) -> str:
    """Check a callSid; another text ends the socket with 4400."""
    if not CALL_SID.fullmatch(text):
        raise SocketOver(4400, "not a callSid: CA and 32 lower-case hex digits")
    return text


def number(text: str) -> str:
    """Check an E.164 number; a blank is read as the plus sign that a query string swallowed."""
    text = restore_plus(text)
    if not E164.fullmatch(text):
        raise SocketOver(4400, "not a number such as +15551230000")
    return text


def since(value: int | str) -> int | None:
    """Read ``since``: a ``seq``, or ``live``, which is None."""
    if value == LIVE:
        return None
    if isinstance(value, str):
        if not (value.isascii() and value.isdecimal() and len(value) <= len(str(MAX_SINCE))):
            raise SocketOver(4400, "since is a whole number or live")
        value = int(value)
    if value > MAX_SINCE:
        raise SocketOver(4400, "since is too large")
    return value
