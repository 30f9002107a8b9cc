"""broker/follower.py: when a reader of a call that has ended is done with it."""

import asyncio
import json
import time

import pytest
from support.timing import patience

from broker.call_log import CallLog
from broker.follower import Follower
from broker.uptime import Uptime


class Source:
    """A call as it was read back: nothing more comes."""

    def __init__(self, *kinds: str, age: float) -> None:
        self.log = CallLog()
        self.readable = Uptime()
        at = round((time.time() - age) * 1000)
        for seq, kind in enumerate(kinds, 1):
            self.log.add(seq, seq, json.dumps({"type": kind, "at": at}).encode())

    async def synced(self) -> None:
        pass


ENDED = ("CallStarted", "CallEnded")


async def read(source: Source, pause: float) -> list[str]:
    follower = Follower(source, since=0, interim=True, pause=pause)
    async with patience():
        return [delivery.type async for delivery in follower]


@pytest.mark.parametrize(("age", "pause"), [(0.0, 0.0), (60.0, 50.0), (0.0, 0.2), (-60.0, 0.2)])
async def test_a_call_that_ended_longer_ago_than_the_pause_is_over(age, pause):
    """Of one that ends later than now, by the clock of another machine, the pause is no longer."""
    assert await read(Source(*ENDED, age=age), pause) == list(ENDED)


async def test_a_call_that_has_just_ended_is_not_over():
    follower = Follower(Source(*ENDED, age=5.0), since=0, interim=True, pause=3600.0)
    assert [(await anext(follower)).type for _ in ENDED] == list(ENDED)
    assert follower.ended
    assert not follower.over
    waiting = asyncio.create_task(anext(follower))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait({waiting})


async def test_a_call_that_went_on_has_not_ended():
    follower = Follower(Source(*ENDED, "CallResumed", age=0.0), since=0, interim=True, pause=60.0)
    assert [(await anext(follower)).type for _ in range(3)] == [*ENDED, "CallResumed"]
    assert not follower.ended
    assert not follower.over
