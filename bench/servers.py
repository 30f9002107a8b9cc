"""The servers that are compared, each a process with a processor to itself."""

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass

from bench.machine import Cores
from bench.processes import free_port, wait_ready
from broker.server.embedded import EmbeddedServer
from handler.tokens import tokens

AUTH_TOKEN = secrets.token_hex(16)
SECRET = secrets.token_hex(32)
LISTEN = {
    "websocket": "/client?call={call}&since=live",
    "events": "/calls/{call}/events?since=live",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """
    A server.

    Attributes:
        name: In the table.
        command: What python -m runs.
        ready: The path that answers once it can take calls.
        drain: How long it gets to close the sockets of calls that ended (s).
    """

    name: str
    command: tuple[str, ...]
    ready: str = "/readyz"
    drain: float = 10.0


OURS = Kind("ours", ("handler.cli", "serve"))
PLAIN = Kind("ours on plain uvicorn", ("bench.plain",))
# It never closes a call's socket: Twilio does.
TUTORIAL = Kind("tutorial's server", ("bench.peer",), ready="/", drain=1.0)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    kind: Kind
    pid: int
    port: int
    ready_after: float  # seconds from its start

    def listen(self, way: str) -> tuple[str, str]:
        """Where a subscriber goes, and what it says there; {call} stands for the call."""
        if self.kind is TUTORIAL:
            return "/client", "{call}"
        token = tokens.mint(SECRET, expires=time.time() + 600, calls=["*"])
        return f"{LISTEN[way]}&token={token}", ""


@contextmanager
def nats_server() -> Iterator[str]:
    """Run NATS; yields its URL. Its loop rests meanwhile: whoever measures may block."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        server = runner.run(stack.enter_async_context(EmbeddedServer()))
        try:
            yield server.url
        finally:
            runner.run(stack.aclose())


@contextmanager
def running(
    kind: Kind, cores: Cores, deepgram_port: int, nats_url: str, settings: dict[str, str]
) -> Iterator[Server]:
    """Run a server; the settings are of ours alone."""
    port = free_port()
    environ = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "NATS_URL": nats_url,
        "DEEPGRAM_URL": f"ws://127.0.0.1:{deepgram_port}",
        "DEEPGRAM_API_KEY": "any",
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TOKEN_SECRET": SECRET,
        "MAX_CALLS": "2000",
        "METRICS_PORT": str(free_port()),  # so that counting is part of the job
        **settings,
    }
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", *kind.command],
        env={**os.environ, **environ},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        cores.give(process.pid)
        wait_ready(f"http://127.0.0.1:{port}{kind.ready}", every=0.01)
        yield Server(kind, process.pid, port, time.monotonic() - begun)
    finally:
        process.terminate()
        process.wait(20)
