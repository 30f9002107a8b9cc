"""Whole processes: a service as a plain process, and what its tests ask of it."""

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
from support import schemas
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from broker.broker import Broker
from broker.records import CallFacts, Record
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from broker.writer import CallWriter
from handler.tokens import tokens
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.scripted import Scripted

AUTH_TOKEN = "twilio-auth-token-of-the-tests"
TOKEN_SECRET = "subscriber-token-secret-of-the-tests"
# Slow machines scale every deadline of the tests at once.
UNIT = float(os.environ.get("PARTYLINE_TEST_UNIT", "1"))
PATIENCE = 240  # seconds: longer than any call of the tests


@dataclass
class Process:
    """A program of ours that writes JSON log lines to standard error."""

    popen: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)
    reading: threading.Thread | None = None

    def start_reading(self) -> None:
        self.reading = threading.Thread(target=self.read)
        self.reading.start()

    def close(self) -> None:
        """Close the pipes of a process that has ended."""
        if self.reading is not None:
            self.reading.join()
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream is not None:
                stream.close()

    def read(self) -> None:
        assert self.popen.stderr is not None
        for text in self.popen.stderr:
            with self.news:
                self.output.append(text)
                with contextlib.suppress(json.JSONDecodeError):
                    self.lines.append(json.loads(text))
                self.news.notify_all()
        with self.news:
            self.news.notify_all()

    def wait_for(self, event: str, timeout: float = 20.0) -> dict[str, Any]:
        """Return the first log line with this event, waiting for it."""
        deadline = time.monotonic() + timeout * UNIT
        with self.news:
            while True:
                for entry in self.lines:
                    if entry.get("event") == event:
                        return entry
                left = deadline - time.monotonic()
                if left <= 0 or self.popen.poll() is not None:
                    raise AssertionError(f"no {event!r} in:\n{''.join(self.output)}")
                self.news.wait(min(left, 0.5))

    def stop(self, timeout: float = 20.0) -> int:
        """Send SIGTERM and return the exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(timeout * UNIT)

    @property
    def text(self) -> str:
        with self.news:
            return "".join(self.output)


@dataclass
class Service(Process):
    """A running ``partyline serve``."""

    @property
    def url(self) -> str:
        return self.wait_for("ready")["url"]

    @property
    def ws(self) -> str:
        return self.url.replace("http", "ws", 1)

    @property
    def nats_url(self) -> str:
        return self.wait_for("ready")["nats_url"]


Serve = Callable[..., Service]


@contextlib.contextmanager
def serving() -> Iterator[Serve]:
    """Return what starts services; whatever still runs at the end is stopped."""
    started: list[Service] = []

    def start(*flags: str, wait: bool = True, **environ: str) -> Service:
        settings = {
            "PORT": "0",
            "HOST": "127.0.0.1",
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "TOKEN_SECRET": TOKEN_SECRET,
            "DEEPGRAM_API_KEY": "a-key-of-the-tests",
            "DEEPGRAM_URL": "ws://127.0.0.1:1",
            **environ,
        }
        if "NATS_URL" not in settings:
            flags = ("--embedded-nats", *flags)
        popen = subprocess.Popen(
            [sys.executable, "-m", "handler.cli", "serve", *flags],
            env={"PATH": os.environ["PATH"], **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        service = Service(popen)
        service.start_reading()
        started.append(service)
        if wait:
            service.wait_for("ready")
        return service

    yield start
    for service in started:
        if service.popen.poll() is None:
            service.popen.terminate()
    for service in started:
        try:
            service.popen.wait(20 * UNIT)
        finally:
            service.popen.kill()
            service.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start services for one test."""
    with serving() as start:
        yield start


@pytest.fixture(scope="module")
def serve_many() -> Iterator[Serve]:
    """Start services for all tests of a module."""
    with serving() as start:
        yield start


Mint = Callable[..., str]


@pytest.fixture
def mint() -> Mint:
    """Return what makes tokens that the services of the tests take."""

    def make(*, ttl: float = 600, **grants: Any) -> str:
        return tokens.mint(TOKEN_SECRET, expires=time.time() + ttl, **grants)

    return make


@pytest.fixture
def token(mint: Mint) -> str:
    """Return a token that opens every call."""
    return mint(calls=["*"])


@pytest.fixture
async def deepgram() -> AsyncIterator[DeepgramStandIn]:
    """Stand in for Deepgram: results that name the audio."""
    async with DeepgramStandIn(Scripted()) as standin:
        yield standin


@pytest.fixture
async def nats() -> AsyncIterator[EmbeddedServer]:
    """Run a nats-server of the test's own."""
    async with EmbeddedServer() as server:
        yield server


@dataclass
class Reader:
    """What one subscriber got, and how its socket ended."""

    records: list[str] = field(default_factory=list)
    interims: list[str] = field(default_factory=list)
    close_code: int | None = None

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.records]

    @property
    def all_messages(self) -> list[dict[str, Any]]:
        return self.messages + [json.loads(text) for text in self.interims]

    def texts(self, track: str) -> list[str]:
        return [
            message["channel"]["alternatives"][0]["transcript"]
            for message in self.messages
            if message["type"] == "Results" and message["track"] == track
        ]

    def words(self, track: str) -> list[str]:
        return " ".join(self.texts(track)).split()

    def types(self) -> list[str]:
        return [message["type"] for message in self.messages if message["type"] != "Results"]


