"""The desk's calls on a service of their own: begun, talking in real time, ended."""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Self

from bench.desk.talk import Line, Talk
from bench.processes import server
from broker.broker import Broker
from broker.records import CallFacts, Record
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from broker.writer import CallWriter
from handler.tokens import tokens

HEARD_AFTER = 0.3  # seconds from a word to what the recogniser makes of it
HOLE = (14.0, 7.0)  # so many seconds ago words were lost
DEEPEST = 100  # records of a call that wait to be stored
OVERLAP = 8.0  # seconds for which both sides speak
OVER_EACH_OTHER = {
    "inbound": "But that is not what your colleague told me yesterday.",
    "outbound": "Please let me finish, I am just looking at it.",
}


class DeskCall:
    """One call that talks; it is written without audio."""

    def __init__(self, broker: Broker, talk: Talk, lasts: float) -> None:
        self.talk = talk
        self.facts = CallFacts(
            call_sid=f"CA{os.urandom(16).hex()}",
            account_sid="AC" + "1" * 32,
            stream_sid="MZ" + "1" * 32,
            started_at=round((time.time() - lasts) * 1000),
            **talk.facts,
        )
        self.writer: CallWriter = broker.writer(self.facts, broker.next_epoch())
        self.running = asyncio.create_task(self.writer.run())
        self._lines: Iterator[Line] = talk.lines()
        self._line = next(self._lines)
        self.last = self._line
        """What was said last, once something was."""
        self.hole: list[Line] = []
        """What was said and is in no transcript."""
        self.is_heard = True

    @property
    def sid(self) -> str:
        """Its callSid."""
        return self.facts.call_sid

    @property
    def clock(self) -> float:
        """Seconds since it began."""
        return time.time() - self.facts.started_at / 1000

    def say(self) -> None:
        """Say the next line."""
        body = self._line.result()
        assert body is not None
        self.writer.put(Record("final", self._line.track, body))
        self.last = self._line
        self._line = next(self._lines)

    def begin(self, *, loses: bool) -> None:
        """Say what was said so far; words of a moment ago may be lost."""
        first, last = (self.clock - ago for ago in HOLE)
        while loses and self._line.end < last:
            if self._line.end < first:
                self.say()
            else:
                self.hole.append(self._line)
                self._line = next(self._lines)
        self.talk_on()

    def lose_recogniser(self) -> None:
        """Be heard by nobody from now on."""
        self.is_heard = False
        self.tell(type="Recogniser", state="down", reason="HTTP 503")

    def find_recogniser(self) -> None:
        """Be heard again, with what was said meanwhile."""
        self.is_heard = True
        self.tell(type="Recogniser", state="up", reason="")
        self.talk_on()

    def tell_gap(self) -> None:
        """Tell that words were lost."""
        gap = {"start": self.hole[0].start, "end": self.hole[-1].end, "track": None}
        self.tell(type="Gap", reason="recogniser-unreachable", **gap)

    def talk_on(self) -> None:
        """Say what was said meanwhile: lines that are over, and the present one as far as it is."""
        if not self.is_heard:
            return
        heard = self.clock - HEARD_AFTER
        while self._line.end <= heard:
            self.say()
        if body := self._line.result(heard):
            self.writer.interim(self._line.track, body)

    def be_heard(self) -> None:
        """Be heard in mid-line, whatever the time."""
        line = self._line
        if body := line.result(line.start + line.duration * 0.6):
            self.writer.interim(line.track, body)

    def talk_over(self) -> None:
        """Let both sides speak at once, for some seconds from now."""
        for track, text in OVER_EACH_OTHER.items():
            line = Line(track, self.clock, OVERLAP, text)
            body = line.result(line.end)
            assert body is not None
            self.writer.interim(track, body)

    def be_heard_saying(self, text: str) -> None:
        """Be heard in mid-line with other words, which its end takes back."""
        other = replace(self._line, text=text)
        body = other.result()
        assert body is not None
        self.writer.interim(other.track, {**body, "is_final": False, "speech_final": False})

    def tell(self, **body: object) -> None:
        """Tell an event."""
        self.writer.put(Record("event", "call", body))

    async def stored(self) -> None:
        """Wait until little waits to be stored."""
        while self.writer.depth > DEEPEST:  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.01)

    async def end(self, reason: str = "completed") -> None:
        """Hang up."""
        self.tell(type="CallEnded", duration=round(self.clock, 1), reason=reason, requestIds=[])
        self.writer.finish()
        await self.running


class Desk:
    """
    A service on a nats-server of its own, and the calls that it carries.

    An async context manager; what still talks at its end is hung up.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_hex(32)
        self._stack = contextlib.AsyncExitStack()
        self._numbers = count()
        self.calls: list[DeskCall] = []
        self.port = 0
        self.pid = 0

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            nats = await stack.enter_async_context(EmbeddedServer())
            environ = {
                "NATS_URL": nats.url,
                "TOKEN_SECRET": self._secret,
                "TWILIO_AUTH_TOKEN": "none",
                "DEEPGRAM_API_KEY": "none",
            }
            serving = server("handler.cli", "serve", environ=environ, ready="/readyz")
            self.pid, self.port = stack.enter_context(serving)
            settings = BrokerSettings(servers=(nats.url,), instance="desk")
            self._broker = await stack.enter_async_context(Broker(settings))
            await self._broker.wait_ready()
            stack.push_async_callback(self.end)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    def link(self, *, seconds: float = 3600) -> str:
        """Make a link to the page, with a token that opens all calls for so long."""
        token = tokens.mint(self._secret, expires=time.time() + seconds, calls=["*"])
        return f"http://127.0.0.1:{self.port}/#token={token}"

    async def begin(self, number: int, *, rest: float = 0.0, lasts: float | None = None) -> None:
        """Begin so many calls; each has been going on for a while, or for so many seconds."""
        for _ in range(number):
            talk = Talk(next(self._numbers), rest)
            call = DeskCall(self._broker, talk, talk.lasts if lasts is None else lasts)
            self.calls.append(call)
            call.begin(loses=talk.number % 3 == 0)
        for call in self.calls:
            await call.writer.claimed.wait()
            await call.stored()

    def talk_on(self) -> None:
        """Let all calls say what they said meanwhile."""
        for call in self.calls:
            call.talk_on()

    async def speak(
        self,
        records: int,
        rate: float,
        *,
        interims: int = 0,
        calls: Sequence[DeskCall] | None = None,
    ) -> None:
        """
        Let calls speak in turn, so many records in all and a second.

        Args:
            records: How many.
            rate: How many a second, at most: it waits until they are stored.
            interims: How many other calls are heard in mid-line with each record.
            calls: Which of them; None for all.
        """
        begun, calls = time.monotonic(), calls or self.calls
        for number in range(records):
            at = number % len(calls)
            calls[at].say()
            await calls[at].stored()
            for one in range(1, interims + 1):
                calls[(at + one * len(calls) // (interims + 1)) % len(calls)].be_heard()
            await asyncio.sleep(max(0.0, begun + (number + 1) / rate - time.monotonic()))

    async def end(self) -> None:
        """Hang up, all of them."""
        await asyncio.gather(*(one.end() for one in self.calls if not one.running.done()))
