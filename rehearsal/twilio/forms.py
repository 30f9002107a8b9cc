"""
The parameters of Twilio's requests, blank ones among them. Pure.

Sources: https://www.twilio.com/docs/voice/twiml#request-parameters,
https://www.twilio.com/docs/voice/api/call-resource#statuscallback,
https://www.twilio.com/docs/voice/twiml/stream#statuscallback
"""

from math import ceil

from rehearsal.twilio.dates import iso8601, rfc2822

VERSION = "2010-04-01"
# Of numbers whose place is not known, which those for fiction are: they are sent, and are empty.
PLACES = ("City", "State", "Zip", "Country")


def leg(
    *,
    account_sid: str,
    call_sid: str,
    from_: str,
    to: str,
    status: str,
    direction: str,
    parent_sid: str | None = None,
    caller_name: str = "",
) -> dict[str, str]:
    """Return what every request about a call says of it."""
    form = {
        "AccountSid": account_sid,
        "ApiVersion": VERSION,
        "CallSid": call_sid,
        "CallStatus": status,
        "Called": to,
        "Caller": from_,
        "Direction": direction,
        "From": from_,
        "To": to,
    }
    form |= {f"{who}{what}": "" for who in ("Called", "Caller", "From", "To") for what in PLACES}
    if parent_sid is not None:
        form["ParentCallSid"] = parent_sid
    if caller_name:
        form["CallerName"] = caller_name
    return form


def progress(number: int, at: float) -> dict[str, str]:
    """Return what a call's status callback says besides: its number from 0, and its time."""
    return {
        "Timestamp": rfc2822(at),
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(number),
    }


def ended(seconds: int, sip_code: str) -> dict[str, str]:
    """Return what the last callback of a call says besides; Duration is in minutes begun."""
    return {
        "CallDuration": str(seconds),
        "Duration": str(ceil(seconds / 60)),
        "SipResponseCode": sip_code,
    }


def dialled(child_sid: str, status: str, seconds: int | None) -> dict[str, str]:
    """Return what the ``action`` of a ``<Dial>`` is told besides."""
    form = {
        "DialCallSid": child_sid,
        "DialCallStatus": status,
        "DialBridged": "false" if seconds is None else "true",
    }
    return form if seconds is None else form | {"DialCallDuration": str(seconds)}


def failed(code: int, url: str) -> dict[str, str]:
    """Return what a fallback URL is told besides."""
    return {"ErrorCode": str(code), "ErrorUrl": url}


def stream(
    *,
    account_sid: str,
    call_sid: str,
    stream_sid: str,
    name: str,
    event: str,
    at: float,
    error: str = "",
) -> dict[str, str]:
    """Return the parameters of a stream's callback: ``stream-started``, -stopped or -error."""
    form = {
        "AccountSid": account_sid,
        "CallSid": call_sid,
        "StreamSid": stream_sid,
        "StreamName": name or stream_sid,
        "StreamEvent": event,
        "Timestamp": iso8601(at),
    }
    return form | {"StreamError": error} if error else form
