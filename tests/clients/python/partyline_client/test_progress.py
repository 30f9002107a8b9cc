"""clients/python/partyline_client/progress.py: how far a reader is."""

import json
from typing import Any

import pytest
from support.messages import (
    CALL,
    Body,
    ended,
    error,
    final,
    interim,
    message,
    over,
    record,
    started,
)
from support.sids import call_sid

from partyline_client import progress
from partyline_client.errors import NotAllowed, TooMuch
from partyline_client.progress import (
    MAX_RESUMED,
    CallsOfNumber,
    ListOfCalls,
    OneCall,
    Progress,
    Step,
)

OTHER = call_sid(2)
NUMBER = "+15550100001"
ASKS_NUMBER = {"subscribe": NUMBER, "interim": True}


def begin(reader: Progress, *live: str) -> list[Body]:
    return [json.loads(text) for text in reader.begin(live)]


def asked(call: str, since: Any, *, interim: bool = True) -> Body:
    return {"subscribe": call, "since": since, "interim": interim}


def subscribed(call: str = CALL, last: int = 0) -> Body:
    numbers = {"from": None, "to": NUMBER}
    return {"type": "Subscribed", "callSid": call, **numbers, "first": 1, "last": last}


def expired(first: int, call: str = CALL) -> Body:
    return {"type": "Expired", "callSid": call, "first": first}


def delivered(reader: Progress, *bodies: Body) -> list[bool]:
    return [reader.receive(message(body)).deliver for body in bodies]


def test_a_call_is_asked_for_from_where_the_reader_is():
    reader = OneCall(CALL, since=1, interim=False)
    assert begin(reader) == [asked(CALL, 1, interim=False)]
    assert delivered(reader, final("a", 2), final("b", 3)) == [True, True]
    assert begin(reader) == [asked(CALL, 3, interim=False)]


def test_what_comes_again_is_passed_over():
    reader = OneCall(CALL)
    assert delivered(reader, started(), final("a", 2)) == [True, True]
    assert delivered(reader, started(), final("a", 2), final("b", 3)) == [False, False, True]


def test_a_record_that_is_not_understood_counts_as_one():
    reader = OneCall(CALL)
    assert delivered(reader, record("Translation", 1), record("Translation", 1)) == [True, False]
    assert delivered(reader, {"type": "Weather", "callSid": CALL}) == [True]
    assert begin(reader) == [asked(CALL, 1)]


def test_who_skips_the_past_skips_nothing_later():
    reader = OneCall(CALL, since=None)
    assert begin(reader) == [asked(CALL, "live")]
    assert begin(reader) == [asked(CALL, "live")]
    assert delivered(reader, subscribed(last=7)) == [True]
    assert begin(reader) == [asked(CALL, 7)]


def test_what_is_no_longer_kept_is_not_asked_for():
    reader = OneCall(CALL)
    assert delivered(reader, expired(5)) == [True]
    assert begin(reader) == [asked(CALL, 4)]
    assert delivered(reader, expired(3), final("a", 5)) == [False, True]
    assert begin(reader) == [asked(CALL, 5)]


def test_an_interim_never_comes_behind_the_final_that_takes_its_place():
    reader = OneCall(CALL)
    said = final("Yes.", 2, start=1.0, duration=1.0)
    stale, newer = interim("Ye", after=1, start=1.0), interim("And", after=1, start=2.0)
    later, other = interim("An", after=2, start=1.5), interim("Oh", after=1, track="outbound")
    assert delivered(reader, stale, said, stale) == [True, True, False]
    assert delivered(reader, newer, later, other) == [True, True, True]


def test_a_call_that_is_over_ends_it_and_one_that_has_ended_does_not():
    reader = OneCall(CALL)
    assert reader.receive(message(ended(1))) == Step(True)
    assert reader.receive(message(over(1))) == Step(True, over=True)


def test_a_leg_is_read_by_its_own_name():
    reader = OneCall(OTHER)
    assert delivered(reader, subscribed(OTHER) | {"parentCallSid": CALL}, started()) == [True, True]
    assert begin(reader) == [asked(OTHER, 1)]


