"""
What it costs that calls go from one process to another.

``python -m bench.moves`` carries calls in one service behind HAProxy, starts a second one, and ends
the first: how long it takes to its exit, what each move costs in CPU time and in bytes on NATS.
``--old N`` lets calls move within one service for their age instead, N times: what is left of it.
Twilio's API answers in 0.15 s, and the recogniser names the audio. Needs haproxy.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from bench.processes import cpu_seconds, free_ports, resident_mb, wait_ready
from broker.server.embedded import EmbeddedServer
from rehearsal.audio import SAMPLE_RATE
from rehearsal.twilio.account import Account
from rehearsal.twilio.stand_in import TwilioStandIn

NUMBER, CALLER, CALLEE = "+15550001111", "+15550002222", "+15550003333"
LATENCY = 0.15
BASELINE_SECONDS = 5.0
BALANCER = """\
defaults
    mode http
    timeout connect 5s
    timeout client 1m
    timeout server 1m
    timeout tunnel 1h
frontend all
    bind 127.0.0.1:{front}
    default_backend partyline
backend partyline
    option httpchk GET /readyz
    option redispatch 1
    retries 5
    retry-on 503 conn-failure empty-response
{servers}
"""


def talk(chance: random.Random, seconds: int) -> bytes:
    """Return a side of a call: words with pauses between them."""
    audio = bytearray()
    while len(audio) < seconds * SAMPLE_RATE:
        audio += bytes(chance.choices(range(0x20, 0x60), k=chance.randrange(1600, 3200)))
        audio += b"\xff" * chance.randrange(400, 6400)
    return bytes(audio)


@contextlib.contextmanager
def running(*command: str, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process; it is ended at the end."""
    process = subprocess.Popen(
        command,
        env={"PATH": os.environ["PATH"], **environ},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@dataclass
class Bench:
    """Two places for services behind HAProxy, and all that they need."""

    nats: EmbeddedServer
    twilio: TwilioStandIn
    front: int
    ports: list[int]
    deepgram: int
    client: Client
    stack: contextlib.ExitStack
    moved: int = 0  # calls whose records say that they have
    asked: set[str] = field(default_factory=set)
    told: dict[str, int] = field(default_factory=lambda: {"messages": 0, "bytes": 0})

    async def serve(self, port: int, **environ: str) -> subprocess.Popen[bytes]:
        settings = {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "TOKEN_SECRET": secrets.token_hex(32),
            "NATS_URL": self.nats.url,
            "DEEPGRAM_URL": f"ws://127.0.0.1:{self.deepgram}",
            "DEEPGRAM_API_KEY": "any",
            "PUBLIC_URL": f"http://127.0.0.1:{self.front}",
            "TWILIO_ACCOUNT_SID": self.twilio.account.sid,
            "TWILIO_AUTH_TOKEN": self.twilio.account.auth_token,
            "TWILIO_API_URL": self.twilio.url,
            "FORWARD_TO": CALLEE,
            "NOTICE": "none",
            "MAX_CALLS": "1000",
            **environ,
        }
        command = (sys.executable, "-m", "handler.cli", "serve")
        process = self.stack.enter_context(running(*command, environ=settings))
        await asyncio.to_thread(wait_ready, f"http://127.0.0.1:{port}/readyz")
        return process

    async def call(self, count: int, seconds: int, metrics: int) -> None:
        """Have calls come in, and wait until they are carried."""
        account, base = self.twilio.account, f"http://127.0.0.1:{self.front}"
        account.add_number(NUMBER, voice_url=f"{base}/twilio/voice#rc=3&rp=all")
        chance = random.Random(1)  # noqa: S311  no secret
        sides = [talk(chance, seconds) for _ in range(8)]
        for number in range(count):
            inbound, outbound = sides[number % 8], sides[(number + 3) % 8]
            self.twilio.call(NUMBER, CALLER, inbound=inbound, outbound=outbound)
            await asyncio.sleep(0.03)
        await until(metrics, "calls", lambda carried: carried >= count)

    async def count(self, message: Msg) -> None:
        """Count questions about moves, and their answers, which come to the asker's inbox."""
        if message.subject.startswith("moves."):
            self.asked.add(message.reply)
        elif message.subject not in self.asked:
            return
        self.told["messages"] += 1
        self.told["bytes"] += len(message.subject) + len(message.reply) + len(message.data)

    async def note(self, message: Msg) -> None:
        """Count calls that go on as ones that have moved."""
        record = json.loads(message.data)
        self.moved += (record["type"], record.get("reason")) == ("CallResumed", "moved")

    async def keys(self) -> int:
        """Return how many keys the registry's bucket holds."""
        info = await self.client.jetstream().stream_info("KV_TRANSCRIPTS_CALLS")
        return info.state.messages


def metric(port: int, name: str) -> float:
    """Return a metric of a service."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        found = re.search(rf"^partyline_{name} (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


async def until(port: int, name: str, enough: Callable[[float], bool]) -> float:
    """Wait until a metric is as it is to be; returns it."""
    while not enough(found := await asyncio.to_thread(metric, port, name)):  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    return found


@contextlib.asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """Start what there is beside the services."""
    front, one, other, deepgram = free_ports(4)
    haproxy = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    if haproxy is None:
        raise SystemExit("haproxy is not installed: apt install haproxy")
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = "".join(
            f"    server s{port} 127.0.0.1:{port} check inter 200 fall 1 rise 1\n"
            for port in (one, other)
        )
        (home / "conf").write_text(BALANCER.format(front=front, servers=servers))
        stack.enter_context(running(haproxy, "-db", "-f", str(home / "conf"), environ={}))
        recogniser = ("rehearse", "deepgram", "--recogniser", "scripted", "--port", str(deepgram))
        stack.enter_context(running(sys.executable, "-m", "handler.cli", *recogniser, environ={}))
        async with EmbeddedServer() as server, TwilioStandIn(Account()) as twilio:
            twilio.load.latency = LATENCY
            client = await nats.connect(server.url)
            made = Bench(server, twilio, front, [one, other], deepgram, client, stack)
            for subject in ("moves.>", "_INBOX_partyline.>"):
                await client.subscribe(subject, cb=made.count)
            await client.subscribe("transcripts.*.*.event.*", cb=made.note)
            try:
                yield made
            finally:
                twilio.hang_up()
                await asyncio.sleep(1)
                stack.pop_all().close()
                await client.close()


async def leave(count: int) -> None:
    """Carry calls in one service, start another, end the first."""
    async with bench() as made:
        first_metrics, metrics = free_ports(2)
        first = await made.serve(made.ports[0], METRICS_PORT=str(first_metrics))
        await made.call(count, 60, first_metrics)
        second = await made.serve(made.ports[1], METRICS_PORT=str(metrics))
        await asyncio.sleep(2)
        before = cpu_seconds(first.pid)
        await asyncio.sleep(BASELINE_SECONDS)
        at_rest = (cpu_seconds(first.pid) - before) / BASELINE_SECONDS
        made.told.update(messages=0, bytes=0)
        begun, cpu = time.monotonic(), [cpu_seconds(one.pid) for one in (first, second)]
        first.send_signal(signal.SIGTERM)
        _, status, usage = await asyncio.to_thread(os.wait4, first.pid, 0)
        first.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begun
        spent = usage.ru_utime + usage.ru_stime - cpu[0] + cpu_seconds(second.pid) - cpu[1]
        carried = await asyncio.to_thread(metric, metrics, "calls")
        await made.client.flush()
        print(
            f"{count} calls: exit {first.returncode} after {seconds:.1f} s, "
            f"{carried:.0f} of them carried by the other, "
            f"{made.moved} moved; a move takes "
            f"{1000 * (spent - at_rest * seconds) / count:.0f} ms of CPU in both, "
            f"{made.told['messages'] / count:.0f} messages and "
            f"{made.told['bytes'] / count:.0f} bytes of NATS"
        )


async def grow_old(count: int, moves: int) -> None:
    """Let calls move within one service, so often."""
    async with bench() as made:
        [metrics] = free_ports(1)
        service = await made.serve(made.ports[0], METRICS_PORT=str(metrics), MAX_STREAM_SECONDS="3")
        await made.call(count, 20 + moves * 8 // count, metrics)
        for wanted in (1.0, moves / 10, float(moves)):
            moved = await until(metrics, "moves_total", wanted.__le__)
            memory, keys = resident_mb(service.pid), await made.keys()
            print(f"after {moved:.0f} moves of {count} calls: {memory:.1f} MB, {keys} keys")
        made.twilio.hang_up()
        await until(metrics, "calls", lambda carried: not carried)
        memory = resident_mb(service.pid)
        print(f"with no calls left: {memory:.1f} MB, {await made.keys()} keys")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.moves", description=__doc__)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--old", type=int, metavar="N", help="let calls move N times for their age")
    arguments = parser.parse_args()
    if arguments.old:
        asyncio.run(grow_old(arguments.calls, arguments.old))
    else:
        asyncio.run(leave(arguments.calls))


if __name__ == "__main__":
    main()
