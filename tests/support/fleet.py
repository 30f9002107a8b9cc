"""Containers behind a load balancer, running calls that come to them, and who reads those."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.processes import Serve, Service
from support.proxies import balancer, found
from support.talk import Side, faults, talk
from support.twilio_access import access
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from bench.processes import free_port
from broker.server.embedded import EmbeddedServer
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.twilio.account import Account
from rehearsal.twilio.running_call import RunningCall
from rehearsal.twilio.stand_in import TwilioStandIn

NUMBER, CALLER, CALLEE = "+15550001111", "+15550002222", "+15550003333"
# From SIGTERM to the end Cloud Run waits so long.
CLOUD_RUN_SECONDS = 10.0
TRACKS = "inbound", "outbound"


@dataclass
class Reader:
    """What a subscriber has read of a call, and how often it had to come back."""

    records: list[dict[str, Any]] = field(default_factory=list)
    breaks: int = 0

    @property
    def events(self) -> list[str]:
        named = [record for record in self.records if record["type"] != "Results"]
        return [" ".join(filter(None, (one["type"], one.get("reason")))) for one in named]

    @property
    def epochs(self) -> set[str]:
        return {record["epoch"].rpartition("-")[0] for record in self.records}


async def follow(urls: list[str], token: str, call_sid: str) -> Reader:
    """Read a call to its end, as a subscriber that comes back: to each address in turn."""
    reader = Reader()
    for url in itertools.cycle(urls):
        since = reader.records[-1]["seq"] if reader.records else 0
        target = f"{url.replace('http', 'ws', 1)}/client?call={call_sid}&since={since}"
        bearer = {"Authorization": f"Bearer {token}"}
        with contextlib.suppress(ConnectionClosedError, InvalidStatus, OSError):
            async with connect(target, additional_headers=bearer, proxy=None) as socket:
                async for text in socket:
                    message = json.loads(text)
                    if "seq" in message:
                        reader.records.append(message)
        if reader.records and reader.records[-1]["type"] == "CallEnded":
            return reader
        reader.breaks += 1
        await asyncio.sleep(0.2)
    raise AssertionError(urls)


def sides(number: int, seconds: float) -> tuple[Side, Side]:
    return talk(2 * number, seconds), talk(2 * number + 1, seconds)


def by_track(pair: tuple[Side, Side]) -> dict[str, Side]:
    return dict(zip(TRACKS, pair, strict=True))


@dataclass
class Fleet:
    """
    Containers behind a load balancer, and an account at Twilio's whose number leads there.

    Attributes:
        ports: Where the balancer looks for containers.
        metrics_ports: Where each tells how it is, by its port.
        containers: The newest that was started at each port.
        readers: Who reads a call, by callSid.
    """

    serve: Serve
    nats: EmbeddedServer
    deepgram: DeepgramStandIn
    twilio: TwilioStandIn
    token: str
    ports: list[int]
    metrics_ports: dict[int, int]
    url: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    containers: dict[int, Service] = field(default_factory=dict)
    readers: dict[str, asyncio.Task[Reader]] = field(default_factory=dict)

    async def start(self, port: int) -> Service:
        self.containers[port] = await asyncio.to_thread(
            self.serve,
            PORT=str(port),
            METRICS_PORT=str(self.metrics_ports[port]),
            NATS_URL=self.nats.url,
            **access(self.twilio, self.url),
            FORWARD_TO=CALLEE,
            NOTICE="none",
            **{"DEEPGRAM_URL": self.deepgram.url, **self.environ},
        )
        return self.containers[port]

    async def stop(self, port: int) -> float:
        """End a container as a platform does; returns how long it took, in seconds."""
        began = time.monotonic()
        code = await asyncio.to_thread(self.containers[port].stop)
        assert code == 0, self.containers[port].text[-3000:]
        return time.monotonic() - began

    async def roll(self) -> None:
        """Replace each container in turn, as a platform deploys."""
        await asyncio.sleep(5)
        for port in self.ports:
            assert await self.stop(port) < CLOUD_RUN_SECONDS
            await self.start(port)
            await asyncio.sleep(1)

    def call(self, one: Side, other: Side, *ports: int) -> RunningCall:
        """Have a call come in, and read it: at these containers in turn, or at any."""
        call = self.twilio.call(NUMBER, CALLER, inbound=one.audio, outbound=other.audio)
        urls = [f"http://127.0.0.1:{port}" for port in ports] or [self.url]
        self.readers[call.leg.sid] = asyncio.create_task(follow(urls, self.token, call.leg.sid))
        return call

    async def read(self, call: RunningCall) -> Reader:
        """Return what was read of a call, once it is over."""
        return await self.readers[call.leg.sid]

    async def check(self, calls: list[RunningCall], said: list[tuple[Side, Side]]) -> str:
        """
        Check that every word of some calls was read once, without a gap; returns what there was.

        A call that nobody pauses in is cut where it may be, and its process may have to leave in
        the middle of a word: of a thousand, one may be heard in two pieces.
        """
        moves = pieces = words = 0
        for call, pair in zip(calls, said, strict=True):
            reader = await self.read(call)
            assert not (found := faults(reader.records, by_track(pair))), found
            kinds = {"CallStarted", "CallResumed moved", "CallEnded completed"}
            assert set(reader.events) <= kinds, reader.events
            moves += reader.events.count("CallResumed moved")
            words += sum(len(side.words) for side in pair)
            pieces += sum(
                fault.endswith("lost")
                for fault in faults(reader.records, by_track(pair), seams=False)
            )
        assert moves > 0
        assert pieces <= words / 1000
        return f"{len(calls)} calls, {moves} moves, {words} words, {pieces} of them in two pieces"


MakeFleet = Callable[..., contextlib.AbstractAsyncContextManager[Fleet]]


def fleets(
    serve: Serve, nats: EmbeddedServer, deepgram: DeepgramStandIn, token: str, home: Path
) -> MakeFleet:
    """Return what starts containers, and all that they need."""

    @contextlib.asynccontextmanager
    async def make(
        count: int = 2, *, running: int | None = None, balance: str = "roundrobin", **environ: str
    ) -> AsyncIterator[Fleet]:
        """
        Start some.

        Args:
            count: For how many the balancer has places.
            running: How many there are at first; None: all.
            balance: How HAProxy chooses among them.
            environ: Settings of each.
        """
        ports = [free_port() for _ in range(count)]
        own = home / str(ports[0])
        own.mkdir()
        with balancer(ports, own, by=balance) as front:
            async with TwilioStandIn(Account()) as twilio:
                made = Fleet(
                    serve,
                    nats,
                    deepgram,
                    twilio,
                    token,
                    ports,
                    {port: free_port() for port in ports},
                )
                made.url, made.environ = f"http://127.0.0.1:{front}", environ
                await asyncio.gather(*map(made.start, ports[:running]))
                await found(front, len(made.containers))
                twilio.account.add_number(
                    NUMBER,
                    voice_url=f"{made.url}/twilio/voice#rc=3&rp=all",
                    status_callback=f"{made.url}/twilio/status",
                )
                try:
                    yield made
                finally:
                    for task in made.readers.values():
                        task.cancel()
                    await asyncio.gather(*made.readers.values(), return_exceptions=True)
                    services = made.containers.values()
                    left = [one for one in services if one.popen.poll() is None]
                    await asyncio.gather(*(asyncio.to_thread(one.stop) for one in left))

    return make
