"""What the end of a connection means: to come back, or not. Pure."""

import socket
import ssl
from typing import NamedTuple

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
)
from websockets.frames import Close

from partyline_client.errors import NotPartyline, PartylineError, TooMuch, Unreachable, refused
from partyline_client.messages import State

# Codes after which the same subscription may go on: the path broke, or we are to come back.
COME_BACK = frozenset({1000, 1001, 1006, 1011, 1012, 4408})
LEAVING = 1012
TOKEN = 4401
# What our side closes with when the other one breaks the rules of the protocol, or of its text.
FAULTS = frozenset({1002, 1007, 1009})
UNANSWERED = "the connection was closed without an answer"
# Everything that a connection may end with, or never begin for.
Ended = ConnectionClosed | InvalidHandshake | InvalidURI | NotPartyline | TooMuch | OSError


class Lost(NamedTuple):
    """
    The connection is gone, and another one may do better.

    Attributes:
        stays_away: Whether the next one is to come after the longest wait.
    """

    state: State
    reason: str
    stays_away: bool = False


def judge(exc: Ended, *, was_there: bool = False) -> Lost | PartylineError:
    """
    Say what the end of a connection means; an error is for good.

    Args:
        exc: How it ended.
        was_there: Whether the service has answered before: then its address was right, and whoever
            stands there now is a proxy, or a network, that goes again.
    """
    verdict = _verdict(exc)
    if was_there and isinstance(verdict, Unreachable | NotPartyline):
        return Lost(State.OFFLINE, str(verdict))
    return verdict


def _verdict(exc: Ended) -> Lost | PartylineError:
    match exc:
        case NotPartyline():
            return exc
        case TooMuch():
            return Lost(State.OFFLINE, str(exc), stays_away=True)
        case InvalidHandshake() | InvalidURI():
            return _of_handshake(exc)
        case ConnectionClosed(rcvd=None, sent=Close(code=code)) if code in FAULTS:
            return NotPartyline(f"what it sends cannot be read: {code}")
        case ConnectionClosed():
            return _of_close(exc)
        case _:
            return _of_the_system(exc)


def _of_handshake(exc: InvalidHandshake | InvalidURI) -> Lost | PartylineError:
    match exc:
        case InvalidStatus(response=response):
            return _of_status(response.status_code, response.reason_phrase)
        case InvalidMessage(__cause__=EOFError()):
            return Lost(State.OFFLINE, UNANSWERED)
        case _:
            return NotPartyline(str(exc))


def _of_status(status: int, phrase: str) -> Lost | PartylineError:
    if status == 429 or status >= 500:
        return Lost(State.OFFLINE, f"HTTP {status}")
    if status in (400, 401, 403):
        return refused(status, phrase)
    return NotPartyline(f"HTTP {status} {phrase}".strip())


def _of_close(exc: ConnectionClosed) -> Lost | PartylineError:
    if exc.rcvd is None:
        return Lost(State.OFFLINE, "the connection was lost")
    code, reason = exc.rcvd.code, exc.rcvd.reason
    if code == LEAVING:
        return Lost(State.DRAINING, reason)
    if code in COME_BACK:
        return Lost(State.OFFLINE, f"{code} {reason}".strip())
    error = refused(code, reason)
    return _verdict(error) if isinstance(error, TooMuch) else error


def _of_the_system(exc: OSError) -> Lost | PartylineError:
    """Tell an address that is wrong from one where for now nothing answers."""
    if isinstance(exc, ConnectionResetError | ssl.SSLEOFError):
        return Lost(State.OFFLINE, UNANSWERED)
    is_wrong = isinstance(exc, ssl.SSLError)
    if isinstance(exc, socket.gaierror):
        is_wrong = exc.errno != socket.EAI_AGAIN
    return (
        Unreachable(str(exc)) if is_wrong else Lost(State.OFFLINE, str(exc) or "no answer in time")
    )