def test_a_refusal_of_the_call_is_raised_and_one_of_the_socket_is_told_by_its_close():
    reader = OneCall(CALL)
    with pytest.raises(NotAllowed, match="4403 no longer"):
        reader.receive(message(error(4403, "no longer")))
    assert delivered(reader, error(4401, "expired", call=None)) == [False]


def test_of_a_number_those_calls_are_resumed_first_that_may_have_ended():
    reader = CallsOfNumber(NUMBER)
    assert begin(reader, CALL) == [ASKS_NUMBER]
    third = call_sid(3)
    bodies = [started(), final("a", 2), started(call=OTHER), started(call=third), over(1, third)]
    assert delivered(reader, *bodies) == [True] * 5
    assert begin(reader, CALL) == [asked(OTHER, 1), asked(CALL, 2), ASKS_NUMBER]
    assert delivered(reader, started(), final("a", 2), final("b", 3)) == [False, False, True]


def test_a_call_of_a_number_that_goes_on_is_resumed_again():
    reader = CallsOfNumber(NUMBER)
    delivered(reader, started(), ended(2), over(2))
    assert begin(reader) == [ASKS_NUMBER]
    assert delivered(reader, subscribed(last=3), started(), final("a", 3)) == [True, False, True]
    assert begin(reader) == [asked(CALL, 3), ASKS_NUMBER]


def test_a_call_of_a_number_that_cannot_be_read_ends_itself_alone():
    reader = CallsOfNumber(NUMBER)
    assert delivered(reader, started(), started(call=OTHER), error(4403, "no")) == [True] * 3
    assert begin(reader) == [asked(OTHER, 1), ASKS_NUMBER]


def test_a_call_of_a_number_that_cannot_be_asked_for_now_is_asked_for_by_another_connection():
    reader = CallsOfNumber(NUMBER)
    delivered(reader, started(), started(call=OTHER))
    begin(reader)
    with pytest.raises(TooMuch):
        reader.receive(message(error(4429, "too many are waited for")))
    assert begin(reader) == [asked(OTHER, 1), asked(CALL, 1), ASKS_NUMBER]


def test_of_what_has_expired_is_told_once():
    reader = CallsOfNumber(NUMBER)
    assert delivered(reader, expired(4), final("a", 4)) == [True, True]
    begin(reader)  # there may be no room to ask for it: then its number begins it from the first
    assert delivered(reader, expired(4), final("a", 4), expired(7)) == [False, False, True]


def test_of_more_calls_than_there_is_room_for_one_follows_the_other():
    reader = CallsOfNumber(NUMBER)
    calls = [call_sid(number) for number in range(1, MAX_RESUMED + 4)]
    delivered(reader, *(started(call=call) for call in calls))
    commands = begin(reader)
    newest_first = calls[::-1]
    assert [one["subscribe"] for one in commands] == [*newest_first[:MAX_RESUMED], NUMBER]
    waiting = newest_first[MAX_RESUMED:]
    # The number has begun one of them by itself; the first that is over makes room for another.
    assert reader.receive(message(subscribed(waiting[0]))).say == ()
    said = [reader.receive(message(over(1, call))).say for call in newest_first[:3]]
    expected = [asked(waiting[1], 1), asked(waiting[2], 1)]
    assert [json.loads(text) for texts in said for text in texts] == expected


def test_calls_that_are_over_are_forgotten_in_the_end(monkeypatch):
    monkeypatch.setattr(progress, "MAX_REMEMBERED", 1)
    reader = CallsOfNumber(NUMBER)
    delivered(reader, started(), over(1), started(call=OTHER), over(1, OTHER))
    assert delivered(reader, started(), started(call=OTHER)) == [True, False]


def test_what_is_of_no_call_is_for_a_reader_of_a_number_only_if_it_is_new_to_us():
    reader = CallsOfNumber(NUMBER)
    bodies: list[Body] = [{"type": "Weather"}, {"type": "Token", "exp": 7}, error(4401, "x", None)]
    assert delivered(reader, *bodies) == [True, False, False]


def test_the_list_is_asked_for_and_nothing_else_is_taken():
    reader = ListOfCalls()
    assert begin(reader) == [{"list": True}]
    assert delivered(reader, {"type": "Calls", "calls": []}, error(4401, "x", None)) == [
        True,
        False,
    ]
