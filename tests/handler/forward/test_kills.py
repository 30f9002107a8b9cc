"""
Receivers and forwarders that are killed, again and again: all comes, and in order.

Forwarders are processes and end by kill -9. What comes twice has the same name and the same bytes.
"""

import asyncio
import json
import random
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.msg import Msg
from support.brokers import ENDED
from support.forwarders import ended, forwarding, started, write
from support.receivers import CUT, HALF, Answer, Received, Receiver
from support.timing import LOOK, patience, until

from broker.broker import Broker

CALLS, FINALS = 4, 8


def whim(source: random.Random):
    """Return what a receiver does that is not well: half of the time it takes what comes."""

    def answer(_: Received) -> Answer:
        odd: list[Answer] = [500, 503, 404, (429, "retry-after: 0\r\n"), CUT, HALF]
        return 200 if source.random() < 0.5 else source.choice(odd)

    return answer


class Chatter:
    """Calls that are written beside each other, each at its pace, and what a tap sees of them."""

    def __init__(
        self, broker: Broker, facts: Callable[..., Any], final: Callable[..., Any]
    ) -> None:
        self.tapped: dict[str, list[bytes]] = defaultdict(list)
        self._broker = broker
        self._facts = facts
        self._final = final
        self._enough = asyncio.Event()

    @asynccontextmanager
    async def going_on(self, source: random.Random) -> AsyncIterator[None]:
        """Let some calls follow the others, until the end; the last ones end, too."""

        async def note(message: Msg) -> None:
            self.tapped[message.subject.split(".")[2]].append(message.data)

        for subject in self._broker.subjects.stored:
            await self._broker.client.subscribe(subject, cb=note)
        await self._broker.flush()
        speaking = asyncio.create_task(self._go_on(source))
        yield
        self._enough.set()
        await speaking

    async def speak(self, source: random.Random) -> None:
        """Let some calls be written."""

        async def one() -> None:
            writer = self._broker.writer(self._facts(), self._broker.next_epoch())
            running = asyncio.create_task(writer.run())
            for number in range(FINALS):
                writer.put(self._final(number))
                await asyncio.sleep(source.uniform(0, 0.05))
            writer.put(ENDED)
            writer.finish()
            await running

        await asyncio.gather(*(one() for _ in range(CALLS)))

    async def _go_on(self, source: random.Random) -> None:
        while not self._enough.is_set():
            await self.speak(source)

    async def expect(self, receiver: Receiver) -> str:
        """Wait for all that was tapped, in the order of each call; returns how much that is."""
        for call_sid, tapped in list(self.tapped.items()):
            async with patience():
                while len(receiver.bodies(call_sid)) < len(tapped):  # noqa: ASYNC110
                    await asyncio.sleep(LOOK)
            assert receiver.bodies(call_sid) == tapped
            assert receiver.seqs(call_sid) == list(range(1, FINALS + 3))
        assert set(receiver.taken) == set(self.tapped)
        records = sum(map(len, self.tapped.values()))
        taken = sum(map(len, receiver.taken.values()))
        return (
            f"{len(self.tapped)} calls, {records} records, each taken {taken / records:.2f} times"
        )


@pytest.fixture
def chatter(broker, facts, make_final) -> Chatter:
    return Chatter(broker, facts, make_final)


async def come(receiver: Receiver, more: int) -> None:
    """Wait for some more requests."""
    wanted = len(receiver.came) + more
    await until(lambda: len(receiver.came) >= wanted)


@pytest.mark.proof
async def test_forwarders_are_killed_and_each_record_comes_in_order(
    rounds, server, receiver, chatter
):
    """Beside a receiver that takes half of what comes; what follows goes on at once."""
    source = random.Random(17)
    receiver.answer = whim(source)
    kills = rounds(sample=1, full=100)
    forwarder = started(server.url, receiver.url)
    try:
        async with chatter.going_on(source):
            for _ in kills:
                await come(receiver, source.randrange(1, 8))
                forwarder.kill()
                forwarder = started(server.url, receiver.url)
        receiver.answer = lambda _: 200
        told = await chatter.expect(receiver)
    finally:
        forwarder.terminate()
    assert await ended(forwarder) == 0
    print(f"{len(kills)} kills, {told}")


