"""
Tickets: what lets one media stream in, of one call, once. Pure.

The signature of a websocket's handshake is the same for every call, so whoever has seen one can
open another. A ticket travels in a ``<Parameter>`` instead, and nobody but us can make one.

``<nonce>.<expiry>.<mac>``: it holds all that is needed to check it but whether it is spent.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import NamedTuple

from handler.errors import TicketRefused

# What one is good for.
STREAM = "stream"
# From the answer to the webhook to the stream's ``start`` Twilio takes a second or two.
TICKET_SECONDS = 60
# Of random bytes, or of a hash.
NONCE_BYTES = 16

_TICKET = re.compile(r"([A-Za-z0-9_-]{22})\.([1-9][0-9]{0,11})\.([A-Za-z0-9_-]{43})", re.ASCII)


class Scope(NamedTuple):
    """
    What a ticket is good for.

    Attributes:
        purpose: What for: :data:`STREAM`, a media stream that begins with the call, say.
        account_sid: Of the call.
        call_sid: Of the call.
    """

    purpose: str
    account_sid: str
    call_sid: str


class Ticket(NamedTuple):
    """A ticket that is ours, and of the call; ``expiry`` is Unix time in s."""

    purpose: str
    nonce: str
    expiry: int


def nonce_of(data: bytes) -> str:
    """Name a ticket by random bytes, :data:`NONCE_BYTES` of them."""
    return _text(data[:NONCE_BYTES])


def repeated_nonce(auth_token: str, scope: Scope, idempotency_token: str) -> str:
    """Name a ticket so that whoever is asked again, with the same words, names it the same."""
    return nonce_of(_mac(auth_token, "nonce", *scope, idempotency_token))


def write(auth_token: str, scope: Scope, ticket: Ticket) -> str:
    """Write a ticket."""
    return f"{ticket.nonce}.{ticket.expiry}.{_signature(auth_token, scope, ticket)}"


def check(text: str, auth_tokens: Iterable[str], scopes: Iterable[Scope], now: float) -> Ticket:
    """
    Read a ticket that came with a media stream; it may be spent all the same.

    Args:
        text: As it came.
        auth_tokens: Of the account; any of them may have signed it.
        scopes: What it may be good for; of one of them it is.
        now: Unix time in s.

    Raises:
        TicketRefused: it opens nothing, or not this.
    """
    found = _TICKET.fullmatch(text)
    if found is None:
        raise TicketRefused("malformed")
    tokens = list(auth_tokens)
    matching = None
    for scope in scopes:
        ticket = Ticket(scope.purpose, found[1], int(found[2]))
        for token in tokens:  # all are compared, so that the answer's delay tells nothing
            if hmac.compare_digest(_signature(token, scope, ticket), found[3]):
                matching = ticket
    if matching is None:
        raise TicketRefused("not of this call")
    if now >= matching.expiry:
        raise TicketRefused("expired")
    return matching


def _signature(auth_token: str, scope: Scope, ticket: Ticket) -> str:
    return _text(_mac(auth_token, "ticket", *scope, ticket.nonce, str(ticket.expiry)))


def _mac(auth_token: str, *parts: str) -> bytes:
    """Sign what the parts say; each is told from the next, as their lengths are signed, too."""
    key = hmac.digest(auth_token.encode(), b"partyline tickets", hashlib.sha256)
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.digest(key, text.encode("utf-8", "replace"), hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
