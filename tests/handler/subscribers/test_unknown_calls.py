"""handler/subscribers/unknown_calls.py: calls that subscribers ask for and nobody knows."""

import contextlib

import pytest

from handler.errors import CallRefused, EndCode
from handler.subscribers.places import Places
from handler.subscribers.unknown_calls import UnknownCalls


def test_so_many_are_waited_for_then_it_is_said_what_else_to_do():
    unknown = UnknownCalls(Places(in_all=3, each=2))
    with unknown.place("a", "1"), unknown.place("a", "2"):
        with pytest.raises(CallRefused) as caught, unknown.place("a", "3"):
            pass
        assert caught.value.code == EndCode.TOO_MUCH
        assert "for its number" in caught.value.reason
        with unknown.place("b", "3"), pytest.raises(CallRefused), unknown.place("c", "4"):
            pass
        assert len(unknown) == 2
    assert len(unknown) == 0


def test_all_who_wait_for_the_same_call_need_one_place_until_the_last_has_left():
    unknown = UnknownCalls(Places(in_all=1, each=1))
    first, second = contextlib.ExitStack(), contextlib.ExitStack()
    first.enter_context(unknown.place("a", "1"))
    second.enter_context(unknown.place("a", "1"))
    first.close()
    with pytest.raises(CallRefused), unknown.place("a", "2"):
        pass
    second.close()
    with unknown.place("a", "2"):
        assert len(unknown) == 1
