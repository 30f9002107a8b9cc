"""
The list of live calls: what its readers, and followers of numbers, cost everybody else.

One process is the service, with a probe of its event loop; others hold the readers' sockets; this
one writes the registry. The probe is due every millisecond. What it tells is the longest time
between two of its turns, beyond that millisecond: by the clock, and in CPU time of the service's
thread, which other programs on the machine do not add to.
"""

import argparse
import asyncio
import base64
import json
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import msgspec
import nats
import uvicorn
import uvloop
from nats.js import JetStreamContext

from bench.processes import cpu_seconds, free_port, resident_mb
from broker.entries import CallEntry
from broker.server.embedded import EmbeddedServer
from broker.subjects import Subjects
from handler import logs
from handler.app import create_app
from handler.config import Settings
from handler.server.collector import look_rarely
from handler.server.http_protocol import HttpProtocol
from handler.server.websocket_protocol import WebSocketProtocol
from handler.tokens import tokens

OWNER = "bench"
NUMBER_OF_ALL = "+15550001111"
SUBJECTS = Subjects()
PROBE_SECONDS = 0.001
READING_PROCESSES = 2
JOIN_SECONDS = 120
LEAST_LIST = 64  # bytes of an event


# The service


class Probe:
    """Finds out for how long the event loop looks after something else."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.reset()
        self._again()

    def reset(self) -> None:
        """Begin anew."""
        self.longest = self.longest_cpu = 0.0
        self._clock, self._cpu = time.perf_counter(), time.thread_time()

    def _again(self) -> None:
        clock, cpu = time.perf_counter(), time.thread_time()
        self.longest = max(self.longest, clock - self._clock - PROBE_SECONDS)
        self.longest_cpu = max(self.longest_cpu, cpu - self._cpu)
        self._clock, self._cpu = clock, cpu
        self._loop.call_later(PROBE_SECONDS, self._again)


async def run_service() -> None:
    """Serve; for each line on standard input tell what the probe saw since the last one."""
    logs.configure("ERROR")  # to standard error: standard output is for the probe
    settings = Settings.from_environ(os.environ, insecure=True)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        backlog=2048,
    )
    await app.state.service.open()
    serving = asyncio.create_task(uvicorn.Server(config).serve())
    await app.state.service.broker.wait_ready()
    look_rarely()
    probe = Probe()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    print("ready", flush=True)
    while await lines.readline():
        print(json.dumps([probe.longest, probe.longest_cpu]), flush=True)
        probe.reset()
    serving.cancel()
    await asyncio.wait({serving})
    await app.state.service.close()


@dataclass
class Stop:
    """The longest stop of the service's loop in some time, in milliseconds."""

    clock: float
    cpu: float

    def __str__(self) -> str:
        return f"longest stop {self.clock:.1f} ms ({self.cpu:.1f} ms of CPU)"


class Service:
    """The service's process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port
        self.pid = process.pid

    async def stop_since_last(self) -> Stop:
        """Return the longest stop since this was asked last."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        clock, cpu = json.loads(await self._process.stdout.readline())
        return Stop(clock * 1000, cpu * 1000)


@asynccontextmanager
async def service(nats_url: str, secret: str) -> AsyncIterator[Service]:
    """Run the service as a process of its own."""
    port = free_port()
    environ = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "NATS_URL": nats_url,
        "TOKEN_SECRET": secret,
        "DEEPGRAM_API_KEY": "none",
        "DEEPGRAM_URL": "ws://127.0.0.1:1",
    }
    async with child("--serve", environ=environ) as process:
        assert process.stdout is not None
        while (line := await process.stdout.readline()) != b"ready\n":
            assert line, "the service did not start"
        yield Service(process, port)


