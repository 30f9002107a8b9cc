"""broker/follower.py: what a reader is handed, what its task gets, and when it is done."""

import asyncio
import contextlib
import json
import random
import time

import pytest
from support.timing import patience

from broker.call_log import CallLog, Delivery
from broker.follower import Follower, Outlet
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


class LiveCall(Source):
    """A call that goes on: each message is told to a follower as a round would."""

    def __init__(self) -> None:
        super().__init__("CallStarted", age=0.0)
        self.followers: list[Follower] = []

    def tell(self, kind: str = "Results") -> None:
        at = round(time.time() * 1000)
        if kind == "Interim":
            self.log.add_interim(json.dumps({"type": kind, "at": at}).encode())
        else:
            seq = self.log.last + 1
            self.log.add(seq, seq, json.dumps({"type": kind, "at": at}).encode())
        for follower in self.followers:
            if (writing := follower.visit()) is not None:
                write, data = writing
                write(data)


@contextlib.asynccontextmanager
async def reading(call: LiveCall, take):
    """Read a call as a subscriber does; yields the follower and what its task was given."""
    follower = Follower(call, since=0, interim=True)
    follower.outlet = Outlet(take, bytes)
    call.followers.append(follower)
    by_task: list[Delivery] = []

    async def read() -> None:
        async for delivery in follower:
            by_task.append(delivery)  # noqa: PERF401  it is looked at meanwhile

    task = asyncio.create_task(read())
    await turns()
    try:
        yield task, by_task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def seqs(deliveries: list[Delivery]) -> list[int | None]:
    return [delivery.seq for delivery in deliveries]


async def test_a_reader_at_the_head_is_handed_what_comes_and_its_task_sleeps_on():
    call, taken = LiveCall(), []

    def take(delivery: Delivery, _: int) -> bytes:
        taken.append(delivery)
        return delivery.payload

    async with reading(call, take) as (_, by_task):
        assert (seqs(by_task), seqs(taken)) == ([1], [])  # the past is its task's
        call.tell()
        call.tell("Interim")
        call.tell()
        assert seqs(taken) == [2, None, 3]  # at once, without a turn of the loop
        await turns()
        assert seqs(by_task) == [1]


async def test_a_reader_that_lags_falls_out_of_the_round_and_comes_back():
    call, taken, keeps_up = LiveCall(), [], True

    def take(delivery: Delivery, _: int) -> bytes | None:
        if not keeps_up:
            return None
        taken.append(delivery)
        return delivery.payload

    async with reading(call, take) as (_, by_task):
        call.tell()
        keeps_up = False
        call.tell()
        keeps_up = True
        call.tell()  # its task is on its way: it is not handed what comes before what it lacks
        assert seqs(taken) == [2]
        await turns()
        assert seqs(by_task) == [1, 3, 4]
        call.tell()
        await turns()
        assert (seqs(taken), seqs(by_task)) == ([2, 5], [1, 3, 4])


async def test_what_was_taken_in_one_visit_is_written_in_one_go_also_before_a_defect():
    call, written = LiveCall(), list[bytes]()
    sizes: list[int] = []

    def take(delivery: Delivery, size: int) -> bytes:
        sizes.append(size)
        if delivery.seq == 4:
            raise ZeroDivisionError
        return b"%d" % (delivery.seq or 0) * 10

    async with reading(call, take) as (task, _):
        follower = call.followers.pop()
        follower.outlet = Outlet(take, written.append)
        for _ in range(3):
            call.tell()
        call.followers.append(follower)
        call.tell()
        async with patience():
            with pytest.raises(ZeroDivisionError):
                await task
    assert written == [b"2" * 10 + b"3" * 10]
    assert sizes == [0, 10, 20]


@pytest.mark.parametrize("seed", range(20))
async def test_whoever_takes_them_messages_are_neither_lost_nor_doubled_nor_disordered(seed):
    call, got, chance = LiveCall(), [], random.Random(seed)

    def take(delivery: Delivery, _: int) -> bytes | None:
        if chance.random() >= 0.7:
            return None
        got.append(delivery)
        return delivery.payload

    follower = Follower(call, since=0, interim=True)
    follower.outlet = Outlet(take, bytes)
    call.followers.append(follower)

    async def read() -> None:
        async for delivery in follower:
            got.append(delivery)
            for _ in range(chance.randrange(4)):  # as one that waits for its peer
                await asyncio.sleep(0)

    task = asyncio.create_task(read())
    for _ in range(300):
        call.tell(chance.choice(["Results", "Interim"]))
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)
    call.tell("CallEnded")
    async with patience():
        await task
    records = [delivery.seq for delivery in got if delivery.seq is not None]
    assert records == list(range(1, call.log.last + 1))
    assert len({id(delivery) for delivery in got}) == len(got)


async def test_the_end_of_a_call_ends_a_reader_that_was_handed_it():
    call = LiveCall()
    async with reading(call, lambda delivery, _: delivery.payload) as (task, by_task):
        call.tell("CallEnded")
        async with patience():
            await task
        assert seqs(by_task) == [1]


async def test_one_that_was_cancelled_is_handed_nothing_more():
    """Its token may have ended: nothing more comes of what is no longer allowed."""
    call, taken = LiveCall(), []

    def take(delivery: Delivery, _: int) -> bytes:
        taken.append(delivery)
        return delivery.payload

    async with reading(call, take) as (task, _):
        task.cancel()
        call.tell()
        await asyncio.wait({task})
        assert taken == []


async def test_what_waits_for_something_else_than_the_next_message_is_woken():
    call, taken = LiveCall(), []

    def take(delivery: Delivery, _: int) -> bytes:
        taken.append(delivery)
        return delivery.payload

    follower = Follower(call, since=0, interim=True)
    follower.outlet = Outlet(take, bytes)
    call.followers.append(follower)
    waiting = asyncio.create_task(follower.more())
    await turns()
    call.tell()
    async with patience():
        await waiting
    assert taken == []


async def test_a_defect_ends_its_own_reader_and_no_other():
    call, taken = LiveCall(), []

    def fail(_: Delivery, size: int) -> bytes:
        raise ZeroDivisionError

    def take(delivery: Delivery, _: int) -> bytes:
        taken.append(delivery)
        return delivery.payload

    async with reading(call, fail) as (broken, _), reading(call, take):
        call.tell()
        async with patience():
            with pytest.raises(ZeroDivisionError):
                await broken
        call.tell()
        assert seqs(taken) == [2, 3]


async def test_who_has_left_holds_no_record_and_knows_how_far_it_came():
    call = Source(*ENDED, age=60.0)
    follower = Follower(call, since=0, interim=True)
    assert [delivery.type async for delivery in follower] == list(ENDED)
    follower.let_go()
    assert follower.so_far == []
    assert (follower.cursor, follower.last, follower.ended) == (len(ENDED), len(ENDED), True)
    assert len(call.log.records) == len(ENDED)  # for others, who read on
