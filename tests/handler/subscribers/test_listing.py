"""handler/subscribers/listing.py: the list of live calls, as each token sees it."""

import json
import random

import pytest
from support.sids import account_sid, call_sid

from broker.entries import CallEntry
from handler.subscribers.listing import Listing, Rights
from handler.tokens.grants import EVERYTHING, Grant

ONE, TWO, THREE = (call_sid(number) for number in (1, 2, 3))
A, B, C = "+15550001111", "+15550002222", "+15550003333"
ALL = Rights.of(EVERYTHING)


def entry(call_sid: str, from_=None, to=None, started_at: int = 5, **changes) -> CallEntry:
    return CallEntry(
        **{
            "call_sid": call_sid,
            "account_sid": account_sid(1),
            "from_": from_,
            "to": to,
            "direction": "inbound",
            "started_at": started_at,
            "epoch": "i-1",
            "owner": "i",
            **changes,
        }
    )


def by_sid(*entries: CallEntry) -> dict[str, CallEntry]:
    return {one.call_sid: one for one in entries}


def rights(*, calls=(), numbers=()) -> Rights:
    return Rights.of(Grant(frozenset(calls), frozenset(numbers), 0.0, "somebody"))


def sids(listing: Listing, seen_by: Rights) -> list[str]:
    return [call.call_sid for call in listing.visible(seen_by)]


def test_the_message_is_what_the_protocol_says():
    listing = Listing()
    assert listing.message(ALL) == b'{"type":"Calls","calls":[]}'
    listing.update(by_sid(entry(ONE, A), entry(TWO, None, "é", 4, state="waiting")))
    assert json.loads(listing.message(ALL)) == {
        "type": "Calls",
        "calls": [
            {
                "callSid": TWO,
                "from": None,
                "to": "é",
                "direction": "inbound",
                "startedAt": 4,
                "state": "waiting",
            },
            {
                "callSid": ONE,
                "from": A,
                "to": None,
                "direction": "inbound",
                "startedAt": 5,
                "state": "live",
            },
        ],
    }


def test_what_an_application_said_of_a_call_is_seen_by_those_who_see_the_call():
    named = entry(ONE, A, caller_name="Ana", callee_name="<b>", metadata={"order": B})
    listing = Listing()
    listing.update(by_sid(named, entry(TWO, B)))
    [one, two] = json.loads(listing.message(ALL))["calls"]
    assert one | {"callerName": "Ana", "calleeName": "<b>", "metadata": {"order": B}} == one
    assert not {"callerName", "calleeName", "metadata"} & two.keys()
    # A number among it opens nothing.
    assert b"Ana" not in listing.message(rights(numbers=[B]))
    assert b"Ana" not in listing.message(rights(calls=[TWO]))
    assert b"Ana" in listing.message(rights(numbers=[A]))


def test_a_call_that_is_named_otherwise_is_told_anew():
    listing = Listing()
    listing.update(by_sid(entry(ONE, A)))
    assert listing.update(by_sid(entry(ONE, A, metadata={"order": "7"}))) == {ONE: {ONE, A, "*"}}


CALLS = by_sid(entry(ONE, A, B, 3), entry(TWO, B, C, 2), entry(THREE, None, None, 1))


@pytest.mark.parametrize(
    ("seen_by", "expected"),
    [
        (ALL, [THREE, TWO, ONE]),
        (rights(calls=["*"], numbers=[A]), [THREE, TWO, ONE]),
        (rights(calls=[THREE, ONE]), [THREE, ONE]),
        (rights(calls=[call_sid(9)]), []),
        (rights(numbers=[A]), [ONE]),
        (rights(numbers=[B]), [TWO, ONE]),
        (rights(calls=[THREE], numbers=[A, C]), [THREE, TWO, ONE]),
        (rights(numbers=["+19990000000"]), []),
    ],
)
def test_a_token_sees_its_calls_oldest_first(seen_by, expected):
    listing = Listing()
    listing.update(CALLS)
    assert sids(listing, seen_by) == expected
    assert [c["callSid"] for c in json.loads(listing.message(seen_by))["calls"]] == expected


def test_calls_of_the_same_moment_stand_in_the_order_of_their_names():
    listing = Listing()
    listing.update(by_sid(entry(TWO), entry(ONE)))
    assert sids(listing, ALL) == [ONE, TWO]


@pytest.mark.parametrize("name", [ONE, "*", "client:ana", "+0"])
def test_what_stands_in_a_numbers_place_and_is_none_grants_nothing(name):
    listing = Listing()
    listing.update(by_sid(entry(TWO, name, name)))
    assert sids(listing, rights(calls=[ONE], numbers=[A])) == []
    assert sids(listing, Rights(frozenset({name}))) == ([TWO] if name == "*" else [])


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ([], [entry(ONE, A, B)], {ONE: {"*", ONE, A, B}}),
        ([entry(ONE, A, B)], [], {ONE: {"*", ONE, A, B}}),
        ([entry(ONE, A)], [entry(ONE, A)], {}),
        ([entry(ONE, A)], [entry(ONE, A, state="waiting")], {ONE: {"*", ONE, A}}),
        ([entry(ONE, A)], [entry(ONE, B)], {ONE: {"*", ONE, A, B}}),
        ([entry(ONE, A), entry(TWO, B)], [entry(ONE, A), entry(TWO, C)], {TWO: {"*", TWO, B, C}}),
        ([entry(ONE, A)], [entry(TWO, A)], {ONE: {"*", ONE, A}, TWO: {"*", TWO, A}}),
        ([entry(ONE, A)], [entry(ONE, A, epoch="i-2", covered={"inbound": 1.0})], {}),
    ],
)
def test_whose_list_is_another_one_and_by_which_call(before, after, changed):
    listing = Listing()
    listing.update(by_sid(*before))
    assert listing.update(by_sid(*after)) == changed
    assert listing.update(by_sid(*after)) == {}


def test_what_is_not_shown_is_known_all_the_same():
    listing = Listing()
    listing.update(by_sid(entry(ONE)))
    listing.update(by_sid(entry(ONE, epoch="i-2")))
    assert [call.epoch for call in listing.visible(ALL)] == ["i-2"]
    assert listing.get(ONE).epoch == "i-2"
    assert listing.get(TWO) is None


def test_after_any_changes_the_list_is_that_of_a_fresh_one():
    source = random.Random(1)
    listing = Listing()
    live: dict[str, CallEntry] = {}
    for _ in range(300):
        sid = call_sid(source.randrange(12))
        if source.random() < 0.4:
            live.pop(sid, None)
        else:
            from_, to = (source.choice([A, B, C, None, "x"]) for _ in range(2))
            state = source.choice(["live", "waiting"])
            live[sid] = entry(sid, from_, to, source.randrange(4), state=state)
        listing.update(live)
        fresh = Listing()
        fresh.update(live)
        for seen_by in (ALL, rights(numbers=[A]), rights(calls=[ONE], numbers=[B, C])):
            assert listing.message(seen_by) == fresh.message(seen_by)
