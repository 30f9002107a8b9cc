"""handler/server/places.py: how many may be connected, by the descriptors there are."""

import pytest

from handler.server.places import MAX_LOBBY, OWN, PER_CALL, Places, needed, share


def test_where_there_is_room_the_settings_rule():
    assert share(20_000, 100, 5000) == Places(calls=100, subscribers=5000, lobby=MAX_LOBBY)


@pytest.mark.parametrize("calls", [7, 100, 10_000])
@pytest.mark.parametrize("subscribers", [50, 5000, 100_000])
def test_what_is_said_to_be_needed_is_enough(calls, subscribers):
    places = share(needed(calls, subscribers), calls, subscribers)
    assert (places.calls, places.subscribers) == (calls, subscribers)
    fewer = share(needed(calls, subscribers) - 2, calls, subscribers)
    assert (fewer.calls, fewer.subscribers) != (calls, subscribers)


@pytest.mark.parametrize("descriptors", [128, 256, 1024, 4096, 10_000])
@pytest.mark.parametrize("calls", [1, 100, 10_000])
def test_no_kind_takes_what_another_may_open(descriptors, calls):
    places = share(descriptors, calls, 100_000)
    taken = places.calls * PER_CALL + places.subscribers + places.lobby + OWN
    assert taken == descriptors
    assert places.calls == min(calls, (descriptors - OWN) // 2 // PER_CALL)
    assert places.lobby >= 16
    assert places.subscribers >= 16


def test_with_hardly_any_there_is_still_a_call_and_a_reader():
    assert share(10, 100, 5000) == Places(calls=2, subscribers=4, lobby=4)