@asynccontextmanager
async def child(
    *arguments: str, environ: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a part of this program; it ends with its standard input."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.calls_list", *arguments),
        env={**os.environ, **(environ or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


# Its readers


class Reader(asyncio.BufferedProtocol):
    """A subscriber that counts the texts that it gets, as cheaply as can be."""

    def __init__(self, request: bytes, message: bytes) -> None:
        self._request = request
        self._is_websocket = b"Upgrade" in request
        self._message = message
        self._buffer = bytearray(256 * 1024)
        self._head = b""  # of the answer, then of a frame, as far as it came
        self._upgraded = False
        self._skip = 0  # bytes of the frame that is being read
        self.texts = 0
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a socket."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return where bytes go."""
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Count texts."""
        at = 0
        if not self._upgraded:
            self._head += bytes(self._buffer[:nbytes])
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            status = b"HTTP/1.1 101" if self._is_websocket else b"HTTP/1.1 200"
            assert head.startswith(status), head[:80]
            self._upgraded = True
            self._head = b""
            if self._message:
                self._transport.write(self._message)
            self.opened.set_result(None)
            self._buffer[: len(rest)], nbytes = rest, len(rest)
        while at < nbytes:
            if self._skip:
                step = min(self._skip, nbytes - at)
                self._skip -= step
                at += step
                continue
            self._head += bytes(self._buffer[at : at + 1])
            at += 1
            if self._is_websocket:
                self._read_frame_head()
            else:
                self._read_chunk_head()

    def _read_chunk_head(self) -> None:
        if self._head.endswith(b"\r\n"):
            size = int(self._head, 16)
            self._skip = size + 2
            self.texts += size > LEAST_LIST  # the others are comments
            self._head = b""

    def _read_frame_head(self) -> None:
        head = self._head
        if len(head) < 2:
            return
        size = head[1] & 0x7F
        extra = {126: 2, 127: 8}.get(size, 0)
        if len(head) < 2 + extra:
            return
        self._skip = int.from_bytes(head[2:]) if extra else size
        self.texts += head[0] & 0x0F == 1
        self._head = b""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that it was cut off, which no reader of these runs may be."""
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("refused"))


def mint(secret: str, own_number: str | None) -> str:
    """Make a token for all calls: by ``*``, or by the number of all and one of the reader's own."""
    expires = time.time() + 3600
    if own_number is None:
        return tokens.mint(secret, expires=expires, calls=["*"])
    return tokens.mint(secret, expires=expires, numbers=[NUMBER_OF_ALL, own_number])


def masked(text: bytes) -> bytes:
    """Make a frame as a client sends it."""
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


async def run_readers(port: int, count: int, kind: str, secret: str) -> None:
    """Hold sockets; for each line on standard input tell how many texts each has got."""
    loop = asyncio.get_running_loop()
    readers = []
    for number in range(count):
        token = mint(secret, f"+1666{number:07d}" if kind == "rights" else None)
        query = f"&number=%2B1555{number:07d}" if kind == "numbers" else ""
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n"
        )
        path, upgrade = ("/calls/events", "") if kind == "events" else ("/client", upgrade)
        request = (f"GET {path}?token={token}{query} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n").encode()
        message = masked(b'{"list":true}') if kind in ("list", "rights") else b""
        _, reader = await loop.create_connection(
            partial(Reader, request, message), "127.0.0.1", port
        )
        await reader.opened
        readers.append(reader)
    # Of a websocket: the array of callSids, and the list as it is.
    first = {"list": 2, "rights": 2, "events": 1}.get(kind, 0)
    while not all(reader.texts >= first for reader in readers):  # noqa: ASYNC110  counts tell nobody
        await asyncio.sleep(0.05)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("ready", flush=True)
    while await lines.readline():
        print(json.dumps([reader.texts for reader in readers]), flush=True)


