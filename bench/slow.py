"""
Slow subscribers: what ten that never read cost the other 990 of the same call.

Each round carries three runs in turning order: all read; all read, once more, which shows the
noise; and ten of the thousand never do. Same records, same rate. The delay is from the moment a
record is handed to the writer to its arrival in a subscriber's process, NATS and the stream
included.
"""

import argparse
import asyncio
import os
import re
import secrets
import statistics
import struct
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

from bench.processes import cpu_seconds, free_port, resident_mb, server
from broker.broker import Broker
from broker.records import CallFacts, Record
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from handler.tokens import tokens

NUMBER = re.compile(rb'"start":(\d+)\.0,')
TOO_SLOW = 4408
KINDS = ("all read", "all read again", "ten stall")
STALLED = 10
TEXT = "the quick brown fox jumps over the lazy dog " * 180  # 8 kB, so that the stalled fill up


@dataclass
class Run:
    """
    What one run measured.

    Attributes:
        delays: Of each record to each subscriber that reads, in seconds.
        closed: The close codes of the stalled.
        cpu: Seconds of the service's CPU time.
        memory: Of the service at the end, in MB.
    """

    delays: list[float] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    cpu: float = 0.0
    memory: float = 0.0

    @property
    def median(self) -> float:
        """In milliseconds."""
        return statistics.median(self.delays) * 1000

    @property
    def p99(self) -> float:
        """In milliseconds."""
        return statistics.quantiles(self.delays, n=100)[98] * 1000


class Reader(asyncio.Protocol):
    """A subscriber that takes what comes, as cheaply as can be; one that stalls does not."""

    def __init__(self, request: bytes, sent: Sequence[float], run: Run | None) -> None:
        self._request = request
        self._sent = sent
        self._run = run
        self._rest = b""
        self.opened = asyncio.get_running_loop().create_future()
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the call."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note which records came."""
        now = time.perf_counter()
        data = self._rest + data
        if not self.opened.done():
            self.opened.set_result(None)
            if self._run is None:
                self._transport.pause_reading()
        if self._run is not None:
            found = [int(number) for number in NUMBER.findall(data)]
            self._run.delays += [now - self._sent[number] for number in found if number]
        at = data.rfind(b'"start":')
        self._rest = data[at + 20 :][-40:] if at >= 0 else data[-40:]

    def connection_lost(self, _: Exception | None) -> None:
        """Tell how it ended: the last bytes are a close frame."""
        at = self._rest.rfind(b"too slow")
        code = struct.unpack(">H", self._rest[at - 2 : at])[0] if at >= 2 else 0
        self.over.set_result(code)

    def wake(self) -> None:
        """Read after all."""
        self._transport.resume_reading()

    def close(self) -> None:
        """Leave."""
        self._transport.abort()


