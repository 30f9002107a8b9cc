"""A real nats-server, and brokers on it."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from support.sids import account_sid, call_sid, stream_sid
from support.timing import patience

from broker.broker import Broker
from broker.records import CallFacts, Record
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedServer]:
    async with EmbeddedServer() as running:
        yield running


Connect = Callable[..., Awaitable[Broker]]


@pytest.fixture
async def connect(server: EmbeddedServer) -> AsyncIterator[Connect]:
    """Open brokers, each the broker of a process of its own."""
    numbers = itertools.count(1)
    async with AsyncExitStack() as stack:

        async def open_broker(**changes: Any) -> Broker:
            settings = BrokerSettings(
                servers=(server.url,), instance=f"i{next(numbers)}", **changes
            )
            broker = await stack.enter_async_context(Broker(settings))
            async with patience():
                await broker.wait_ready()
            return broker

        yield open_broker


@pytest.fixture
async def broker(connect: Connect) -> Broker:
    return await connect()


@pytest.fixture
def facts() -> Callable[..., CallFacts]:
    numbers = itertools.count(1)

    def make(**changes: Any) -> CallFacts:
        number = next(numbers)
        call = CallFacts(
            call_sid=call_sid(number),
            account_sid=account_sid(0),
            stream_sid=stream_sid(number),
            started_at=1_795_341_600_000,
            from_="+15550100001",
            to="+15550100002",
            direction="inbound",
        )
        return replace(call, **changes)

    return make


def final(number: int, track: str = "inbound") -> Record:
    """As Deepgram has it, with names in it that mean something else in messages of ours."""
    body = {
        "type": "Results",
        "start": float(number),
        "duration": 1.0,
        "channel": {"alternatives": [{"transcript": f"word {number}"}]},
        "metadata": {"request_id": "r", "model_info": {"name": "general", "arch": "nova-3"}},
    }
    return Record("final", track, body)


@pytest.fixture
def make_final() -> Callable[..., Record]:
    return final