@pytest.mark.proof
async def test_receivers_are_killed_and_each_record_comes_in_order(
    rounds, server, receiver, chatter
):
    source = random.Random(18)
    kills = rounds(sample=8, full=1000)
    async with forwarding(server.url, receiver.url, FORWARD_RETRY_SECONDS="0.03"):
        async with chatter.going_on(source):
            for _ in kills:
                await come(receiver, source.randrange(1, 3))
                receiver.kill()
                await asyncio.sleep(source.uniform(0, 0.005))
                await receiver.start()
        told = await chatter.expect(receiver)
    print(f"{len(kills)} kills, {told}")


@pytest.mark.proof
async def test_a_receiver_that_was_away_for_long_gets_all_of_it(rounds, server, receiver, chatter):
    """For ten of the longest pauses between attempts, which are ten minutes where they are one."""
    minute = len(rounds(sample=1, full=16)) / 40
    receiver.kill()
    source = random.Random(19)
    async with forwarding(server.url, receiver.url, FORWARD_RETRY_SECONDS=str(minute)) as forwarder:
        async with chatter.going_on(source):
            await asyncio.sleep(10 * minute)
        assert forwarder.counts.waiting() == len(chatter.tapped)
        assert forwarder.counts.sent == 0
        await receiver.start()
        told = await chatter.expect(receiver)
    print(f"away for {10 * minute:g} s, the longest pause being {minute:g} s: {told}")


async def put(directory: Path, more: int) -> None:
    """Wait for some more transcripts."""
    wanted = len(whole(directory)) + more
    await until(lambda: len(whole(directory)) >= wanted)


def whole(directory: Path) -> dict[str, Any]:
    """Return the transcripts that are there, by callSid; each has its captions."""
    found = {path.stem: json.loads(path.read_bytes()) for path in directory.glob("*.json")}
    assert {path.stem for path in directory.glob("*.vtt")} >= set(found)
    return found


@pytest.mark.proof
async def test_whoever_is_killed_a_directory_has_whole_transcripts_alone(
    rounds, server, chatter, tmp_path
):
    source, url = random.Random(21), f"file://{tmp_path}"
    kills = rounds(sample=1, full=10)
    forwarder = started(server.url, url)
    try:
        async with chatter.going_on(source):
            for _ in kills:
                await put(tmp_path, source.randrange(1, 4))
                forwarder.kill()
                forwarder = started(server.url, url)
        await until(lambda: set(whole(tmp_path)) == set(chatter.tapped))
    finally:
        forwarder.terminate()
    # The last one may have had nothing left to do, and be told to end before it heeds signals.
    assert await ended(forwarder) in (0, -signal.SIGTERM)
    found = whole(tmp_path)
    assert {transcript["last"] for transcript in found.values()} == {FINALS + 2}
    assert list(tmp_path.glob(".*")) == []
    print(f"{len(kills)} kills, {len(found)} transcripts")


async def test_who_stands_by_goes_on_when_nothing_is_heard_of_who_worked(
    server, broker, receiver, facts
):
    lease = {"LEASE_SECONDS": "8"}  # the other one may be slow meanwhile, and is not gone
    async with forwarding(server.url, receiver.url, **lease) as standing_by:
        await until(lambda: standing_by.counts.working() == 1)
        worker = started(server.url, receiver.url, **lease)
        await until(lambda: standing_by.counts.working() == 0)
        first, second = facts(), facts()
        await write(broker, first, ENDED)
        await until(lambda: receiver.seqs(first.call_sid) == [1, 2])
        assert standing_by.counts.sent == 0
        worker.kill()
        await write(broker, second, ENDED)
        await until(lambda: receiver.seqs(second.call_sid) == [1, 2])
        assert standing_by.counts.working() == 1
    assert await ended(worker) == -9
