"""Whole processes: a service as a plain process, and what its tests ask of it."""

import asyncio
import contextlib
import json
import os
import random
import re
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
from support import schemas
from support.credentials import TOKEN_SECRET
from support.fleet import MakeFleet, fleets
from support.page import shared_browser
from support.processes import Serve, Service, serving
from support.sids import account_sid, stream_sid
from support.timing import LOOK, patience, until
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


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """For as long as something that is shared needs its loop; else each test has its own."""
    return "asyncio"


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[None]:
    """Start a browser for all tests of a module; what opens pages finds it."""
    async with shared_browser():
        yield


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


@pytest.fixture
def fleet(serve, nats, deepgram, token, tmp_path) -> MakeFleet:
    """Return what starts containers behind a load balancer, whose calls come from Twilio's."""
    return fleets(serve, nats, deepgram, token, tmp_path)


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
                async with patience(240):  # longer than any call of the tests
                    async for said in socket:
                        text = str(said)
                        (reader.records if '"seq":' in text else reader.interims).append(text)
                        if until is not None and until in text:
                            break
        reader.close_code = socket.close_code
        for message in reader.all_messages:
            schemas.check(message)  # whatever a test looks at, the contract holds
        return reader

    return follow


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
    # What is cut off within a pause ends with less silence than parts two words.
    runs = [run.strip(b"\xff") for run in re.split(rb"\xff{160,}", audio)]
    return [f"{zlib.crc32(run):08x}" for run in runs if run]


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
            await until(lambda: self.writer.depth <= 100, LOOK / 10)

    def put(self, **body: Any) -> None:
        self.writer.put(Record("event", "call", body))

    async def stored(self) -> None:
        """Wait until all of it is stored."""
        await until(lambda: not self.writer.depth and self.writer.acked)

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
            again: ToldCall | None = None,  # it has ended, and goes on
            **facts: Any,
        ) -> ToldCall:
            if service.nats_url not in brokers:
                settings = BrokerSettings(
                    servers=(service.nats_url,), instance=f"tests_{os.urandom(4).hex()}"
                )
                brokers[service.nats_url] = await stack.enter_async_context(Broker(settings))
            broker = brokers[service.nats_url]
            await broker.wait_ready()
            call = CallFacts(
                call_sid=f"CA{os.urandom(16).hex()}" if again is None else again.sid,
                account_sid=account_sid(1),
                stream_sid=stream_sid(1),
                started_at=time.time_ns() // 1_000_000,
                from_=from_,
                to=to,
                direction=direction,
                **facts,
            )
            writer = broker.writer(call, broker.next_epoch())
            running = asyncio.create_task(writer.run())
            stack.callback(running.cancel)
            told = ToldCall(writer, running)
            await told.stored()
            return told

        yield begin
