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
import itertools
import json
import os
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
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from bench.load.marks import FRAME
from bench.load.voices import talk
from bench.processes import cpu_seconds, free_ports, resident_mb, wait_ready
from bench.spin import Spin
from broker.server.embedded import EmbeddedServer
from broker.stream import read_history
from broker.subjects import Subjects

ACCOUNT_SID, AUTH_TOKEN = f"AC{secrets.token_hex(16)}", secrets.token_hex(16)
# So many sides are said; calls take them in turn.
SIDES = 16
LATENCY = 0.15
Said = tuple[bytes, bytes]
BASELINE_SECONDS, SPIN_SECONDS = 5.0, 2.0
# What is said in a call, and for how long it goes on once it has moved.
SECONDS, SETTLE_SECONDS = 60, 2.0
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
    timeout check 5s  # whoever is busy is ready all the same
    option httpchk GET /readyz
    option redispatch 1
    retries 5
    retry-on 503 conn-failure empty-response
{servers}
"""


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


class Phone:
    """Callers and Twilio's API: a process of its own (``bench.load.phone``)."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Of the API."""
        return f"http://127.0.0.1:{self._port}"

    def call(self, pairs: list[tuple[int, int]], sides: list[Path], front: int) -> list[str]:
        """Have calls come in; returns their callSids once they are streamed."""
        self._process = subprocess.Popen(
            (sys.executable, "-m", "bench.load.phone"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        order = {
            "account_sid": ACCOUNT_SID,
            "auth_token": AUTH_TOKEN,
            "url": f"ws://127.0.0.1:{front}/twilio",
            "api_port": self._port,
            "latency": LATENCY,
            "sides": list(map(str, sides)),
            "calls": pairs,
        }
        calls: list[str] = self._ask(order)["calls"]
        return calls

    def hang_up(self) -> dict[str, Any]:
        """End all calls; returns what became of their streams."""
        return self._ask({})

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise AssertionError("no process")
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        return answer


@dataclass
class Bench:
    """Two places for services behind HAProxy, and all that they need."""

    nats: EmbeddedServer
    phone: Phone
    home: Path
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
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "TWILIO_API_URL": self.phone.url,
            "MAX_CALLS": "1000",
            **environ,
        }
        command = (sys.executable, "-m", "handler.cli", "serve")
        process = self.stack.enter_context(running(*command, environ=settings))
        await asyncio.to_thread(wait_ready, f"http://127.0.0.1:{port}/readyz")
        return process

    async def call(self, count: int, seconds: int, metrics: int) -> dict[str, Said]:
        """Have calls come in, and wait until they are carried; returns what is said, by callSid."""
        sides = [talk(seed, seconds) for seed in range(min(SIDES, 2 * count))]
        paths = [self.home / f"side-{seed}" for seed in range(len(sides))]
        for path, side in zip(paths, sides, strict=True):
            path.write_bytes(side)
        some = itertools.cycle(range(len(sides)))
        pairs = [(next(some), next(some)) for _ in range(count)]
        calls = await asyncio.to_thread(self.phone.call, pairs, paths, self.front)
        await until(metrics, "calls", lambda carried: carried >= count)
        said = [(sides[one], sides[other]) for one, other in pairs]
        return dict(zip(calls, said, strict=True))

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

    async def records(self) -> dict[str, list[dict[str, Any]]]:
        """Return all that is stored of each call, in order."""
        subjects = Subjects()
        found: dict[str, list[dict[str, Any]]] = {}
        for stored in await read_history(self.client, subjects.streams[0], subjects.live):
            call_sid = subjects.parse(stored.subject).call_sid
            found.setdefault(call_sid, []).append(json.loads(stored.data))
        return found

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
    front, one, other, deepgram, api = free_ports(5)
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
        phone = Phone(api)
        stack.callback(phone.close)
        async with EmbeddedServer() as server:
            client = await nats.connect(server.url)
            made = Bench(server, phone, home, front, [one, other], deepgram, client, stack)
            for subject in ("moves.>", "_INBOX_partyline.>"):
                await client.subscribe(subject, cb=made.count)
            await client.subscribe("transcripts.*.*.event.*", cb=made.note)
            try:
                yield made
            finally:
                stack.pop_all().close()
                await client.close()


@dataclass(frozen=True)
class Left:
    """
    What became of calls whose service was ended.

    Attributes:
        calls: How many there were.
        exit_code: The service's.
        seconds: From SIGTERM to its exit.
        carried: How many of them the other service had then.
        moved: How many of them say that nothing was lost.
        cpu: Seconds of CPU time of both services for all moves, the second streams included.
        spin: Seconds of CPU time that a spin took before (``bench/spin.py``).
        messages: Of NATS, for all moves.
        size: Of them, in bytes.
        said: What was said in each call, by both sides, mu-law.
        records: All that is stored of each call.
        load: How late the load was, and what share of a processor it took.
    """

    calls: int
    exit_code: int
    seconds: float
    carried: float
    moved: int
    cpu: float
    spin: float
    messages: int
    size: int
    said: list[Said]
    records: list[list[dict[str, Any]]]
    load: dict[str, float]

    def __str__(self) -> str:
        count = self.calls
        return (
            f"{count} calls: exit {self.exit_code} after {self.seconds:.1f} s, "
            f"{self.carried:.0f} of them carried by the other, {self.moved} moved; a move takes "
            f"{1000 * self.cpu / count:.0f} ms of CPU in both, a spin {1e6 * self.spin:.0f} us, "
            f"{self.messages / count:.0f} messages and {self.size / count:.0f} bytes of NATS; "
            f"the load took {self.load['share']:.2f} of a processor, and what it sent went "
            f"{self.load['lag_p99']:.0f} ms late (p99), the API was asked "
            f"{self.load['most_asked']} at once"
        )


async def leave(count: int, seconds: int = SECONDS, *, baseline: float = BASELINE_SECONDS) -> Left:
    """
    Carry calls in one service, start another, end the first.

    Args:
        count: How many calls.
        seconds: What is said in each.
        baseline: For so long what they cost at rest is measured, in seconds.
    """
    begun = time.monotonic()
    with Spin() as spin:  # while nothing of ours runs
        await asyncio.sleep(SPIN_SECONDS)
        slow = spin.mean(begun, time.monotonic())
    async with bench() as made:
        first_metrics, metrics = free_ports(2)
        first = await made.serve(made.ports[0], METRICS_PORT=str(first_metrics))
        calls = await made.call(count, seconds, first_metrics)
        second = await made.serve(made.ports[1], METRICS_PORT=str(metrics))
        await asyncio.sleep(baseline / 2)
        before = cpu_seconds(first.pid)
        await asyncio.sleep(baseline)
        at_rest = (cpu_seconds(first.pid) - before) / baseline
        made.told.update(messages=0, bytes=0)
        begun, cpu = time.monotonic(), [cpu_seconds(one.pid) for one in (first, second)]
        first.send_signal(signal.SIGTERM)
        _, status, usage = await asyncio.to_thread(os.wait4, first.pid, 0)
        first.returncode = os.waitstatus_to_exitcode(status)
        taken = time.monotonic() - begun
        spent = usage.ru_utime + usage.ru_stime - cpu[0] + cpu_seconds(second.pid) - cpu[1]
        carried = await asyncio.to_thread(metric, metrics, "calls")
        await made.client.flush()
        moved, told = made.moved, dict(made.told)
        await asyncio.sleep(SETTLE_SECONDS)  # what was on its way is heard to its end
        load = await asyncio.to_thread(made.phone.hang_up)
        await until(metrics, "calls", lambda left: not left)
        records = await made.records()
        return Left(
            calls=count,
            exit_code=first.returncode,
            seconds=taken,
            carried=carried,
            moved=moved,
            cpu=spent - at_rest * taken,
            spin=slow,
            messages=told["messages"],
            size=told["bytes"],
            said=[
                (one[: FRAME * frames], other[: FRAME * frames])
                for (one, other), frames in zip(calls.values(), load.pop("spoken"), strict=True)
            ],
            records=[records[call_sid] for call_sid in calls],
            load=load,
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
        await asyncio.to_thread(made.phone.hang_up)
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
        print(asyncio.run(leave(arguments.calls)))


if __name__ == "__main__":
    main()