@asynccontextmanager
async def readers(
    port: int, count: int, kind: str, secret: str
) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Hold sockets in processes of their own, until all have what they begin with."""
    share = count // READING_PROCESSES
    arguments = ("--read", str(port), str(share), kind, secret)
    async with child(*arguments) as one, child(*arguments) as other:
        async with asyncio.timeout(JOIN_SECONDS):
            for process in (one, other):
                assert process.stdout is not None
                assert await process.stdout.readline() == b"ready\n"
        yield [one, other]


async def texts(processes: list[asyncio.subprocess.Process]) -> list[int]:
    """How many texts each reader has got so far."""
    counts: list[int] = []
    for process in processes:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n")
        counts += json.loads(await process.stdout.readline())
    return counts


async def behind(processes: list[asyncio.subprocess.Process], before: list[int]) -> bool:
    """Whether a reader has got nothing since."""
    return any(now == then for now, then in zip(await texts(processes), before, strict=True))


# The registry


def entry(number: int, state: Any = "live") -> CallEntry:  # noqa: ANN401  one of its two words
    """Make the entry of a call, some 200 bytes of the list."""
    return CallEntry(
        call_sid=f"CA{number:032x}",
        account_sid=f"AC{1:032x}",
        from_=f"+1777{number:07d}",
        to=NUMBER_OF_ALL,
        direction="inbound",
        started_at=1_795_341_600_000 + number,
        epoch="bench-1",
        owner=OWNER,
        state=state,
    )


async def put(js: JetStreamContext, call: CallEntry) -> None:
    """Write an entry, as its owner would."""
    await js.publish(SUBJECTS.call_key(call.call_sid), msgspec.json.encode(call))


class Changes:
    """Changes of the list: one call after another waits, or is live again."""

    def __init__(self, js: JetStreamContext, calls: int) -> None:
        self._js = js
        self._calls = calls
        self._number = 0

    async def one(self) -> None:
        """Change one call."""
        again, number = divmod(self._number, self._calls)
        await put(self._js, entry(number, "live" if again % 2 else "waiting"))
        self._number += 1

    async def storm(self, rate: float, seconds: float) -> None:
        """Change so many a second."""
        begun = time.monotonic()
        for number in range(round(rate * seconds)):
            await self.one()
            await asyncio.sleep(max(0.0, begun + (number + 1) / rate - time.monotonic()))


async def measure_readers(
    running: Service, changes: Changes, secret: str, count: int, arguments: argparse.Namespace
) -> None:
    """Measure single changes, and a storm of them."""
    async with readers(running.port, count, arguments.kind, secret) as processes:
        await asyncio.sleep(2)
        await running.stop_since_last()
        for _ in range(arguments.singles):
            before = await texts(processes)
            begun = time.monotonic()
            await changes.one()
            async with asyncio.timeout(60):
                while await behind(processes, before):  # noqa: ASYNC110  counts tell nobody
                    await asyncio.sleep(0.02)
            took = time.monotonic() - begun
            await asyncio.sleep(2)
            print(
                f"{count} readers, one change: {await running.stop_since_last()}; "
                f"all had it after {took * 1000:.0f} ms",
                flush=True,
            )
        before, cpu = await texts(processes), cpu_seconds(running.pid)
        await changes.storm(arguments.rate, arguments.seconds)
        stop, cpu = await running.stop_since_last(), cpu_seconds(running.pid) - cpu
        got = [a - b for a, b in zip(await texts(processes), before, strict=True)]
        rates = [count / arguments.seconds for count in got]
        print(
            f"{count} readers, {arguments.rate:g} changes a second: {stop}; lists a reader and "
            f"second: {sum(rates) / len(rates):.2f} [{min(rates):.2f}-{max(rates):.2f}]; "
            f"{cpu / arguments.seconds * 100:.0f} % of a core; {resident_mb(running.pid):.0f} MB",
            flush=True,
        )


async def measure_followers(
    running: Service, changes: Changes, secret: str, arguments: argparse.Namespace
) -> None:
    """Measure changes that concern none of the numbers that are followed."""
    async with readers(running.port, arguments.followers, "numbers", secret):
        await asyncio.sleep(2)
        await running.stop_since_last()
        await changes.one()
        await asyncio.sleep(2)
        one = await running.stop_since_last()
        await changes.storm(arguments.rate, arguments.seconds)
        storm = await running.stop_since_last()
        print(f"{arguments.followers} followers of numbers, one change: {one}", flush=True)
        print(f"… {arguments.rate:g} changes a second: {storm}", flush=True)


async def measure(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    secret = secrets.token_urlsafe(32)
    async with EmbeddedServer() as server, service(server.url, secret) as running:
        client = await nats.connect(server.url)
        js = client.jetstream()
        await js.publish(SUBJECTS.lease_key(OWNER), b'{"instance":"bench"}')
        await asyncio.gather(*(put(js, entry(number)) for number in range(arguments.calls)))
        await asyncio.sleep(2)
        changes = Changes(js, arguments.calls)
        await running.stop_since_last()
        await changes.storm(arguments.rate, arguments.seconds)
        print(f"no readers, {arguments.rate:g} changes a second: {await running.stop_since_last()}")
        print(f"{resident_mb(running.pid):.0f} MB", flush=True)
        if arguments.followers:
            await measure_followers(running, changes, secret, arguments)
        for count in arguments.readers:
            await measure_readers(running, changes, secret, count, arguments)
        await client.close()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.calls_list", description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--readers", type=int, nargs="*", default=[100, 1000])
    parser.add_argument(
        "--kind",
        choices=["list", "events", "rights"],
        default="list",
        help="of readers: by websocket, by event stream, by websocket with rights of their own",
    )
    parser.add_argument("--followers", type=int, default=500, help="of numbers, before readers")
    parser.add_argument("--singles", type=int, default=3, help="changes one by one")
    parser.add_argument("--rate", type=float, default=10.0, help="changes a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--read", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        uvloop.run(run_service())
    elif arguments.read:
        port, count, kind, secret = arguments.read
        uvloop.run(run_readers(int(port), int(count), kind, secret))
    else:
        uvloop.run(measure(arguments))


if __name__ == "__main__":
    main()
