"""
What may be asked of the calls that are over: a query in, what is wanted out. Pure.

``docs/protocol.md`` is the page that this obeys.
"""

import base64
import binascii
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from broker.ended_index import LATEST, Place, Wanted
from broker.identifiers import CALL_SID
from handler.errors import EndCode, SubscriberError
from handler.subscribers import commands

LIVE, ENDED = "live", "ended"
DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_TIME = 40  # characters; the longest has microseconds and an offset
MAX_CURSOR = 80


def wants_ended(query: Mapping[str, str]) -> bool:
    """
    Whether a request for the list is for the calls that are over; without ``state`` it is not.

    Raises:
        SubscriberError: with 4400; the state is none, or what is said besides is for the others.
    """
    state = query.get("state", LIVE)
    if state == ENDED:
        return True
    if state != LIVE:
        raise _bad("state is live or ended")
    if others := [name for name in commands.OF_CALLS[1:] if name in query]:
        raise _bad(f"{others[0]} is for state=ended")
    return False


def wanted(query: Mapping[str, str], names: Collection[str]) -> Wanted:
    """
    Read what is asked of the calls that are over.

    Args:
        query: What stands after the question mark.
        names: What the token may see: callSids, numbers, or ``*``.

    Raises:
        SubscriberError: with 4400, and what is wrong with it.
    """
    number = query.get("number")
    since = _time("from", query["from"]) if "from" in query else 0
    places = []
    if "to" in query:
        until = _time("to", query["to"])
        if until < since:
            raise _bad("to is before from")
        places.append(Place(until, ""))
    if "cursor" in query:
        places.append(_place(query["cursor"]))
    return Wanted(
        names,
        _limit(query.get("limit", str(DEFAULT_LIMIT))),
        number=None if number is None else commands.number(number),
        since=since,
        before=min(places, default=None),
    )


def cursor(place: Place) -> str:
    """Return what asks for the calls before a place; nobody else needs to read it."""
    text = f"{place.ended_at}.{place.call_sid}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(text: str) -> Place:
    padded = text[:MAX_CURSOR] + "=" * (-len(text[:MAX_CURSOR]) % 4)
    try:
        ended_at, _, call_sid = base64.urlsafe_b64decode(padded).decode("ascii").partition(".")
    except (binascii.Error, ValueError):
        ended_at = call_sid = ""
    if not (ended_at.isdecimal() and int(ended_at) <= LATEST and CALL_SID.fullmatch(call_sid)):
        raise _bad("the cursor is none that was given out here")
    return Place(int(ended_at), call_sid)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_LIMIT))):
        raise _bad(f"limit is a whole number from 1 to {MAX_LIMIT}")
    limit = int(text)
    if not 1 <= limit <= MAX_LIMIT:
        raise _bad(f"limit is a whole number from 1 to {MAX_LIMIT}")
    return limit


def _time(name: str, text: str) -> int:
    """Read a time as ISO 8601 has it, in Unix ms; without an offset it is UTC."""
    try:
        # In a query a plus sign is a blank.
        time = datetime.fromisoformat(text.replace(" ", "+") if len(text) <= MAX_TIME else "")
        return max(0, int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000))
    except ValueError:
        raise _bad(f"{name} is a time such as 2026-11-28T09:30:00Z, or a day") from None


def _bad(reason: str) -> SubscriberError:
    return SubscriberError(EndCode.BAD_REQUEST, reason)
