"""A live call moves from one container to another: with nothing lost, and nothing doubled."""

import asyncio
import contextlib
import random
from collections import Counter

import pytest
from support.brokers import read_records
from support.peers import Peer
from support.reencoded import coded_anew
from support.sids import account_sid, call_sid, stream_sid
from support.timing import patience

from broker.broker import Broker
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from handler.audio.mulaw import SAMPLE_RATE, Track
from handler.calls.live_calls import MEDIA_FORMAT, LiveCalls
from handler.calls.media_stream import End, Received
from handler.config import Settings
from handler.errors import MoveFailed
from handler.twilio.messages import Frame
from handler.twilio.start import StartDetails
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.frames import Course, schedule
from rehearsal.scripted import Scripted, names

SECONDS = 9


def talk(seed, seconds=SECONDS):
    """Return a side of a call: words, no two alike, with pauses between them."""
    chance = random.Random(seed)
    audio = bytearray(b"\xff" * SAMPLE_RATE)
    while len(audio) < seconds * SAMPLE_RATE:
        audio += bytes(chance.choices(range(0x20, 0x60), k=chance.randrange(1600, 3200)))
        audio += b"\xff" * chance.randrange(400, 6400)
    return bytes(audio[: seconds * SAMPLE_RATE]) + b"\xff" * SAMPLE_RATE


class Container:
    """What carries calls in one process."""

    def __init__(self, calls, broker):
        self.calls = calls
        self.broker = broker

    async def move(self, call_sid, ask_for_stream):
        """Let another container take a call; returns whether one has it."""
        return await self.calls.find(call_sid).move(ask_for_stream)


@contextlib.asynccontextmanager
async def containers(count=2, **changes):
    """Run some containers with one NATS and one recogniser."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(EmbeddedServer())
        deepgram = await stack.enter_async_context(DeepgramStandIn(Scripted()))
        opened = []
        for number in range(count):
            settings = Settings(
                instance=f"c{number}",
                deepgram_url=deepgram.url,
                deepgram_api_key="key",
                **changes,
            )
            broker = await stack.enter_async_context(
                Broker(BrokerSettings(servers=(server.url,), instance=settings.instance))
            )
            async with patience():
                await broker.wait_ready()
            calls = LiveCalls(settings, broker, note_delay=lambda _: None)
            opened.append(Container(await stack.enter_async_context(calls), broker))
        yield opened


class Phone:
    """A running call, of which there may be several media streams, each from when it begins."""

    def __init__(self, number=1, seconds=SECONDS):
        self.call_sid = call_sid(number)
        self.sides = talk(2 * number, seconds), talk(2 * number + 1, seconds)
        self.media = []
        self._begun = asyncio.get_running_loop().time()
        self._sending = []

    def stream(self, container, *, succeeding=False, code=bytes, **course):
        """Begin a media stream to a container."""
        number = len(self.media)
        start = StartDetails(account_sid(1), self.call_sid, stream_sid(number + 1), MEDIA_FORMAT)
        media = container.calls.open(start, Peer(), Received.now(), None, succeeding=succeeding)
        self.media.append(media)
        sides = [code(side) for side in self.sides]
        self._sending.append(asyncio.create_task(self._send(media, sides, course)))
        return media

    async def _send(self, media, sides, course):
        loop = asyncio.get_running_loop()
        at = round((loop.time() - self._begun) * SAMPLE_RATE)
        begins = self._begun + at / SAMPLE_RATE
        rest = [side[at:] for side in sides]
        for frame in schedule(rest[0], rest[1], Course(seed=len(self.media), **course)):
            await asyncio.sleep(begins + frame.at - loop.time())
            media.feed([Frame(Track(frame.track), frame.timestamp, frame.payload)])
        media.finish(End.STOPPED)

    async def over(self):
        """Wait for the call's end."""
        await asyncio.gather(*self._sending)

    async def hang_up(self):
        """End the call before its end."""
        for task in self._sending:
            task.cancel()
        for media in self.media:
            media.finish(End.STOPPED)


