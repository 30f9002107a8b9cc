"""Forwarders of calls: in the process of a test, or as processes that may be killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from support.processes import ENVIRON
from support.receivers import SECRET, Receiver
from support.timing import patience

from broker.broker import Broker
from broker.records import CallFacts, Record
from broker.stream import read_history
from handler.forward.forwarder import Forwarder
from handler.forward.settings import ForwardSettings

QUICK = {"FORWARD_SECRET": SECRET, "FORWARD_RETRY_SECONDS": "0.05", "LEASE_SECONDS": "1"}


def environ(server_url: str, url: str, **changes: str) -> dict[str, str]:
    return {**QUICK, "NATS_URL": server_url, "FORWARD_URL": url, **changes}


@asynccontextmanager
async def forwarding(server_url: str, url: str, **changes: str) -> AsyncIterator[Forwarder]:
    """Forward in this process until the end, which is as by SIGTERM."""
    settings = ForwardSettings.from_environ(environ(server_url, url, **changes), host_name="t")
    forwarder = Forwarder(settings)
    running = asyncio.create_task(forwarder.run())
    async with patience():
        await forwarder.ready.wait()
    try:
        yield forwarder
    finally:
        forwarder.stop()
        async with patience():
            await running


def started(server_url: str, receiver: Receiver | str, **changes: str) -> subprocess.Popen[bytes]:
    """Start a process that forwards; whoever starts it ends it."""
    url = receiver if isinstance(receiver, str) else receiver.url
    return subprocess.Popen(
        [sys.executable, "-m", "handler.cli", "forward"],
        env=ENVIRON | environ(server_url, url, **changes),
        stderr=subprocess.DEVNULL,
    )


def killed(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


async def write(broker: Broker, call: CallFacts, *records: Record) -> None:
    """Store a call whole."""
    writer = broker.writer(call, broker.next_epoch())
    for record in records:
        writer.put(record)
    writer.finish()
    async with patience():
        await writer.run()


async def stored(broker: Broker, call_sid: str, *types: str) -> list[bytes]:
    """Return what is stored of a call, as whoever taps has seen it; maybe of some types alone."""
    stream = broker.subjects.stream_of(call_sid)
    kept = await read_history(broker.client, stream, broker.subjects.call(call_sid))
    return [one.data for one in kept if not types or json.loads(one.data)["type"] in types]
