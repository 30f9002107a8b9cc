"""handler/subscribers/commands.py: what a subscriber may say."""

import json
from collections.abc import Collection

import pytest
from support.sids import call_sid

from handler.errors import EndCode, SubscriberError
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
        '{"list":false}',
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
    with pytest.raises(SubscriberError) as caught:
        commands.parse(text)
    assert caught.value.code == EndCode.BAD_REQUEST


def test_a_number_whose_plus_became_a_blank_is_read():
    assert commands.number(" 15551230000") == "+15551230000"


@pytest.mark.parametrize(
    ("query", "command"),
    [
        ({}, None),
        ({"since": "3"}, None),
        ({"call": CALL}, Subscribe(CALL, plain=True)),
        ({"call": CALL, "since": "12", "interim": "false"}, Subscribe(CALL, 12, False, True)),
        ({"call": CALL, "since": "live"}, Subscribe(CALL, None, plain=True)),
        ({"number": "+15551230000"}, SubscribeNumber("+15551230000")),
        ({"number": " 15551230000", "interim": "false"}, SubscribeNumber("+15551230000", False)),
        ({"call": CALL, "number": "+1x"}, Subscribe(CALL, plain=True)),
        ({"call": "", "number": "+15551230000"}, SubscribeNumber("+15551230000")),
    ],
)
def test_what_the_query_of_a_socket_subscribes_to(query, command):
    assert commands.from_query(query) == command


@pytest.mark.parametrize(
    ("query", "last_id", "command"),
    [
        ({}, "", Subscribe(CALL)),
        ({"since": "3", "interim": "false"}, "", Subscribe(CALL, 3, interim=False)),
        ({"since": "3"}, "7", Subscribe(CALL, 7)),
        ({"since": "3", "lastEventId": "7"}, "", Subscribe(CALL, 7)),
        ({"Last-Event-ID": "7"}, "", Subscribe(CALL, 7)),
        ({"last_event_id": "7"}, "", Subscribe(CALL, 7)),
        ({"since": "3", "lastEventId": "7"}, "9", Subscribe(CALL, 9)),
        ({"since": "3", "lastEventId": ""}, "", Subscribe(CALL, 3)),
        ({"since": "live"}, "", Subscribe(CALL, None)),
    ],
)
def test_what_a_request_for_events_asks_for(query, last_id, command):
    assert commands.subscribe_from_query(CALL, query, last_id) == command


@pytest.mark.parametrize(
    ("query", "last_id", "name"),
    [
        ({"since": "3"}, "x", "Last-Event-ID"),
        ({"since": "3"}, "-1", "Last-Event-ID"),
        ({}, "99999999999", "Last-Event-ID"),
        ({"lastEventId": "3.5"}, "", "lastEventId"),
        ({"since": ""}, "", "since"),
    ],
)
def test_a_position_that_cannot_be_read_is_named_as_it_was_given(query, last_id, name):
    with pytest.raises(SubscriberError) as caught:
        commands.subscribe_from_query(CALL, query, last_id)
    assert caught.value.code == EndCode.BAD_REQUEST
    assert caught.value.reason.startswith(f"{name} is ")


@pytest.mark.parametrize(
    "query",
    [
        {"call": "CA"},
        {"number": "1"},
        {"call": CALL, "since": "x"},
        {"since": "99999999999"},
        {"since": str(2**32 + 1)},
    ],
)
def test_a_query_that_cannot_be_read_is_answered_with_400(query):
    with pytest.raises(SubscriberError) as caught:
        commands.from_query(query)
    assert caught.value.code == EndCode.BAD_REQUEST


ALL = (
    commands.OF_SOCKET,
    commands.OF_LIST,
    commands.OF_CALLS,
    commands.OF_EVENTS,
    commands.OF_TRANSCRIPT,
)


@pytest.mark.parametrize("known", ALL, ids=str)
@pytest.mark.parametrize(
    "name",
    [
        *("cal", "calls", "callSid", "call_sid", "CALL", "caall"),
        *("numbr", "Number", "numbers", "nummer"),
        *("sinse", "sinc", "Since", "snice"),
        *("interims", "interrim", "intermi", "INTERIM"),
        *("folow", "follows", "Follow", "follow ", "folow\x1b"),
        *("inbund", "in_bound", "outbond", "out-bound"),
        *("tokn", "Token", "tokens"),
    ],
)
def test_a_misspelt_name_in_a_query_is_refused_in_words_that_name_those_known_here(name, known):
    with pytest.raises(SubscriberError) as caught:
        commands.check_names(["token", name], known)
    assert caught.value.code == EndCode.BAD_REQUEST
    assert caught.value.reason.isprintable()
    assert caught.value.reason.endswith(": " + ", ".join((*known, "token")))


@pytest.mark.parametrize("known", ALL, ids=str)
def test_a_name_that_says_something_elsewhere_alone_is_refused(known):
    for name in {name for names in ALL for name in names} - {"lastEventId"}:
        if name in known:
            commands.check_names([name], known)
        else:
            with pytest.raises(SubscriberError):
                commands.check_names([name], known)


def is_let_be(names: list[str], known: Collection[str]) -> bool:
    try:
        commands.check_names(names, known)
    except SubscriberError:
        return False
    return True


@pytest.mark.parametrize("known", ALL, ids=str)
@pytest.mark.parametrize(
    "name",
    [
        *("_", "", "t", "ts", "v", "cb", "rnd", "nocache", "cachebust", "timestamp", "callback"),
        *("utm_source", "utm_medium", "utm_campaign", "fbclid", "gclid", "msclkid", "ref"),
        *("auth", "key", "sig", "session", "X-Amz-Signature", "access_token", "id", "trace"),
        *("lastEventId", "Last-Event-ID", "last_event_id", "x" * 9000, "sinse" * 5, "\x1b"),
    ],
)
def test_a_name_that_others_add_is_let_be(name, known):
    assert is_let_be([name], known)


def test_of_many_names_no_more_are_looked_at_than_is_cheap():
    names = [*(f"x{number}" for number in range(40)), "sinse"]
    assert is_let_be(names, commands.OF_EVENTS)


@pytest.mark.parametrize("value", ["flase", "", "0", "False"])
def test_a_misspelt_value_is_refused_too(value):
    for read in (commands.from_query, lambda query: commands.subscribe_from_query(CALL, query)):
        with pytest.raises(SubscriberError, match="interim is true or false"):
            read({"interim": value})
