"""A live call moves from one container to another: with nothing lost, and nothing doubled."""

import asyncio
import contextlib
import json
import random

import pytest
from support.brokers import read_records
from support.peers import Peer
from support.sids import account_sid, call_sid, stream_sid
from support.timing import patience

from broker.broker import Broker
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from handler.audio.mulaw import SAMPLE_RATE, Track
from handler.calls.live_calls import MEDIA_FORMAT, LiveCalls
from handler.config import Settings
from handler.errors import MoveFailed
from handler.twilio.messages import Frame
from handler.twilio.start import StartDetails
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.frames import Course, schedule
from rehearsal.scripted import Scripted, names

CALL = call_sid(1)


def talk(seed, seconds=10):
    """Return a side of a call: words of some 300 ms with pauses between them, each unlike the other."""
    chance = random.Random(seed)
    audio = bytearray(b"\xff" * 4000)
    while len(audio) < seconds * SAMPLE_RATE:
        audio += bytes(chance.choices(range(0x20, 0x60), k=chance.randrange(1600, 3200)))
        audio += b"\xff" * chance.randrange(400, 6400)
    return bytes(audio[: seconds * SAMPLE_RATE]) + b"\xff" * SAMPLE_RATE


SIDES = (talk(1), talk(2))


@contextlib.asynccontextmanager
async def containers(count=2):
    """Run some containers with one NATS and one recogniser."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(EmbeddedServer())
        deepgram = await stack.enter_async_context(DeepgramStandIn(Scripted()))
        opened = []
        for number in range(count):
            settings = Settings(
                instance=f"c{number}", deepgram_url=deepgram.url, deepgram_api_key="key"
            )
            broker = await stack.enter_async_context(
                Broker(BrokerSettings(servers=(server.url,), instance=settings.instance))
            )
            async with patience():
                await broker.wait_ready()
            calls = LiveCalls(settings, broker, note_delay=lambda _: None)
            opened.append((await stack.enter_async_context(calls), broker))
        yield opened


class Phone:
    """A running call, of which there may be several media streams, each from when it begins."""

    def __init__(self, sides=SIDES):
        self._sides = sides
        self._begun = asyncio.get_running_loop().time()
        self._sending = []

    def stream(self, calls, number, *, succeeding=False):
        start = StartDetails(account_sid(1), CALL, stream_sid(number), MEDIA_FORMAT)
        media = calls.open(start, Peer(), None, succeeding=succeeding)
        self._sending.append(asyncio.create_task(self._send(media, number)))
        return media

    async def _send(self, media, number):
        loop = asyncio.get_running_loop()
        at = round((loop.time() - self._begun) * SAMPLE_RATE)
        rest = [side[at:] for side in self._sides]
        begins = self._begun + at / SAMPLE_RATE
        for frame in schedule(*rest, Course(seed=number)):
            await asyncio.sleep(begins + frame.at - loop.time())
            media.feed([Frame(Track(frame.track), frame.timestamp, frame.payload)])
        from handler.calls.media_stream import End

        media.finish(End.STOPPED)

    async def over(self):
        await asyncio.gather(*self._sending)


async def test_a_call_moves(capsys):
    async with containers() as ((mine, broker), (theirs, _)), patience():
        phone = Phone()
        phone.stream(mine, 1)
        await asyncio.sleep(2)

        async def ask():
            phone.stream(theirs, 2, succeeding=True)

        assert await mine.move(CALL, ask)
        await phone.over()
        records = await read_records(broker, CALL)
    said = {"inbound": [], "outbound": []}
    for record in records:
        print(record["seq"], record["type"], record.get("reason"), record["epoch"], record.get("start"))
        if record["type"] == "Results":
            said[record["track"]] += record["channel"]["alternatives"][0]["transcript"].split()
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    assert said == {"inbound": names(SIDES[0]), "outbound": names(SIDES[1])}
