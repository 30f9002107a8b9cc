"""
What a stranger may cost who sends HTTP as no client would: beside each attack, a live call.

What the attack may cost the call stands in ``tests/support/beside.py``: LATE, MEMORY.
"""

import asyncio
import contextlib
import itertools
import math
import resource
import statistics
from collections import Counter
from pathlib import Path

import httpx
import pytest
from support.beside import live_call
from support.credentials import AUTH_TOKEN
from support.sids import call_sid
from support.timing import patience, until

from bench.processes import free_port
from rehearsal.twilio import Options, place_call

# Descriptors for the process in the test of those: fewer than there are attackers.
DESCRIPTORS = 620
# How often the processor's time of a connection with one request one with thousands may cost.
TIMES = 10
# How long attackers go on once there is no descriptor left, in seconds.
SECONDS = 3

pytestmark = pytest.mark.proof

UPGRADE = (
    b"GET /client HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
HANDSHAKES = {
    "too many fields": UPGRADE + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n",
    "a body": UPGRADE + b"Content-Length: 10\r\n\r\n0123456789",
    "a body that does not come": UPGRADE + b"Content-Length: 10\r\n\r\n",
    "a body in pieces": UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "a long field": UPGRADE + b"X: " + b"y" * 9000 + b"\r\n\r\n",
    "frames": UPGRADE + b"\r\n" + b"\x89\x80\0\0\0\0" * 1000,
    "no token": UPGRADE + b"\r\n",
}
REQUEST = b"GET /calls HTTP/1.1\r\n\r\n"
LAST_REQUEST = b"GET /calls HTTP/1.1\r\nConnection: close\r\n\r\n"
POST = b"POST /calls HTTP/1.1\r\nHost: x\r\n"
BODIES = {
    "trailers": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: " + b"b" * 60 + b"\r\n"),
    "pieces": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "a length": (POST + b"Content-Length: 100000000\r\n\r\n", b"x" * 60),
    "fields": (b"GET / HTTP/1.1\r\n", b"A:b\r\n"),
    "line ends": (b"", b"\r\n"),
    "an extension": (POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"e" * 60),
}


class Peer:
    """A connection of an attacker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def come(cls, port: int, data: bytes = b"") -> "Peer":
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        return cls(reader, writer)

    async def end(self) -> bytes:
        """Return what the service answers, once it has closed."""
        answer = b""
        with contextlib.suppress(ConnectionError):
            while data := await self.reader.read(2**16):
                answer += data
        self.leave()
        return answer

    def leave(self) -> None:
        self.writer.transport.abort()


async def test_handshakes_that_are_none_are_answered_at_once_and_none_stays(serve, token, rounds):
    count = len(rounds(sample=300, full=2000))
    kinds = itertools.cycle(HANDSHAKES.values())
    with live_call(serve, token) as call:
        async with patience():
            peers = [
                await Peer.come(call.service.port, data)
                for data, _ in zip(kinds, range(count), strict=False)
            ]
            answers = Counter([(await peer.end())[9:12] for peer in peers])
        assert set(answers) <= {b"400", b"401", b"431"}
        assert sum(answers.values()) == count
        await asyncio.to_thread(call.check)
        hung = [await Peer.come(call.service.port, data[:-2]) for data in HANDSHAKES.values()]
        assert await asyncio.to_thread(call.service.stop) == 0
        for peer in hung:
            peer.leave()
        assert "handshake refused" in call.service.text
        assert "Traceback" not in call.service.text


async def pour(peer: Peer, data: bytes) -> bytes:
    """Send something again and again until the service has closed; returns what it answers."""
    ended = asyncio.create_task(peer.end())
    while not ended.done():
        peer.writer.write(data)
        sent = asyncio.create_task(peer.writer.drain())
        await asyncio.wait({ended, sent}, return_when=asyncio.FIRST_COMPLETED)
        sent.cancel()
        await asyncio.wait({sent})
        if not sent.cancelled() and sent.exception() is not None:
            break
    return await ended


async def test_requests_without_end_are_cut_off(serve, token, rounds):
    """Trailers, bodies, heads: for some seconds, on as many connections as there are kinds."""
    seconds = len(rounds(sample=3, full=10))
    sizes: Counter[str] = Counter()

    async def attack(port: int, kind: str, end: float) -> None:
        begin, more = BODIES[kind]
        data = more * (100_000 // len(more))
        while asyncio.get_running_loop().time() < end:
            await pour(await Peer.come(port, begin), data)
            sizes[kind] += 1

    with live_call(serve, token) as call:
        end = asyncio.get_running_loop().time() + seconds
        async with patience(), asyncio.TaskGroup() as tasks:
            for kind in BODIES:
                tasks.create_task(attack(call.service.port, kind, end))
        print(dict(sizes))
        assert set(sizes) == set(BODIES)
        await asyncio.to_thread(call.check)
        assert await asyncio.to_thread(call.service.stop) == 0
        assert "Traceback" not in call.service.text


async def test_requests_in_a_queue_are_not_answered(serve, token, rounds):
    """59 kB of them on each of a hundred connections; and as many as one request may have bytes."""
    with live_call(serve, token) as call:
        count, pid = len(rounds(sample=40, full=100)), call.service.popen.pid
        clock = asyncio.get_running_loop().time
        begun, before = clock(), cpu(pid)
        await asyncio.to_thread(call.portal.call, call.two_finals)
        rate = (cpu(pid) - before) / (clock() - begun)  # of the call alone

        async def come(queues: list[bytes]) -> tuple[list[bytes], float]:
            begun, before = clock(), cpu(pid)
            async with patience():
                peers = [
                    await Peer.come(call.service.port, queues[number % len(queues)])
                    for number in range(count)
                ]
                answers = [await peer.end() for peer in peers]
            return answers, cpu(pid) - before - rate * (clock() - begun)

        one = statistics.median([(await come([LAST_REQUEST]))[1] for _ in range(3)])
        assert one > 0
        answers, thousands = await come([b"GET /x HTTP/1.1\r\n\r\n" * 3100, REQUEST * 1000])
        print(f"{1000 * one / count:.1f} ms for each; with thousands {thousands / one:.1f} times")
        assert thousands < TIMES * one
        assert {answer.count(b"HTTP/1.1 ") for answer in answers} == {1}
        assert {answer[9:12] for answer in answers} == {b"431", b"401"}
        await asyncio.to_thread(call.check)
        assert await asyncio.to_thread(call.service.stop) == 0


async def test_a_thousand_who_say_nothing_take_no_place_of_a_call(serve, token, rounds):
    """Nor of Deepgram's connection, of /metrics, or of a reader."""
    count = len(rounds(sample=700, full=1500))
    metrics = free_port()
    kinds = itertools.cycle([b"", b"GET / HTTP/1.1\r\n", UPGRADE, POST + b"\r\n", b"\r\n"])
    with live_call(serve, token, METRICS_PORT=str(metrics)) as call:
        pid, port = call.service.popen.pid, call.service.port
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
        async with patience():
            hung = [await Peer.come(metrics, b"GET / HTTP/1.1\r\n") for _ in range(count // 10)]
            for data, number in zip(kinds, range(count), strict=False):
                hung.append(await Peer.come(port, data))
                if number % 100 == 0:  # in the midst of it
                    await answered(f"http://127.0.0.1:{port}/healthz")
            await answered(f"http://127.0.0.1:{metrics}/metrics")
        await asyncio.to_thread(call.check)
        options = Options(auth_token=AUTH_TOKEN, speed=4)
        report = await place_call(f"{call.service.ws}/twilio", b"\xff" * 8000, b"", options)
        assert report.ok
        await until(lambda: len(call.deepgram.heard) == 2)
        assert await asyncio.to_thread(call.service.stop) == 0  # with all of them there
        for peer in hung:
            peer.leave()
        assert "its place is needed" in call.service.text
        assert "Traceback" not in call.service.text


async def test_a_new_call_comes_beside_hundreds_who_wait_for_an_answer(serve, mint, token, rounds):
    """Event streams of a call that nobody knows, by the narrowest token: each waits 30 s."""
    count = len(rounds(sample=520, full=800))
    nobody = call_sid(9)
    narrow = mint(calls=[nobody])
    asked = f"GET /calls/{nobody}/events?token={narrow} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with live_call(serve, token) as call:
        async with patience():
            waiting = [await Peer.come(call.service.port, asked) for _ in range(count)]
            await until(lambda: "its place is needed" in call.service.text)
            options = Options(auth_token=AUTH_TOKEN, speed=4)
            report = await place_call(f"{call.service.ws}/twilio", b"\xff" * 8000, b"", options)
        assert report.ok
        await asyncio.to_thread(call.check, calls=2)
        assert await asyncio.to_thread(call.service.stop) == 0
        for peer in waiting:
            peer.leave()
        assert "Traceback" not in call.service.text


async def test_without_descriptors_the_log_says_what_to_change_and_calls_go_on(serve, token):
    """The limit is below what the process was told at its start."""
    with live_call(serve, token) as call:
        pid, port = call.service.popen.pid, call.service.port
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (100, hard))
        loop, hung, end = asyncio.get_running_loop(), [], math.inf
        async with patience():
            while loop.time() < end:
                hung.append(await Peer.come(port, b"GET / HTTP/1.1\r\n"))
                await asyncio.sleep(0.01)
                if end == math.inf and "cannot accept connections" in call.service.text:
                    end = loop.time() + SECONDS
        told = await asyncio.to_thread(call.service.wait_for, "cannot accept connections")
        assert "ulimit -n" in told["advice"]
        await answered(f"http://127.0.0.1:{port}/healthz")
        await asyncio.to_thread(call.check)
        for peer in hung:
            peer.leave()
        assert await asyncio.to_thread(call.service.stop) == 0
        assert call.service.text.count("cannot accept connections") == 1


async def test_who_leaves_at_any_moment_leaves_no_traceback(serve, token, rounds):
    count = len(rounds(sample=200, full=2000))
    asked = [
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n".encode() + more
        for path in ("/", "/calls", "/calls/events", "/client", "/nothing")
        for more in (b"\r\n", b"", UPGRADE.partition(b"\r\n")[2] + b"\r\n")
    ]
    with live_call(serve, token) as call:
        async with patience():
            for data, number in zip(itertools.cycle(asked), range(count), strict=False):
                peer = await Peer.come(call.service.port, data)
                await peer.writer.drain()
                await asyncio.sleep(number % 7 * 0.001)
                peer.leave()
        await asyncio.to_thread(call.check)
        assert await asyncio.to_thread(call.service.stop) == 0
        assert "Traceback" not in call.service.text


async def answered(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).status_code == 200


def cpu(pid: int) -> float:
    """Return the seconds of CPU that the loop of a process has used."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
