"""
Where Twilio comes to us, and the names of what is ours in what it brings. Pure.

A webhook's address says in its fragment how often Twilio asks again if no good answer comes
(``rc``: three more times) and after which failures (``rp``: all). Without it Twilio asks again only
where it got no connection; a container that is full or leaves answers 503, and another one could
have taken it. Twilio neither sends the fragment nor signs it.
Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""

import re
from urllib.parse import parse_qs

from broker.identifiers import ACCOUNT_SID
from handler import addresses

TWILIO = "/twilio"
VOICE, STATUS = "voice", "status"
RETRIES = "#rc=3&rp=all"
SIGNATURE = "X-Twilio-Signature"
# Field of a form of our own commands: no call follows, and the answer is what every call gets.
PROBE = "PartylineProbe"

_ACCOUNT = rf"(/{ACCOUNT_SID.pattern})?"
STREAMS = re.compile(rf"{TWILIO}{_ACCOUNT}")
# What the front door and the server let in; a slash behind it changes nothing.
WEBHOOKS = re.compile(rf"{TWILIO}{_ACCOUNT}/({VOICE}|{STATUS})/?")


def path(account_sid: str | None = None, webhook: str | None = None) -> str:
    """Return the path of media streams, or of a webhook; of an account by its name, if given."""
    return "/".join(part for part in (TWILIO, account_sid, webhook) if part is not None)


def stream_url(base: str, account_sid: str | None = None) -> str:
    """Return where media streams come to, under our base URL."""
    return addresses.for_websockets(base, path(account_sid))


def webhook_url(base: str, webhook: str, account_sid: str | None = None) -> str:
    """Return what Twilio asks, and signs."""
    return addresses.for_requests(base, path(account_sid, webhook))


def webhook_setting(base: str, webhook: str, account_sid: str | None = None) -> str:
    """Return what Twilio is told to ask: at a number, or in TwiML."""
    return webhook_url(base, webhook, account_sid) + RETRIES


def is_asked_again(url: str) -> bool:
    """Whether Twilio asks an address again that answered 503, by what its fragment says."""
    said = parse_qs(url.partition("#")[2])
    policy = ",".join(said.get("rp", ())).split(",")
    return bool({"all", "5xx"}.intersection(policy)) and said.get("rc") != ["0"]
