"""
What a subscriber may say on ``/client``: text in, typed commands out. Pure.

``docs/protocol.md`` is the page that this obeys.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from broker.identifiers import CALL_SID, E164, restore_plus
from handler.errors import EndCode, SubscriberError

MAX_COMMAND = 16_384  # characters; the longest is a fresh token
# Far beyond any call: 50 records a second for a day.
MAX_SINCE = 2**32
LIVE = "live"
LAST_ID = "Last-Event-ID"


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
        SubscriberError: with 4400, and what is wrong with it.
    """
    if len(text) > MAX_COMMAND:
        raise _bad("message too long")
    text = text.strip()  # websocat sends the line's end too
    if not text.startswith("{"):
        return Subscribe(call_sid(text), plain=True)
    try:
        wire = msgspec.json.decode(text, type=_Wire)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise _bad(f"bad message: {exc}") from exc
    if wire.list is False:
        raise _bad("list is true, or left out")
    asked = [wire.subscribe, wire.unsubscribe, wire.list, wire.token]
    if sum(part is not None for part in asked) != 1:
        raise _bad("say one of subscribe, unsubscribe, list, token")
    if wire.subscribe is not None:
        if wire.subscribe.startswith("+"):
            return SubscribeNumber(number(wire.subscribe), wire.interim)
        return Subscribe(call_sid(wire.subscribe), since(wire.since), wire.interim)
    if wire.unsubscribe is not None:
        return Unsubscribe(wire.unsubscribe)
    if wire.token is not None:
        return Renew(wire.token)
    return ListCalls()


def from_query(query: Mapping[str, str]) -> Subscribe | SubscribeNumber | None:
    """
    Read what the query of a socket subscribes to; None if it names nothing.

    Raises:
        SubscriberError: with 4400, and what is wrong with it.
    """
    after, interim = _after(query), _wants_interim(query)
    if call := query.get("call"):
        return Subscribe(call_sid(call), after, interim, plain=True)
    if caller := query.get("number"):
        return SubscribeNumber(number(caller), interim)
    return None


def subscribe_from_query(sid: str, query: Mapping[str, str], last_id: str = "") -> Subscribe:
    """
    Read what a request for the events of one call asks for.

    Args:
        sid: The call, as the request's path names it.
        query: What stands after the question mark.
        last_id: ``Last-Event-ID``. An EventSource repeats the address that it was made with: what
            it had last is newer, and wins. Those that cannot set a header add it to the query.

    Raises:
        SubscriberError: with 4400, and what is wrong with it.
    """
    name, position = LAST_ID, last_id
    if not last_id:
        name, position = next(filter(_is_last_id, query.items()), ("since", ""))
    after = since(position, name) if position else _after(query)
    return Subscribe(call_sid(sid), after, _wants_interim(query))


def call_sid(text: str) -> str:
    """Check a callSid; another text is answered with 4400."""
    if not CALL_SID.fullmatch(text):
        raise _bad("not a callSid: CA and 32 lower-case hex digits")
    return text


def number(text: str) -> str:
    """Check an E.164 number; a blank is read as the plus sign that a query string swallowed."""
    text = restore_plus(text)
    if not E164.fullmatch(text):
        raise _bad("not a number such as +15551230000")
    return text


def since(value: int | str, name: str = "since") -> int | None:
    """Read ``since``, or what is called otherwise: a ``seq``, or ``live``, which is None."""
    if value == LIVE:
        return None
    if isinstance(value, str):
        if not (value.isascii() and value.isdecimal() and len(value) <= len(str(MAX_SINCE))):
            raise _bad(f"{name} is a whole number or live")
        value = int(value)
    if value > MAX_SINCE:
        raise _bad(f"{name} is too large")
    return value


def _after(query: Mapping[str, str]) -> int | None:
    return since(query.get("since", "0"))


def _is_last_id(given: tuple[str, str]) -> bool:
    """Whether a part of a query is ``Last-Event-ID``, in any of the spellings that are about."""
    name, value = given
    return bool(value) and re.sub("[-_]", "", name).lower() == "lasteventid"


def _wants_interim(query: Mapping[str, str]) -> bool:
    return query.get("interim", "true") != "false"


def _bad(reason: str) -> SubscriberError:
    return SubscriberError(EndCode.BAD_REQUEST, reason)