async def carry(
    nats_url: str, pid: int, port: int, kind: str, arguments: argparse.Namespace
) -> Run:
    """Carry one call to its subscribers."""
    run = Run()
    stalled = STALLED if kind == "ten stall" else 0
    sent: list[float] = []
    async with Broker(
        BrokerSettings(servers=(nats_url,), instance=f"b{os.urandom(4).hex()}")
    ) as broker:
        await broker.wait_ready()
        call = CallFacts(
            call_sid=f"CA{os.urandom(16).hex()}",
            account_sid="AC" + "1" * 32,
            stream_sid="MZ" + "1" * 32,
            started_at=0,
        )
        writer = broker.writer(call, broker.next_epoch())
        writing = asyncio.create_task(writer.run())
        await writer.claimed.wait()
        token = tokens.mint(arguments.secret, expires=time.time() + 600, calls=["*"])
        request = (
            f"GET /client?token={token}&call={call.call_sid}&since=1 HTTP/1.1\r\nHost: x\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ).encode()
        readers = await join(port, request, sent, run, arguments.subscribers - stalled)
        sleepers = await join(port, request, sent, None, stalled)
        before = cpu_seconds(pid)
        for number in range(arguments.records):
            body = {"type": "Results", "start": float(number), "duration": 1.0, "text": TEXT}
            sent.append(time.perf_counter())
            writer.put(Record("final", "inbound", body))
            await asyncio.sleep(1 / arguments.rate)
        wanted = (arguments.records - 1) * (arguments.subscribers - stalled)
        async with asyncio.timeout(60):
            while len(run.delays) < wanted:  # noqa: ASYNC110  a list tells nobody
                await asyncio.sleep(0.05)
        run.cpu = cpu_seconds(pid) - before
        await asyncio.sleep(1.5)  # WRITE_TIMEOUT has passed for whoever was stuck
        run.memory = resident_mb(pid)
        for sleeper in sleepers:
            sleeper.wake()
        run.closed = [await sleeper.over for sleeper in sleepers]
        for reader in readers:
            reader.close()
        writer.put(Record("event", "call", {"type": "CallEnded", "duration": 1, "reason": "bench"}))
        writer.finish()
        await writing
    assert len(run.delays) == wanted, "a subscriber missed something, or had it twice"
    return run


async def join(
    port: int, request: bytes, sent: Sequence[float], run: Run | None, count: int
) -> list[Reader]:
    """Open sockets of subscribers, some at a time."""
    loop = asyncio.get_running_loop()
    joined: list[Reader] = []
    for at in range(0, count, 50):
        opening = [
            loop.create_connection(lambda: Reader(request, sent, run), "127.0.0.1", port)
            for _ in range(min(50, count - at))
        ]
        new = [reader for _, reader in await asyncio.gather(*opening)]
        await asyncio.gather(*(reader.opened for reader in new))
        joined += new
    return joined


def too_slow(port: int) -> int:
    """How many subscribers the service has cut off so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    [value] = re.findall(r"^partyline_subscribers_too_slow_total ([0-9.]+)$", text, re.MULTILINE)
    return round(float(value))


async def measure(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    arguments.secret = secrets.token_hex(32)
    metrics = free_port()
    async with EmbeddedServer() as nats:
        environ = {
            "NATS_URL": nats.url,
            "TOKEN_SECRET": arguments.secret,
            "TWILIO_AUTH_TOKEN": "bench",
            "DEEPGRAM_API_KEY": "bench",
            "WRITE_TIMEOUT": "1",
            "METRICS_PORT": str(metrics),
        }
        with server("handler.cli", "serve", environ=environ, ready="/readyz") as (pid, port):
            ratios: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS[1:]}
            for number in range(arguments.rounds):
                order = KINDS[number % 3 :] + KINDS[: number % 3]
                runs = {kind: await carry(nats.url, pid, port, kind, arguments) for kind in order}
                base = runs[KINDS[0]]
                for kind in KINDS[1:]:
                    run = runs[kind]
                    ratios[kind].append((run.median / base.median, run.p99 / base.p99))
                told = "; ".join(
                    f"{kind}: p50 {runs[kind].median:.1f} p99 {runs[kind].p99:.1f} ms, "
                    f"{runs[kind].cpu / len(runs[kind].delays) * 1e6:.0f} us, "
                    f"{runs[kind].memory:.0f} MB"
                    for kind in KINDS
                )
                assert runs[KINDS[2]].closed == [TOO_SLOW] * STALLED, runs[KINDS[2]].closed
                print(f"round {number + 1}: {told}", flush=True)
            assert too_slow(metrics) == STALLED * arguments.rounds
    for kind, pairs in ratios.items():
        for name, values in zip(("p50", "p99"), zip(*pairs, strict=True), strict=True):
            print(
                f"{kind} to all read, {name}: {statistics.median(values):.2f} "
                f"[{min(values):.2f}-{max(values):.2f}]"
            )


def main() -> None:
    """Measure what stalled subscribers cost the others."""
    parser = argparse.ArgumentParser(prog="python -m bench.slow", description=main.__doc__)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--records", type=int, default=80)
    parser.add_argument("--rate", type=float, default=12.0, help="records a second")
    parser.add_argument("--rounds", type=int, default=10)
    uvloop.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
