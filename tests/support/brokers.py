"""What tests do with brokers and their servers."""

import asyncio
import contextlib
import json
import os
import signal
from typing import Any

from support.timing import patience

from broker import records, supervise
from broker.append import Appender
from broker.broker import Broker
from broker.records import CallFacts
from broker.server.embedded import EmbeddedServer

ENDED = records.call_ended(1.0, "completed")


async def read_all(
    broker: Broker, call_sid: str, since: int | None = 0, *, interim: bool = True
) -> list[dict[str, Any]]:
    """Follow a call to its end."""
    async with (
        patience(),
        broker.replicas.follow(call_sid, since=since, interim=interim) as follower,
    ):
        return [json.loads(item.payload) async for item in follower]


async def read_records(broker: Broker, call_sid: str) -> list[dict[str, Any]]:
    """Follow a call to its end, for what is kept of it."""
    return [message for message in await read_all(broker, call_sid) if "seq" in message]


async def append_to(broker: Broker, call: CallFacts) -> Appender:
    """Return what appends to a call that has records, as another owner or a janitor would."""
    appender = Appender(
        broker.connection,
        broker.subjects,
        call_sid=call.call_sid,
        account_sid=call.account_sid,
    )
    newest = await appender.newest()
    assert newest is not None
    await appender.learn(newest)
    return appender


async def kill_server(server: EmbeddedServer) -> None:
    """End a nats-server and its guard as by kill -9."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGKILL)
    await server.died.wait()


async def kill_broker(broker: Broker, *writing: asyncio.Task[None]) -> None:
    """
    Stop a broker as if its process had been killed: no lease, no good-bye, no janitor.

    With it go the writers that are named; another one writes on, as after an outage.
    """
    tasks = [broker.registry._lease._task, broker.registry._task, broker.janitor._task, *writing]
    await supervise.end(*(task for task in tasks if task is not None))
