"""handler/subscribers/subscriptions.py: which calls a socket follows, and why."""

import pytest
from support.sids import call_sid

from handler.errors import EndCode, SubscriberError
from handler.subscribers.subscriptions import MAX_SUBSCRIPTIONS, Subscriptions

ONE, TWO = (call_sid(number) for number in (1, 2))
A, B = "+15550001111", "+15550002222"


def see(subscriptions: Subscriptions, number: str, allowed: list[str]) -> list[str]:
    """Look at all calls that there are."""
    return subscriptions.see(number, {ONE, TWO, *allowed}, allowed)


def test_a_number_begins_each_of_its_calls_once():
    subscriptions = Subscriptions()
    assert subscriptions.ask_number(A)
    assert not subscriptions.ask_number(A)
    assert see(subscriptions, A, [ONE]) == [ONE]
    assert see(subscriptions, A, [ONE, TWO]) == [TWO]
    assert see(subscriptions, A, [ONE, TWO]) == []


def test_a_call_that_ended_begins_again_only_when_it_has_left_the_list_and_come_back():
    subscriptions = Subscriptions()
    subscriptions.ask_number(A)
    see(subscriptions, A, [ONE])
    subscriptions.end(ONE)
    assert see(subscriptions, A, [ONE]) == []
    assert see(subscriptions, A, []) == []
    assert see(subscriptions, A, [ONE]) == [ONE]


def test_calls_that_are_not_looked_at_are_as_they_were():
    subscriptions = Subscriptions()
    subscriptions.ask_number(A)
    assert subscriptions.see(A, [ONE], [ONE]) == [ONE]
    assert subscriptions.see(A, [TWO], [TWO]) == [TWO]
    subscriptions.end(ONE)
    assert subscriptions.see(A, [TWO], []) == []
    assert subscriptions.see(A, [ONE], [ONE]) == []  # it never left the list
    assert ONE not in subscriptions
    assert TWO in subscriptions  # until its own end is told


def test_a_call_that_is_unsubscribed_by_itself_stays_so_beside_its_number():
    subscriptions = Subscriptions()
    subscriptions.ask_number(A)
    see(subscriptions, A, [ONE])
    assert subscriptions.drop(ONE) == [ONE]
    assert see(subscriptions, A, [ONE]) == []


def test_a_call_that_was_asked_for_is_not_begun_and_not_ended_by_its_number():
    subscriptions = Subscriptions()
    subscriptions.ask_number(A)
    subscriptions.ask_call(ONE)
    assert see(subscriptions, A, [ONE, TWO]) == [TWO]
    assert subscriptions.drop(A) == [TWO]
    assert ONE in subscriptions
    assert TWO not in subscriptions


def test_a_call_that_a_number_began_is_kept_once_it_is_asked_for():
    subscriptions = Subscriptions()
    subscriptions.ask_number(A)
    see(subscriptions, A, [ONE])
    subscriptions.ask_call(ONE)
    assert subscriptions.drop(A) == []
    assert ONE in subscriptions


def test_a_call_of_two_numbers_ends_with_the_last_of_them():
    subscriptions = Subscriptions()
    for number in (A, B):
        subscriptions.ask_number(number)
    assert see(subscriptions, A, [ONE]) == [ONE]
    assert see(subscriptions, B, [ONE]) == []
    assert subscriptions.drop(A) == []
    assert subscriptions.drop(B) == [ONE]


def test_a_number_that_is_asked_for_again_begins_its_calls_again():
    subscriptions = Subscriptions()
    for _ in range(2):
        subscriptions.ask_number(A)
        assert see(subscriptions, A, [ONE]) == [ONE]
        assert subscriptions.drop(A) == [ONE]
    assert see(subscriptions, A, [ONE]) == []  # it is followed no longer


def test_what_nobody_follows_ends_nothing():
    subscriptions = Subscriptions()
    for target in (ONE, A, "list"):
        assert subscriptions.drop(target) == []
    subscriptions.end(ONE)


def is_empty(subscriptions: Subscriptions) -> bool:
    return subscriptions.empty  # asked anew each time


def test_nothing_is_left_when_all_has_ended():
    subscriptions = Subscriptions()
    assert is_empty(subscriptions)
    subscriptions.ask_call(ONE)
    assert not is_empty(subscriptions)
    subscriptions.end(ONE)
    assert is_empty(subscriptions)
    subscriptions.ask_number(A)
    assert not is_empty(subscriptions)
    subscriptions.drop(A)
    assert subscriptions.ask_list()
    assert not subscriptions.ask_list()
    assert not is_empty(subscriptions)


def full() -> Subscriptions:
    subscriptions = Subscriptions()
    subscriptions.ask_list()
    subscriptions.ask_number(A)
    for number in range(MAX_SUBSCRIPTIONS - 2):
        subscriptions.ask_call(call_sid(number))
    return subscriptions


@pytest.mark.parametrize("ask", [lambda s: s.ask_call(call_sid(10**6)), lambda s: s.ask_number(B)])
def test_no_more_may_be_asked_for_than_there_is_room_for(ask):
    with pytest.raises(SubscriberError) as caught:
        ask(full())
    assert caught.value.code == EndCode.TOO_MUCH


def test_nor_the_list():
    subscriptions = Subscriptions()
    for number in range(MAX_SUBSCRIPTIONS):
        subscriptions.ask_call(call_sid(number))
    with pytest.raises(SubscriberError):
        subscriptions.ask_list()


def test_what_is_followed_already_needs_no_room_and_what_a_number_begins_does_not_count():
    subscriptions = full()
    begun = [call_sid(number) for number in range(1000, 1200)]
    assert see(subscriptions, A, begun) == begun
    subscriptions.ask_call(call_sid(0))
    assert not subscriptions.ask_number(A)
    assert not subscriptions.ask_list()
    with pytest.raises(SubscriberError):
        subscriptions.ask_call(begun[0])  # by name there is no room for it


def test_a_call_that_is_asked_for_counts_no_more_once_its_number_is_followed():
    """Who comes back asks for the calls that it had by name, to go on where it was."""
    subscriptions = Subscriptions()
    had = [call_sid(number) for number in range(MAX_SUBSCRIPTIONS - 1)]
    for one in had:
        subscriptions.ask_call(one)
    subscriptions.ask_number(A)
    with pytest.raises(SubscriberError):
        subscriptions.ask_call(call_sid(10**6))
    assert see(subscriptions, A, had) == []
    subscriptions.ask_call(call_sid(10**6))
    subscriptions.drop(A)
    with pytest.raises(SubscriberError):
        subscriptions.ask_call(call_sid(10**6 + 1))


def test_calls_that_have_ended_take_no_room():
    subscriptions = Subscriptions()
    for number in range(MAX_SUBSCRIPTIONS):
        subscriptions.ask_call(call_sid(number))
    with pytest.raises(SubscriberError):
        subscriptions.ask_number(A)
    subscriptions.ended = {call_sid(7)}
    assert subscriptions.ask_number(A)
    with pytest.raises(SubscriberError):
        subscriptions.ask_number(B)
    assert call_sid(7) in subscriptions
