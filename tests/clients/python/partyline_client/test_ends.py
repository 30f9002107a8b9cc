"""clients/python/partyline_client/ends.py: what the end of a connection means."""

import socket
import ssl
from http import HTTPStatus

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
)
from websockets.frames import Close
from websockets.http11 import Response

from partyline_client.ends import Lost, judge
from partyline_client.errors import (
    BadRequest,
    InvalidToken,
    NoSuchCall,
    NotAllowed,
    NotPartyline,
    Unreachable,
    refused,
)
from partyline_client.messages import State


def status(code: int) -> InvalidStatus:
    return InvalidStatus(Response(code, HTTPStatus(code).phrase, Headers()))


def closed(code: int, reason: str = "") -> ConnectionClosedError:
    return ConnectionClosedError(Close(code, reason), None)


def unanswered() -> InvalidMessage:
    error = InvalidMessage("did not receive a valid HTTP response")
    error.__cause__ = EOFError()
    return error


PASSES = [
    (ConnectionClosedError(None, None), "the connection was lost"),
    (ConnectionClosedError(None, Close(1011, "no pong")), "the connection was lost"),
    (ConnectionClosedOK(Close(1000, ""), None), "1000"),
    (closed(1001), "1001"),
    (closed(1011), "1011"),
    (closed(4408, "since=7"), "4408 since=7"),
    (status(429), "HTTP 429"),
    (status(503), "HTTP 503"),
    (unanswered(), "the connection was closed without an answer"),
    (ConnectionResetError(), "the connection was closed without an answer"),
    (ssl.SSLEOFError(), "the connection was closed without an answer"),
    (ConnectionRefusedError("refused"), "refused"),
    (TimeoutError(), "no answer in time"),
    (socket.gaierror(socket.EAI_AGAIN, "again"), f"[Errno {socket.EAI_AGAIN}] again"),
]


@pytest.mark.parametrize(("exc", "reason"), PASSES)
def test_what_passes_is_worth_another_try(exc, reason):
    assert judge(exc) == Lost(State.OFFLINE, reason)


@pytest.mark.parametrize("exc", [closed(4429, "too many"), refused(4429, "too many")])
def test_who_asked_too_much_stays_away_for_a_while(exc):
    assert judge(exc) == Lost(State.OFFLINE, "4429 too many", stays_away=True)


def test_a_process_that_leaves_is_told_from_a_network_that_breaks():
    assert judge(closed(1012, "leaving")) == Lost(State.DRAINING, "leaving")


FOR_GOOD = [
    (closed(4400), BadRequest),
    (closed(4401), InvalidToken),
    (closed(4403), NotAllowed),
    (closed(4404), NoSuchCall),
    (status(400), BadRequest),
    (status(401), InvalidToken),
    (status(403), NotAllowed),
]


@pytest.mark.parametrize("was_there", [False, True])
@pytest.mark.parametrize(("exc", "kind"), FOR_GOOD)
def test_what_the_service_refuses_is_for_good(exc, kind, was_there):
    assert type(judge(exc, was_there=was_there)) is kind


STRANGERS = [
    (status(302), NotPartyline),
    (status(404), NotPartyline),
    (InvalidMessage("SSH"), NotPartyline),
    (InvalidHandshake("no upgrade"), NotPartyline),
    (InvalidURI("https://h", "no websocket"), NotPartyline),
    (NotPartyline("it says hello"), NotPartyline),
    (ConnectionClosedError(None, Close(1007, "")), NotPartyline),
    (socket.gaierror(socket.EAI_NONAME, "no such host"), Unreachable),
    (ssl.SSLCertVerificationError("not trusted"), Unreachable),
]


@pytest.mark.parametrize(("exc", "kind"), STRANGERS)
def test_who_never_was_the_service_is_not_asked_again_and_who_was_is(exc, kind):
    assert type(judge(exc)) is kind
    verdict = judge(exc, was_there=True)
    assert isinstance(verdict, Lost)
    assert (verdict.state, bool(verdict.reason)) == (State.OFFLINE, True)
