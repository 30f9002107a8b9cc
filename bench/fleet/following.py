"""
What it costs a container that its readers follow many calls: each message comes in once a call.

One follower for each call reads; what more of them cost is the delivery in docs/performance.md.
"""

import asyncio
import sys
import time
from contextlib import AsyncExitStack

from bench.fleet.cluster import Cluster
from bench.fleet.load import Times, call_sid
from broker.broker import Broker
from broker.follower import Follower
from broker.settings import BrokerSettings

RAMP_SECONDS = 6.0
QUIET_SECONDS = 15.0


async def measure(calls: int) -> dict[str, float]:
    """Follow so many calls for a quarter of a minute; returns messages a second, and their cost."""
    with Cluster(1) as cluster:
        settings = BrokerSettings(servers=tuple(cluster.urls), instance="fleet")
        async with Broker(settings) as broker, AsyncExitStack() as stack:
            await broker.wait_ready()
            counts = [0]
            begin = time.monotonic() + 2
            times = Times(begin, begin + RAMP_SECONDS, begin + RAMP_SECONDS + QUIET_SECONDS, 0)
            end = times.trouble + 1
            writers = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.fleet.load", "writers", cluster.urls[0]),
                *("--calls", str(calls), "--times"),
                *map(str, (times.begin, times.quiet, times.trouble, end)),
                stdout=asyncio.subprocess.DEVNULL,
            )
            for number in range(calls):
                follower = await stack.enter_async_context(
                    broker.replicas.follow(call_sid(number), since=None)
                )
                reading = asyncio.create_task(_read(follower, counts))
                stack.callback(reading.cancel)
            await asyncio.sleep(times.quiet - time.monotonic())
            cpu, before = time.process_time(), counts[0]
            await asyncio.sleep(times.trouble - time.monotonic())
            cpu, messages = time.process_time() - cpu, counts[0] - before
            await writers.wait()
    return {
        "calls": calls,
        "messages_a_second": messages / QUIET_SECONDS,
        "us_a_message": 1e6 * cpu / messages,
    }


async def _read(follower: Follower, counts: list[int]) -> None:
    async for _ in follower:
        counts[0] += 1
