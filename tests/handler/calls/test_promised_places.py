"""handler/calls/promised_places.py: places of calls whose media streams are to come."""

from support.sids import call_sid

from handler.calls.promised_places import KEPT_SECONDS, PromisedPlaces

ONE, TWO = call_sid(1), call_sid(2)


def test_a_call_has_one_place_until_its_stream_comes_or_for_so_long():
    places = PromisedPlaces()
    places.keep(ONE, 0.0)
    places.keep(TWO, 1.0)
    places.keep(ONE, 2.0)  # asked again
    assert places.count(KEPT_SECONDS + 0.9) == 2
    assert places.count(KEPT_SECONDS + 1.0) == 1
    assert (ONE in places, TWO in places) == (True, False)
    assert list(places) == [ONE]
    for _ in range(2):
        places.give_up(ONE)
    assert places.count(0.0) == 0
