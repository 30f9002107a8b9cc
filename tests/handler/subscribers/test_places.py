"""handler/subscribers/places.py: who has how many places."""

import pytest

from handler.subscribers.places import Places, Room, share


def test_a_bearer_has_a_share_and_all_have_no_more_than_there_is():
    places = Places(in_all=3, each=2)
    places.take("a")
    assert places.room("a") is Room.FREE
    places.take("a")
    assert places.room("a") is Room.SHARE_TAKEN
    assert places.room("b") is Room.FREE
    assert not places.has("b")
    with places.taken_by("b"):
        assert places.has("b")
        assert places.taken == 3
        assert (places.room("a"), places.room("c")) == (Room.FULL, Room.FULL)
    places.give_back("a")
    assert places.room("a") is Room.FREE
    places.give_back("a")
    assert places.taken == 0


def test_what_nobody_bears_has_no_share():
    places = Places(in_all=3, each=1)
    with places.taken_by(None):
        assert places.room(None) is Room.FREE


def test_a_place_is_given_back_whatever_ends_its_use():
    places = Places(in_all=1, each=1)
    with pytest.raises(KeyError), places.taken_by("a"):
        raise KeyError
    assert places.room("a") is Room.FREE


def test_bearers_who_have_none_are_forgotten():
    places = Places(in_all=10, each=1)
    for number in range(1000):
        with places.taken_by(str(number)):
            pass
    assert not places._taken_by


@pytest.mark.parametrize(
    ("in_all", "percent", "least", "each"),
    [(5000, 25, 10, 1250), (20, 25, 10, 10), (3, 25, 10, 3), (100, 100, 10, 100)],
)
def test_a_share_is_a_part_but_not_too_small_a_one(in_all, percent, least, each):
    assert share(in_all, percent, least) == each
