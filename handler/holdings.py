"""What a process holds: what would be cut, lost, or left undone if it went now."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from broker.broker import Broker
from handler.calls.live_calls import LiveCalls
from handler.calls.relocator import Relocator
from handler.calls.restarter import Restarter
from handler.subscribers.admission import Subscribers
from handler.twilio.rest import RestClient


class Parts(Protocol):
    """The parts of a process that hold something."""

    broker: Broker
    calls: LiveCalls
    subscribers: Subscribers
    relocator: Relocator
    restarter: Restarter
    rest: RestClient


def _promised(parts: Parts) -> int:
    return parts.calls.promised.count(asyncio.get_running_loop().time())


HOLDINGS: Mapping[str, Callable[[Parts], int]] = {
    # Those included that wait for a media stream, or are not all stored.
    "calls": lambda parts: len(parts.calls),
    "arriving calls": lambda parts: parts.calls.arriving,
    "promised places": _promised,
    "subscribers": lambda parts: parts.subscribers.places.taken,
    "transcripts": lambda parts: len(parts.subscribers.transcripts),
    "moves": lambda parts: len(parts.relocator),
    "restarts": lambda parts: len(parts.restarter),
    # This process may be the only one left that ends them, or has them heard again.
    "calls of dead processes": lambda parts: len(parts.broker.registry.orphans()),
    "requests to Twilio": lambda parts: parts.rest.in_flight,
}


def held(parts: Parts) -> dict[str, int]:
    """Return what is held now, and how much of it; empty where the process may go."""
    return {name: count for name, read in HOLDINGS.items() if (count := read(parts))}
