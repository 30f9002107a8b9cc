"""
Following: 1,000 followers of 100 calls in one process, beside plain core subscriptions.

The delay is from the moment a record is handed to the writer to the moment a follower has it:
stored, republished, delivered. Beside it, in the same run and in turn, the same messages over core
NATS to as many plain subscriptions as there are calls: what the wire alone takes.
"""

import argparse
import asyncio
import os
import statistics
import time

from nats.aio.msg import Msg

from bench.processes import cpu_seconds, resident_mb
from broker.broker import Broker
from broker.records import CallFacts, Record, call_ended
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings

ENDED = call_ended(1.0, "completed")
TEXT = "the quick brown fox jumps over the lazy dog " * 12  # about what a final weighs


def facts(number: int) -> CallFacts:
    """Name a call."""
    return CallFacts(
        call_sid=f"CA{number:032x}",
        account_sid=f"AC{0:032x}",
        stream_sid=f"MZ{number:032x}",
        started_at=0,
    )


def final(stamp: float) -> Record:
    """Make a record that says when it was made."""
    alternative = {"transcript": TEXT, "confidence": 0.9, "words": []}
    body = {
        "type": "Results",
        "start": stamp,
        "duration": 1.0,
        "channel": {"alternatives": [alternative]},
    }
    return Record("final", "inbound", body)


def spread(delays: list[float]) -> str:
    """Say the median and the 99th percentile."""
    p99 = statistics.quantiles(delays, n=100)[98]
    return f"p50 {statistics.median(delays) * 1000:.2f} ms  p99 {p99 * 1000:.2f} ms"


async def followers(url: str, calls: int, each: int, rate: float, seconds: float) -> str:
    """Measure our way: a writer in one broker, all followers in another."""
    writing = Broker(BrokerSettings(servers=(url,), instance=f"w{os.urandom(4).hex()}"))
    reading = Broker(BrokerSettings(servers=(url,), instance=f"r{os.urandom(4).hex()}"))
    async with writing, reading:
        await writing.wait_ready()
        await reading.wait_ready()
        known = [facts(int.from_bytes(os.urandom(8))) for _ in range(calls)]
        writers = [writing.writer(call, writing.next_epoch()) for call in known]
        running = [asyncio.create_task(writer.run()) for writer in writers]
        made: dict[tuple[str, int], float] = {}
        delays: list[float] = []

        async def follow(call_sid: str) -> int:
            count = 0
            async with reading.replicas.follow(call_sid) as follower:
                async for item in follower:
                    if (stamp := made.get((call_sid, item.seq or 0))) is not None:
                        delays.append(time.perf_counter() - stamp)
                    count += 1
            return count

        before = resident_mb(os.getpid())
        following = [
            asyncio.create_task(follow(call.call_sid)) for call in known for _ in range(each)
        ]
        await asyncio.gather(*(writer.claimed.wait() for writer in writers))
        await asyncio.sleep(2.0)  # all have joined
        subscriptions = len(reading.replicas)
        begun, cpu, number = time.monotonic(), cpu_seconds(os.getpid()), 0
        while time.monotonic() - begun < seconds:
            writer = writers[number % calls]
            seq = writer.acked + writer.depth + 1
            made[writer.call.call_sid, seq] = time.perf_counter()
            writer.put(final(float(number)))
            number += 1
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
        spent = (cpu_seconds(os.getpid()) - cpu) / (time.monotonic() - begun)
        held = resident_mb(os.getpid()) - before
        for writer in writers:
            writer.put(ENDED)
            writer.finish()
        counts = await asyncio.gather(*following)
        await asyncio.gather(*running)
    assert subscriptions == calls
    assert sum(counts) == each * (number + 2 * calls), "a follower missed something"
    return (
        f"{calls * each} followers of {calls} calls, {number} records: {spread(delays)}; "
        f"{subscriptions} subscriptions, {spent * 100:.0f} % of a core (writers included), "
        f"{held:.0f} MB"
    )


async def plain(url: str, calls: int, rate: float, seconds: float) -> str:
    """Measure the wire: core publishes to plain subscriptions."""
    broker = Broker(BrokerSettings(servers=(url,), instance=f"p{os.urandom(4).hex()}"))
    other = Broker(BrokerSettings(servers=(url,), instance=f"q{os.urandom(4).hex()}"))
    async with broker, other:
        await broker.wait_ready()
        await other.wait_ready()
        delays: list[float] = []

        async def take(message: Msg) -> None:
            delays.append(time.perf_counter() - float(message.data[:24]))

        for number in range(calls):
            await other.client.subscribe(f"bench.{number}", cb=take)
        await other.client.flush()
        begun, number = time.monotonic(), 0
        while time.monotonic() - begun < seconds:
            stamp = f"{time.perf_counter():24.9f}".encode()
            await broker.client.publish(f"bench.{number % calls}", stamp + TEXT.encode())
            number += 1
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
        await asyncio.sleep(0.5)
    assert len(delays) == number
    return f"core NATS, {calls} plain subscriptions, {number} messages: {spread(delays)}"


async def measure(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    calls, rate, seconds = arguments.calls, arguments.rate, arguments.seconds
    async with EmbeddedServer() as server:
        for number in range(1, arguments.rounds + 1):
            ours = await followers(server.url, calls, arguments.each, rate, seconds)
            print(f"round {number}: {ours}", flush=True)
            print(f"         {await plain(server.url, calls, rate, seconds)}", flush=True)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.fanout", description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--each", type=int, default=10, help="followers of each call")
    parser.add_argument("--rate", type=float, default=200.0, help="records a second, all calls")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
