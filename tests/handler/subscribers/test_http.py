"""handler/subscribers/http.py: how errors are answered where there is no socket to close."""

import pytest

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
from handler.subscribers.http import UNAUTHORIZED, refusal


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (InvalidToken("expired"), 401, UNAUTHORIZED.encode()),  # the reason is for the log
        (Forbidden(), 403, b"forbidden: the token can never see this call\n"),
        (AlreadyComplete(), 204, b""),
        (AtCapacity("draining"), 503, b"draining\n"),
        (SubscriberError(EndCode.BAD_REQUEST, "since is too large"), 400, b"since is too large\n"),
        (SubscriberError(EndCode.TOKEN, "token expired"), 401, b"token expired\n"),
        (SubscriberError(EndCode.LEAVING, "draining"), 503, b"draining\n"),
        (CallRefused(EndCode.NO_SUCH_CALL, "no such call"), 404, b"no such call\n"),
        (SubscriberError(EndCode.TOO_MUCH, "close one"), 429, b"close one\n"),
        (CallRefused(EndCode.FORBIDDEN, "never"), 403, b"never\n"),
        (TooSlow(7), 400, b"too slow: come back with since=7\n"),
    ],
)
def test_an_error_has_one_answer(make_subscribers, error, status, body):
    answer = refusal(error, make_subscribers())
    assert (answer.status_code, answer.body) == (status, body)


def test_who_finds_no_room_is_told_where_to_ask(make_subscribers):
    answer = refusal(AtCapacity("no room here"), make_subscribers())
    assert answer.headers["retry-after"] == "2"
    answer = refusal(AtCapacity("no room here"), make_subscribers(on_fly=True))
    assert answer.headers["fly-replay"] == "elsewhere=true"


def test_who_asks_for_too_much_is_told_when_to_come_back(make_subscribers):
    answer = refusal(SubscriberError(EndCode.TOO_MUCH, "close one"), make_subscribers())
    assert answer.headers["retry-after"] == "2"


def test_an_error_that_is_no_subscribers_goes_on(make_subscribers):
    with pytest.raises(SettingsError):
        refusal(SettingsError("PORT", "taken"), make_subscribers())


def test_a_close_code_is_written_as_a_number():
    assert str(SubscriberError(EndCode.TOKEN, "token expired")) == "4401 token expired"
    assert TooSlow().reason == "too slow: come back with since"
