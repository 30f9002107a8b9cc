"""What the end of a connection to the service means to whoever watches: in words, with a remedy."""

from ssl import SSLEOFError
from urllib.parse import urlsplit

from websockets.exceptions import (
    ConnectionClosed,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
)
from websockets.http11 import Response

from broker.printable import shown
from broker.words import said
from handler import addresses
from handler.probe.answers import first_line, phrase
from partyline_client.ends import COME_BACK, FAULTS

# Of what a service says of a refusal, so many characters are shown.
MAX_WORDS = 300
IS_IT_PARTYLINE = "is it Partyline that answers there, and --url its address?"
# Of statuses that come with no words of the service's own.
REMEDIES = {
    403: "the service, or what is before it, lets nobody in from here",
    404: f"there is no /client: {IS_IT_PARTYLINE}",
    426: "a proxy before the service takes Upgrade away (docs/deploy.md says what to set)",
    429: "too many connections",
    502: "a proxy is there, but not the service behind it",
    503: "the service is full or restarting",
    504: "a proxy is there, but the service behind it does not answer",
}


def in_words(exc: Exception, *, url: str, has_token: bool, was_there: bool = False) -> str:
    """
    Say what the end of a connection means.

    Args:
        exc: How it ended.
        url: The address of the service, as it was given.
        has_token: Whether a token was shown.
        was_there: Whether the service has answered before: then it speaks TLS as the address says.
    """
    at = addresses.shown(url)
    match exc:
        case InvalidStatus(response=response):
            return _refusal(response, at, has_token=has_token)
        case InvalidMessage(__cause__=EOFError()) | ConnectionResetError() | SSLEOFError():
            hint = "" if was_there else _of_tls(url)
            return f"{at} closed the connection without an answer{hint}"
        case InvalidURI(uri=uri):
            return f"{at} leads on to {addresses.shown(shown(uri))}: is that --url?"
        case ConnectionClosed():
            return _of_close(exc, at)
        case OSError():
            return f"cannot reach {at}: {said(exc)}"
        case _:
            return f"{at} does not answer as the service does: {IS_IT_PARTYLINE}"


def _of_close(exc: ConnectionClosed, at: str) -> str:
    if exc.rcvd is None and exc.sent is not None and exc.sent.code in FAULTS:
        return f"{at} sends what cannot be read: {IS_IT_PARTYLINE}"
    if exc.rcvd is None or exc.rcvd.code in COME_BACK:
        return f"the connection to {at} was lost"
    why = shown(exc.rcvd.reason) or "without a word"
    return f"{at} ended the connection ({exc.rcvd.code}): {why}"


def _of_tls(url: str) -> str:
    if urlsplit(url).scheme in ("https", "wss"):
        return ": if it speaks no TLS on this port, --url begins with http://"
    return ": if it speaks TLS on this port, --url begins with https://"


def _refusal(response: Response, at: str, *, has_token: bool) -> str:
    status = response.status_code
    words = _words(response)
    if status == 401:
        return _no_entrance(response, at, has_token=has_token)
    if status < 400:
        words = ""  # for somebody else
    why = words or REMEDIES.get(status) or f"{phrase(status)}: {IS_IT_PARTYLINE}"
    return f"{at} answers HTTP {status}: {why}"


def _no_entrance(response: Response, at: str, *, has_token: bool) -> str:
    asks = response.headers.get("WWW-Authenticate", "Bearer")
    if not asks.lower().startswith("bearer"):
        return f"{at} asks for a user and a password, as the service never does: {IS_IT_PARTYLINE}"
    if not has_token:
        return "a token is needed: set PARTYLINE_TOKEN to what `partyline token` printed"
    return "the service refuses this token: it may have expired, or was made with another secret"


def _words(response: Response) -> str:
    return first_line(bytes(response.body or b"").decode(errors="replace"), MAX_WORDS)
