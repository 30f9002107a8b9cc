"""
What Twilio's names and telephone numbers look like: the one place that knows. Pure.

Here rather than in ``handler``, because a callSid must be matched whole before it becomes part of a
subject: one of ``*`` would subscribe to every call.
"""

import re

from broker.errors import BadName

# https://www.twilio.com/docs/glossary/what-is-a-sid
ACCOUNT_SID = re.compile(r"AC[0-9a-f]{32}")
CALL_SID = re.compile(r"CA[0-9a-f]{32}")
STREAM_SID = re.compile(r"MZ[0-9a-f]{32}")
# https://www.twilio.com/docs/glossary/what-e164
E164 = re.compile(r"\+[1-9][0-9]{1,14}")


def check_call_sid(call_sid: str) -> str:
    """Return the callSid, or raise :exc:`BadName`."""
    if not CALL_SID.fullmatch(call_sid):
        raise BadName("a callSid", call_sid)
    return call_sid


def check_account_sid(account_sid: str) -> str:
    """Return the accountSid, or raise :exc:`BadName`."""
    if not ACCOUNT_SID.fullmatch(account_sid):
        raise BadName("an accountSid", account_sid)
    return account_sid


def restore_plus(text: str) -> str:
    """Give a number its plus sign back where a query string or a form has made it a blank."""
    number = "+" + text[1:]
    return number if text.startswith(" ") and E164.fullmatch(number) else text
