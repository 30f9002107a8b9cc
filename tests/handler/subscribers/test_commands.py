"""handler/subscribers/commands.py: what a subscriber may say."""

import json

import pytest
from support.sids import call_sid

from handler.errors import SocketOver
from handler.subscribers import commands
from handler.subscribers.commands import ListCalls, Renew, Subscribe, SubscribeNumber, Unsubscribe

CALL = call_sid(1)


def test_a_bare_call_sid_as_typed_by_hand_is_a_plain_subscription():
    assert commands.parse(f"{CALL}\n") == Subscribe(CALL, plain=True)


@pytest.mark.parametrize(
    ("message", "command"),
    [
        ({"subscribe": CALL}, Subscribe(CALL)),
        ({"subscribe": CALL, "since": 12, "interim": False}, Subscribe(CALL, 12, interim=False)),
        ({"subscribe": CALL, "since": "live"}, Subscribe(CALL, None)),
        ({"subscribe": "+15551230000"}, SubscribeNumber("+15551230000")),
        ({"unsubscribe": CALL}, Unsubscribe(CALL)),
        ({"list": True}, ListCalls()),
        ({"token": "eyJ"}, Renew("eyJ")),
    ],
)
def test_json_commands(message, command):
    assert commands.parse(json.dumps(message)) == command


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        ">",
        CALL[:-1],
        CALL + ">",
        "{",
        "{}",
        '{"subscribe":"*"}',
        '{"subscribe":"CA*"}',
        '{"subscribe":"+1*"}',
        '{"subscribe":["a"]}',
        json.dumps({"subscribe": CALL, "since": -1}),
        json.dumps({"subscribe": CALL, "since": 1.5}),
        json.dumps({"subscribe": CALL, "since": 2**40}),
        json.dumps({"subscribe": CALL, "since": "soon"}),
        json.dumps({"subscribe": CALL, "list": True}),
        json.dumps({"subscribe": CALL, "unknown": True}),
        '{"token":"' + "x" * 20_000 + '"}',
        '{"a":' * 5_000,
    ],
)
def test_anything_else_ends_the_socket_with_4400(text):
    with pytest.raises(SocketOver) as caught:
        commands.parse(text)
    assert caught.value.close_code == 4400


def test_a_number_whose_plus_became_a_blank_is_read():
    assert commands.number(" 15551230000") == "+15551230000"
