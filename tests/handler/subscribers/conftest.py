"""What endpoints for subscribers share, of a process that has not reached NATS."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from broker.broker import Broker
from broker.settings import BrokerSettings
from handler.config import Settings
from handler.subscribers.access import Access
from handler.subscribers.admission import Subscribers
from handler.subscribers.calls_list import CallsList


@pytest.fixture
def make_subscribers() -> Callable[..., Subscribers]:
    def make(**changes: Any) -> Subscribers:
        settings = Settings(**changes)
        broker = Broker(BrokerSettings(servers=("nats://127.0.0.1:1",), instance="tests"))
        lists = CallsList(broker.registry)
        return Subscribers(settings, broker, lists, Access(settings), asyncio.Event())

    return make
