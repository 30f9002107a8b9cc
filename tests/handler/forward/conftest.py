"""A real nats-server, a broker that writes calls, and a receiver of what is forwarded."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from support.receivers import Receiver
from support.sids import account_sid, call_sid, stream_sid
from support.timing import patience

from broker.broker import Broker
from broker.records import CallFacts, Record
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedServer]:
    async with EmbeddedServer() as running:
        yield running


Connect = Callable[..., Awaitable[Broker]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Open brokers that write calls."""
    async with AsyncExitStack() as stack:

        async def open_broker(url: str, **changes: Any) -> Broker:
            settings = BrokerSettings(servers=(url,), instance="i1", **changes)
            broker = await stack.enter_async_context(Broker(settings))
            async with patience():
                await broker.wait_ready()
            return broker

        yield open_broker


@pytest.fixture
async def broker(server: EmbeddedServer, connect: Connect) -> Broker:
    return await connect(server.url)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def facts() -> Callable[..., CallFacts]:
    numbers = itertools.count(1)

    def make(from_: str = "+15550100001", to: str = "+15550100002") -> CallFacts:
        number = next(numbers)
        return CallFacts(
            call_sid=call_sid(number),
            account_sid=account_sid(0),
            stream_sid=stream_sid(number),
            started_at=1_795_341_600_000,
            from_=from_,
            to=to,
            direction="inbound",
        )

    return make


@pytest.fixture
def make_final() -> Callable[[int], Record]:
    def make(number: int) -> Record:
        said = {"alternatives": [{"transcript": f"word {number}"}]}
        times = {"start": float(number), "duration": 1.0}
        return Record("final", "inbound", {"type": "Results", **times, "channel": said})

    return make
