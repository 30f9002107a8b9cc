"""The subscribers of this process: how many there are, and what they cost."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from broker.broker import Broker
from handler.config import Settings
from handler.errors import AtCapacity
from handler.subscribers.access import Access


@dataclass(slots=True)
class Subscribers:
    """
    What all endpoints for subscribers share, and their counts.

    Attributes:
        settings: The settings of the service.
        broker: Where records come from.
        access: Who may read.
        leaving: Set when subscribers are to come back elsewhere.
        open: Sockets and event streams that are open now.
        refused: Requests that were refused: no token that opens anything, a foreign page, no room.
        too_slow: Subscribers that were cut off because they took less than came.
        deliveries: Records and interims that were sent.
        skipped_interims: Interims that were out of date before their subscriber came for them.
    """

    settings: Settings
    broker: Broker
    access: Access
    leaving: asyncio.Event
    open: int = 0
    refused: int = 0
    too_slow: int = 0
    deliveries: int = 0
    skipped_interims: int = 0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """
        Count a subscriber in for as long as it stays.

        Raises:
            AtCapacity: there are as many as may be, or this process is leaving.
        """
        if self.leaving.is_set():
            raise AtCapacity("draining")
        if self.open >= self.settings.max_subscribers:
            raise AtCapacity("no room here")
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    @property
    def elsewhere(self) -> dict[str, str]:
        """Headers of an answer that there is no room: Fly.io's proxy asks another machine."""
        # https://fly.io/docs/networking/dynamic-request-routing/
        return {"fly-replay": "elsewhere=true"} if self.settings.on_fly else {"retry-after": "2"}
