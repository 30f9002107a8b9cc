"""handler/subscribers/http.py: how errors are answered where there is no socket to close."""

import asyncio

import pytest

from broker.broker import Broker
from broker.settings import BrokerSettings
from handler.config import Settings
from handler.errors import (
    AlreadyComplete,
    AtCapacity,
    CallRefused,
    EndCode,
    Forbidden,
    InvalidToken,
    SettingsError,
    SubscriberError,
    TooSlow,
)
from handler.subscribers.access import Access
from handler.subscribers.admission import Subscribers
from handler.subscribers.calls_list import CallsList
from handler.subscribers.http import refusal


def subscribers(*, on_fly: bool = False) -> Subscribers:
    settings = Settings(on_fly=on_fly)
    broker = Broker(BrokerSettings(servers=("nats://127.0.0.1:1",), instance="tests"))
    lists = CallsList(broker.registry)
    return Subscribers(settings, broker, lists, Access(settings), asyncio.Event())


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (InvalidToken("expired"), 401, b"unauthorized\n"),  # the reason is for the log
        (Forbidden("host"), 403, b"forbidden\n"),
        (AlreadyComplete(), 204, b""),
        (AtCapacity("draining"), 503, b"draining\n"),
        (SubscriberError(EndCode.BAD_REQUEST, "since is too large"), 400, b"since is too large\n"),
        (SubscriberError(EndCode.TOKEN, "token expired"), 401, b"token expired\n"),
        (SubscriberError(EndCode.LEAVING, "draining"), 503, b"draining\n"),
        (CallRefused(EndCode.NO_SUCH_CALL, "no such call"), 404, b"no such call\n"),
        (CallRefused(EndCode.FORBIDDEN, "never"), 403, b"never\n"),
        (TooSlow(7), 400, b"too slow: come back with since=7\n"),
    ],
)
def test_an_error_has_one_answer(error, status, body):
    answer = refusal(error, subscribers())
    assert (answer.status_code, answer.body) == (status, body)


def test_who_finds_no_room_is_told_where_to_ask():
    answer = refusal(AtCapacity("no room here"), subscribers())
    assert answer.headers["retry-after"] == "2"
    answer = refusal(AtCapacity("no room here"), subscribers(on_fly=True))
    assert answer.headers["fly-replay"] == "elsewhere=true"


def test_an_error_that_is_no_subscribers_goes_on():
    with pytest.raises(SettingsError):
        refusal(SettingsError("PORT", "taken"), subscribers())


def test_a_close_code_is_written_as_a_number():
    assert str(SubscriberError(EndCode.TOKEN, "token expired")) == "4401 token expired"
    assert TooSlow().reason == "too slow: come back with since"
