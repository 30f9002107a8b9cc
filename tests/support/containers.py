"""Containers without a port: what carries calls in some processes of one service."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from support.peers import Peer
from support.sids import account_sid, call_sid, stream_sid
from support.timing import patience

from broker.broker import Broker
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from handler.audio.mulaw import SAMPLE_RATE, Track
from handler.calls.live_calls import MEDIA_FORMAT, LiveCalls
from handler.calls.media_stream import End, MediaStream, Received
from handler.config import Settings
from handler.twilio.messages import Frame
from handler.twilio.start import StartDetails
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.frames import Course, schedule


@dataclass
class Container:
    """What carries calls in one process."""

    settings: Settings
    broker: Broker
    calls: LiveCalls


@contextlib.asynccontextmanager
async def containers(
    deepgram: DeepgramStandIn, count: int = 2, *, lease: int = 20, **changes: Any
) -> AsyncIterator[list[Container]]:
    """Run some containers with one NATS."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(EmbeddedServer())
        opened = []
        for number in range(count):
            settings = Settings(
                instance=f"c{number}", deepgram_url=deepgram.url, deepgram_api_key="key", **changes
            )
            servers = BrokerSettings(
                servers=(server.url,),
                instance=settings.instance,
                lease_ttl=lease,
                lease_refresh=lease / 4,
            )
            broker = await stack.enter_async_context(Broker(servers))
            async with patience():
                await broker.wait_ready()
            calls = LiveCalls(settings, broker, note_delay=lambda _: None)
            await stack.enter_async_context(calls)
            opened.append(Container(settings, broker, calls))
        yield opened


class Phone:
    """A call in progress, heard by one media stream after the other."""

    def __init__(self, sides: tuple[bytes, bytes], number: int = 1) -> None:
        self.call_sid = call_sid(number)
        self.streams: list[tuple[MediaStream, Peer]] = []
        self._sides = sides
        self._begun = asyncio.get_running_loop().time()
        self._sending: list[asyncio.Task[None]] = []

    def stream(self, container: Container, **how: bool) -> Peer:
        """Begin a media stream to a container, of what is said from now on."""
        sid = stream_sid(len(self.streams) + 1)
        start = StartDetails(account_sid(1), self.call_sid, sid, MEDIA_FORMAT)
        peer = Peer()
        media = container.calls.open(start, peer, Received.now(), None, **how)
        self.streams.append((media, peer))
        self._sending.append(asyncio.create_task(self._send(media)))
        return peer

    def end(self, end: End) -> None:
        """End the newest media stream."""
        self._sending[-1].cancel()
        self.streams[-1][0].finish(end)

    async def over(self) -> None:
        """Wait until all is said."""
        await self._sending[-1]

    async def _send(self, media: MediaStream) -> None:
        loop = asyncio.get_running_loop()
        at = round((loop.time() - self._begun) * SAMPLE_RATE)
        begins = self._begun + at / SAMPLE_RATE
        one, other = (side[at:] for side in self._sides)
        for frame in schedule(one, other, Course()):
            await asyncio.sleep(begins + frame.at - loop.time())
            media.feed([Frame(Track(frame.track), frame.timestamp, frame.payload)])
        media.finish(End.STOPPED)
