"""handler/holdings.py: what keeps a process from leaving."""

from types import SimpleNamespace
from typing import Any

import pytest

from handler.calls.promised_places import PromisedPlaces
from handler.holdings import HOLDINGS, held


class Calls(list[object]):
    """Those that are carried, those on their way, and the places that are kept."""

    arriving = 0
    promised = PromisedPlaces()


@pytest.fixture
def parts() -> Any:
    Calls.promised = PromisedPlaces()
    return SimpleNamespace(
        broker=SimpleNamespace(registry=SimpleNamespace(orphans=list)),
        calls=Calls(),
        subscribers=SimpleNamespace(places=SimpleNamespace(taken=0), transcripts=[]),
        relocator=[],
        restarter=[],
        rest=SimpleNamespace(in_flight=0),
    )


async def test_a_process_that_has_nothing_holds_nothing(parts):
    assert held(parts) == {}


async def test_each_thing_is_held_by_its_name(parts):
    parts.calls.append("call")
    parts.calls.arriving = 5
    parts.calls.promised.keep("CA1", float("inf"))
    parts.broker.registry.orphans = lambda: ["call", "call"]
    parts.subscribers.places.taken = 3
    parts.subscribers.transcripts.append("transcript")
    parts.relocator.append("move")
    parts.restarter.append("restart")
    parts.rest.in_flight = 4
    assert held(parts) == {
        "calls": 1,
        "arriving calls": 5,
        "promised places": 1,
        "subscribers": 3,
        "transcripts": 1,
        "moves": 1,
        "restarts": 1,
        "calls of dead processes": 2,
        "requests to Twilio": 4,
    }
    assert held(parts).keys() == HOLDINGS.keys()


async def test_a_place_that_nobody_came_for_is_held_no_more(parts):
    parts.calls.promised.keep("CA1", -11.0)  # ten seconds before the loop began, and one
    assert held(parts) == {}