def said(records):
    words: dict[str, list[str]] = {"inbound": [], "outbound": []}
    for record in records:
        if record["type"] == "Results":
            words[record["track"]] += record["channel"]["alternatives"][0]["transcript"].split()
    return words


async def check(broker, phone, *, events):
    """Check that every word is there once, and which events the call has, in order."""
    records = await read_records(broker, phone.call_sid)
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    told = [
        record["type"] + (f" {record['reason']}" if record.get("reason") else "")
        for record in records
        if record["type"] != "Results"
    ]
    assert told == events
    return records


MOVED = ["CallStarted", "CallResumed moved", "CallEnded completed"]


async def move(mine, theirs, phone, after, **fork):
    """Play a call that moves after some seconds."""
    phone.stream(mine)
    await asyncio.sleep(after)

    async def ask():
        phone.stream(theirs, succeeding=True, **fork)

    moved = await mine.move(phone.call_sid, ask)
    await phone.over()
    return moved


FORKS: dict[str, dict[str, object]] = {
    "equal": {},
    "other frames": {"frame_ms": (30, 10, 20)},
    "a clock of its own": {"first_timestamp_ms": 5000, "jitter_ms": 0},
}


async def test_every_word_is_there_once_however_the_frames_are_cut():
    """Some calls at once, some within one container."""
    async with containers() as (mine, theirs), patience():
        phones = [Phone(number) for number in range(1, 7)]
        targets = [theirs, mine]
        moves = [
            move(mine, targets[number % 2], phone, 1.5 + 0.3 * number, **fork)
            for number, (phone, fork) in enumerate(zip(phones, [*FORKS.values()] * 2, strict=True))
        ]
        assert await asyncio.gather(*moves) == [True] * len(phones)
        for phone in phones:
            records = await check(mine.broker, phone, events=MOVED)
            whole = {"inbound": names(phone.sides[0]), "outbound": names(phone.sides[1])}
            assert said(records) == whole


def louder_coded_anew(samples):
    """Return samples that were coded anew, and silence as it was, which is what makes words."""
    return bytes(
        old if old == 0xFF else new for old, new in zip(samples, coded_anew(samples), strict=True)
    )


async def test_audio_that_was_coded_anew_has_as_many_words():
    async with containers() as (mine, theirs), patience():
        phone = Phone()
        assert await move(mine, theirs, phone, 2.0, code=louder_coded_anew)
        records = await check(mine.broker, phone, events=MOVED)
        counts = [len(names(side)) for side in phone.sides]
        assert [len(words) for words in said(records).values()] == counts


async def test_a_call_that_nobody_takes_loses_nothing():
    async with containers() as (mine, _), patience():
        phones = Phone(1), Phone(2)
        for phone in phones:
            phone.stream(mine)

        async def refused():
            raise MoveFailed("no room for two more tracks")

        async def lost():
            """Twilio says yes, and nothing comes."""

        await asyncio.sleep(2)
        assert not await mine.move(phones[0].call_sid, refused)
        assert not await mine.move(phones[1].call_sid, lost)
        for phone in phones:
            await phone.over()
            records = await check(mine.broker, phone, events=["CallStarted", "CallEnded completed"])
            assert said(records)["inbound"] == names(phone.sides[0])


@pytest.mark.parametrize("after", [0.2, 1.2, 2.0, 2.6])
async def test_a_call_may_end_while_it_moves(after):
    """Whoever has it by then ends it, and once."""
    async with containers() as (mine, theirs), patience():
        phone = Phone()
        phone.stream(mine)
        await asyncio.sleep(2)

        async def ask():
            phone.stream(theirs, succeeding=True)

        moving = asyncio.create_task(mine.move(phone.call_sid, ask))
        await asyncio.sleep(after)
        await phone.hang_up()
        await moving
        records = await read_records(mine.broker, phone.call_sid)
        kinds = Counter(record["type"] for record in records)
        assert kinds["CallEnded"] == kinds["CallStarted"] == 1
        assert kinds["Gap"] == 0
        assert records[-1]["type"] == "CallEnded"
        heard = said(records)["inbound"]
        assert heard[:-1] == names(phone.sides[0])[: len(heard) - 1]
        assert len(heard) >= 2
