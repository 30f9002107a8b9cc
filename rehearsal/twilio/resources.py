"""
What the REST API answers, as JSON. Pure.

Source: https://www.twilio.com/docs/voice/api/call-resource, and Twilio's OpenAPI description of it
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from rehearsal.errors import RestError
from rehearsal.twilio.dates import rfc2822
from rehearsal.twilio.forms import VERSION
from rehearsal.twilio.legs import Leg, Status
from rehearsal.twilio.numbers import Number

ERRORS = "https://www.twilio.com/docs/errors"


def path_of_account(account_sid: str) -> str:
    """Return where the resources of an account are."""
    return f"/{VERSION}/Accounts/{account_sid}"


def status(leg: Leg) -> str:
    """Return how far a leg has come, in the API's words: callbacks alone know ``initiated``."""
    return Status.QUEUED if leg.status is Status.INITIATED else leg.status


def call(leg: Leg) -> dict[str, Any]:
    """Describe a call."""
    path = f"{path_of_account(leg.account_sid)}/Calls/{leg.sid}"
    return {
        "sid": leg.sid,
        "account_sid": leg.account_sid,
        "parent_call_sid": leg.parent_sid,
        "phone_number_sid": leg.number_sid,
        "from": leg.from_,
        "from_formatted": leg.from_,
        "to": leg.to,
        "to_formatted": leg.to,
        "status": status(leg),
        "direction": leg.direction,
        "date_created": _date(leg.created_at),
        "date_updated": _date(leg.updated_at),
        "start_time": _date(leg.answered_at),
        "end_time": _date(leg.ended_at),
        "duration": None if leg.duration is None else str(leg.duration),
        "price": None,
        "price_unit": "USD",
        "answered_by": None,
        "annotation": None,
        "api_version": VERSION,
        "caller_name": leg.caller_name or None,
        "forwarded_from": None,
        "group_sid": None,
        "queue_time": "0",
        "trunk_sid": None,
        "uri": f"{path}.json",
        "subresource_uris": {"streams": f"{path}/Streams.json"},
    }


def stream(leg: Leg, sid: str, name: str, *, stopped: bool, at: float) -> dict[str, Any]:
    """Describe a stream of a call."""
    return {
        "sid": sid,
        "account_sid": leg.account_sid,
        "call_sid": leg.sid,
        "name": name,
        "status": "stopped" if stopped else "in-progress",
        "date_updated": rfc2822(at),
        "uri": f"{path_of_account(leg.account_sid)}/Calls/{leg.sid}/Streams/{sid}.json",
    }


def number(one: Number) -> dict[str, Any]:
    """Describe a phone number."""
    path = f"{path_of_account(one.account_sid)}/IncomingPhoneNumbers/{one.sid}.json"
    return {
        "sid": one.sid,
        "account_sid": one.account_sid,
        "friendly_name": one.friendly_name or one.phone_number,
        "phone_number": one.phone_number,
        "voice_url": one.voice_url,
        "voice_method": one.voice_method,
        "voice_fallback_url": one.voice_fallback_url,
        "voice_fallback_method": one.voice_fallback_method,
        "voice_caller_id_lookup": one.voice_caller_id_lookup,
        "voice_application_sid": one.voice_application_sid,
        "voice_receive_mode": "voice",
        "trunk_sid": one.trunk_sid or None,
        "status_callback": one.status_callback,
        "status_callback_method": one.status_callback_method,
        "date_created": rfc2822(one.created_at),
        "date_updated": rfc2822(one.updated_at),
        "capabilities": {"voice": True, "sms": False, "mms": False, "fax": False},
        "api_version": VERSION,
        "beta": False,
        "origin": "twilio",
        "status": "in-use",
        "uri": path,
    }


def account(sid: str, at: float) -> dict[str, Any]:
    """Describe an account."""
    return {
        "sid": sid,
        "friendly_name": "Rehearsal",
        "status": "active",
        "type": "Full",
        "owner_account_sid": sid,
        "date_created": rfc2822(at),
        "date_updated": rfc2822(at),
        "uri": f"{path_of_account(sid)}.json",
    }


def page(
    key: str, path: str, found: Sequence[dict[str, Any]], *, number: int, size: int, query: str
) -> dict[str, Any]:
    """
    Describe one page of a list.

    Args:
        key: What the list is called.
        path: Where it is.
        found: All of it.
        number: Of the page, from 0.
        size: How many a page has.
        query: The filters, for the other pages.
    """

    def uri(which: int) -> str:
        paging = urlencode({"PageSize": size, "Page": which})
        return f"{path}?{f'{query}&' if query else ''}{paging}"

    start = number * size
    shown = found[start : start + size]
    return {
        key: list(shown),
        "page": number,
        "page_size": size,
        "start": start,
        "end": start + max(0, len(shown) - 1),
        "uri": uri(number),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1) if start + size < len(found) else None,
        "previous_page_uri": uri(number - 1) if number else None,
    }


def error(refusal: RestError) -> dict[str, Any]:
    """Describe why a request was refused."""
    return {
        "code": refusal.code,
        "message": refusal.message,
        "more_info": f"{ERRORS}/{refusal.code}",
        "status": refusal.status,
    }


def _date(at: float | None) -> str | None:
    return None if at is None else rfc2822(at)
