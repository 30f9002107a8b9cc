"""
What a subscriber may say on ``/client``: text in, typed commands out. Pure.

``docs/protocol.md`` is the page that this obeys.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated

import msgspec

from broker.identifiers import CALL_SID, E164, restore_plus
from broker.printable import shown
from handler.errors import EndCode, SubscriberError

MAX_COMMAND = 16_384  # characters; the longest is a fresh token
# Far beyond any call: 50 records a second for a day.
MAX_SINCE = 2**32
LIVE = "live"
LAST_ID = "Last-Event-ID"
# What a query may say, by what is asked for; a token everywhere.
OF_SOCKET = ("call", "number", "since", "interim")
OF_LIST = ()
OF_CALLS = ("state", "number", "from", "to", "limit", "cursor")
OF_EVENTS = ("since", "interim", "lastEventId")
OF_TRANSCRIPT = ("follow", "inbound", "outbound")
BEARER = "token"
OURS = (*OF_SOCKET, *OF_CALLS, *OF_TRANSCRIPT, BEARER)
# Browsers, proxies and those who count clicks add names of their own (``_``, ``utm_source``), which
# are let be. What is so much like one of ours is meant for one: ``cal``, ``folow``, ``callSid``.
LIKENESS = 0.7
MAX_NAME = 24  # a longer one is like none of ours
MAX_NAMES = 10  # that are not ours are looked at


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


def check_names(query: Iterable[str], known: Collection[str]) -> None:
    """
    Refuse a query that says what nobody here obeys: one who believes it was obeyed reads wrongly.

    Args:
        query: The names in it.
        known: Those that say something here.

    Raises:
        SubscriberError: with 4400; one is misspelt, or says something elsewhere alone.
    """
    others = [name for name in query if name != BEARER and name not in known]
    for name in others[:MAX_NAMES]:
        if not _is_last_id((name, name)) and _is_meant_for_ours(name):
            names = ", ".join((*known, BEARER))
            raise _bad(f"{shown(name)!r} in the query says nothing here; what does: {names}")


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


def _is_meant_for_ours(name: str) -> bool:
    """Whether a name is one of ours, or much like one, however it joins its words."""
    if len(name) > MAX_NAME:
        return False
    return bool(get_close_matches(re.sub("[-_]", "", name).lower(), OURS, 1, LIKENESS))


def _wants_interim(query: Mapping[str, str]) -> bool:
    interim = query.get("interim", "true")
    if interim not in ("true", "false"):
        raise _bad("interim is true or false")
    return interim == "true"


def _bad(reason: str) -> SubscriberError:
    return SubscriberError(EndCode.BAD_REQUEST, reason)
