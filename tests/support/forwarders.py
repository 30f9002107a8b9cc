"""Forwarders of calls: in the process of a test, or as processes that may be killed."""

import asyncio
import json
import multiprocessing
import os
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.receivers import SECRET
from support.timing import PATIENCE, patience

from broker.broker import Broker
from broker.forwarder import ForwardBroker
from broker.records import CallFacts, Record
from broker.stream import read_history
from handler.cli.forward import main
from handler.errors import SettingsError
from handler.forward.forwarder import Forwarder
from handler.forward.settings import ForwardSettings

# What a forwarder may need to end beyond its last request: to write its place.
BEYOND_REQUEST = 10
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


# A server that has imported the program already starts a process in some ms.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["handler.cli.forward"])


def run(settings: dict[str, str], *arguments: str) -> None:
    """Run `partyline forward` as the main program of a process."""
    os.environ.clear()
    os.environ.update(settings)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.exit(main(list(arguments)))


def started(server_url: str, url: str, **changes: str) -> multiprocessing.Process:
    """Start a process that forwards; whoever starts it ends it."""
    process: Any = _processes.Process(target=run, args=(environ(server_url, url, **changes),))
    process.start()
    return process


async def ended(process: multiprocessing.Process) -> int | None:
    """Wait for the end of a process; returns its exit code."""
    await asyncio.to_thread(process.join, PATIENCE)
    return process.exitcode


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


def forwarder_problems(
    command: Sequence[str], given: Mapping[str, str], secrets: Iterable[str], *, stops_in: float
) -> Iterator[str]:
    """
    Yield what of a platform's file would not start a forwarder, or not let it end.

    Args:
        command: What the file lets the image do.
        given: The settings whose values stand in it.
        secrets: The names of those that do not.
        stops_in: How many seconds it has to end.
    """
    if list(command) != ["forward"]:
        yield f"{command} is not the forwarder"
    page = (Path(__file__).parents[2] / "docs" / "forward.md").read_text()
    yield from (f"{name} is no setting" for name in (*given, *secrets) if f"`{name}`" not in page)
    examples = environ("nats://forward:pw@nats:4222", "https://crm.example.com/calls")
    known = {name: examples[name] for name in secrets if name in examples}
    try:
        settings = ForwardSettings.from_environ({**known, **given}, host_name="t")
    except SettingsError as exc:
        yield str(exc)
        return
    if "NATS_URL" not in known:
        yield "NATS_URL: missing"
    if stops_in < settings.timeout + BEYOND_REQUEST:
        yield "stopped while a request is under way"


async def given_up(broker: Broker, name: str) -> list[dict[str, Any]]:
    """Return the dead letters of a forwarder."""
    async with ForwardBroker(broker.settings, name) as forwarder, patience():
        await forwarder.wait_ready()
        return [json.loads(letter) for letter in await forwarder.given_up()]