class Read(Protocol):
    async def __call__(
        self, service: Service, call_sid: str, *, token: str, until: str | None = None
    ) -> Reader: ...


@pytest.fixture
def read() -> Read:
    """Return what reads a call to its end, as a plain socket, or until some text was seen."""

    async def follow(
        service: Service, call_sid: str, *, token: str, until: str | None = None
    ) -> Reader:
        reader = Reader()
        url = f"{service.ws}/client?token={token}&call={call_sid}"
        async with connect(url, compression=None, proxy=None) as socket:
            with contextlib.suppress(ConnectionClosedError):
                async with asyncio.timeout(PATIENCE * UNIT):
                    async for text in socket:
                        (reader.records if '"seq":' in text else reader.interims).append(text)
                        if until is not None and until in text:
                            break
        reader.close_code = socket.close_code
        for message in reader.all_messages:
            schemas.check(message)  # whatever a test looks at, the contract holds
        return reader

    return follow


@pytest.fixture
def resident_mb() -> Callable[[int], float]:
    """Return what tells how much of a process is in RAM."""

    def look(pid: int) -> float:
        kilobytes = subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)], text=True)
        return int(kilobytes) / 1000

    return look


def bursts(seed: int, seconds: float) -> bytes:
    """Sound in bursts, each a word of the scripted recogniser, with silence between them."""
    source = random.Random(seed)
    audio = bytearray()
    while len(audio) < seconds * 8000:
        length = source.randrange(800, 3200)
        audio += bytes(source.randrange(1, 127) for _ in range(length))
        audio += b"\xff" * source.randrange(800, 6000)
    return bytes(audio[: int(seconds * 8000) - 800]) + b"\xff" * 800


def words_of(audio: bytes) -> list[str]:
    """The words of :func:`bursts`, found in the obvious way: split at the silence."""
    return [
        f"{zlib.crc32(run):08x}" for run in re.split(rb"\xff{160,}", audio) if run.strip(b"\xff")
    ]


@pytest.fixture
def sound() -> SimpleNamespace:
    """Audio whose words are known without a recogniser."""
    return SimpleNamespace(bursts=bursts, words_of=words_of)


def final(text: str, start: float, track: str = "inbound", duration: float = 1.0) -> Record:
    """Make a final as a recogniser would, one word every quarter of a second."""
    step = duration / max(1, len(text.split()))
    words = [
        {
            "word": word.lower().strip(".,?"),
            "punctuated_word": word,
            "start": round(start + step * number, 3),
            "end": round(start + step * (number + 1), 3),
            "confidence": 0.99,
        }
        for number, word in enumerate(text.split())
    ]
    alternative = {"transcript": text, "confidence": 0.99, "words": words}
    body = {
        "type": "Results",
        "channel_index": [0 if track == "inbound" else 1, 2],
        "start": start,
        "duration": duration,
        "is_final": True,
        "speech_final": True,
        "channel": {"alternatives": [alternative]},
        "metadata": {"request_id": "0", "model_info": {}, "model_uuid": "0"},
    }
    return Record("final", track, body)


@dataclass
class ToldCall:
    """A call that is written to NATS without audio: records as a test wants them."""

    writer: CallWriter
    running: asyncio.Task[None]

    @property
    def sid(self) -> str:
        return self.writer.call.call_sid

    def say(self, text: str, start: float = 0.0, track: str = "inbound") -> None:
        self.writer.put(final(text, start, track))

    async def say_much(self, text: str, times: int) -> None:
        """Say something again and again, as fast as it is stored."""
        for number in range(times):
            self.say(text, number)
            while self.writer.depth > 100:
                await asyncio.sleep(0.001)

    def put(self, **body: Any) -> None:
        self.writer.put(Record("event", "call", body))

    async def stored(self) -> None:
        """Wait until all of it is stored."""
        while self.writer.depth or not self.writer.acked:
            await asyncio.sleep(0.005)

    async def end(self) -> None:
        self.put(type="CallEnded", duration=1.0, reason="completed", requestIds=[])
        self.writer.finish()
        await self.running


Tell = Callable[..., Any]


@pytest.fixture
async def tell() -> AsyncIterator[Tell]:
    """Return what begins calls on the NATS of a service; they are ended with the test."""
    async with contextlib.AsyncExitStack() as stack:
        brokers: dict[str, Broker] = {}

        async def begin(
            service: Service,
            *,
            from_: str | None = None,
            to: str | None = None,
            direction: str = "inbound",
        ) -> ToldCall:
            if service.nats_url not in brokers:
                settings = BrokerSettings(
                    servers=(service.nats_url,), instance=f"tests_{os.urandom(4).hex()}"
                )
                brokers[service.nats_url] = await stack.enter_async_context(Broker(settings))
            broker = brokers[service.nats_url]
            await broker.wait_ready()
            call = CallFacts(
                call_sid=f"CA{os.urandom(16).hex()}",
                account_sid=f"AC{1:032x}",
                stream_sid=f"MZ{1:032x}",
                started_at=time.time_ns() // 1_000_000,
                from_=from_,
                to=to,
                direction=direction,
            )
            writer = broker.writer(call, broker.next_epoch())
            running = asyncio.create_task(writer.run())
            stack.callback(running.cancel)
            told = ToldCall(writer, running)
            await told.stored()
            return told

        yield begin
