"""handler/calls/ticker.py: one clock for all calls."""

import asyncio
from collections import Counter

import pytest
from support.timing import patience, until

from handler.calls import ticker as ticker_module
from handler.calls.ticker import SLOT_MEMBERS, Ticker

INTERVAL = 0.02


class Member:
    """Who has a turn; it notes when, and in which turn of the loop."""

    def __init__(self, ticker: Ticker) -> None:
        self.turns: list[float] = []
        self.over = asyncio.get_running_loop().create_future()
        self.running = asyncio.create_task(ticker.run(self.take, self.over))

    def take(self, now: float) -> None:
        self.turns.append(now)

    async def end(self) -> None:
        self.over.set_result(None)
        await self.running


async def test_each_has_its_turns_in_order_until_it_is_over():
    ticker = Ticker(INTERVAL)
    one, other = Member(ticker), Member(ticker)
    await until(lambda: len(one.turns) > 2 and len(other.turns) > 2)
    await one.end()
    had, others = len(one.turns), len(other.turns)
    await until(lambda: len(other.turns) > others + 2)
    assert len(one.turns) == had
    assert one.turns == sorted(set(one.turns))
    await other.end()


async def test_between_two_turns_lies_the_interval_however_late_one_was():
    ticker = Ticker(INTERVAL)
    member = Member(ticker)
    await until(lambda: member.turns)
    begun, had = asyncio.get_running_loop().time(), len(member.turns)
    await until(lambda: len(member.turns) > had + 10)
    passed = member.turns[-1] - begun
    # None comes twice for one that was late, and those that were slept through are left out.
    assert len(member.turns) - had <= passed / INTERVAL + 2
    await member.end()


async def test_those_who_fit_have_their_turn_together_and_more_are_spread():
    ticker = Ticker(INTERVAL)
    members = [Member(ticker) for _ in range(2 * SLOT_MEMBERS + 2)]
    await until(lambda: all(member.turns for member in members))
    turns = Counter(member.turns[0] for member in members)
    assert max(turns.values()) == SLOT_MEMBERS + 1
    assert len(turns) == 2  # there are no more slots
    for member in members:
        await member.end()


async def test_what_one_raises_is_its_own():
    ticker = Ticker(INTERVAL)
    well = Member(ticker)

    def fail(now: float) -> None:
        raise LookupError(now)

    async with patience():
        with pytest.raises(LookupError):
            await ticker.run(fail, asyncio.get_running_loop().create_future())
    had = len(well.turns)
    await until(lambda: len(well.turns) > had + 1)
    await well.end()


async def test_what_the_last_turn_raises_is_raised_though_it_was_the_end():
    ticker = Ticker(INTERVAL)
    over = asyncio.get_running_loop().create_future()

    def end_and_fail(now: float) -> None:
        over.set_result(None)
        raise LookupError(now)

    async with patience():
        with pytest.raises(LookupError):
            await ticker.run(end_and_fail, over)


async def test_after_some_time_others_have_their_turn_before_the_rest(monkeypatch):
    monkeypatch.setattr(ticker_module, "TURN_SECONDS", 0.0)
    ticker = Ticker(INTERVAL)
    order: list[object] = []
    loop = asyncio.get_running_loop()

    class Busy(Member):
        def take(self, now: float) -> None:
            super().take(now)
            order.append(self)
            loop.call_soon(order.append, "another")

    members = [Busy(ticker) for _ in range(3)]
    await until(lambda: all(member.turns for member in members))
    assert order[:5] == [members[0], "another", members[1], "another", members[2]]
    for member in members:
        await member.end()


async def test_who_leaves_amid_a_turn_disturbs_no_other():
    ticker = Ticker(INTERVAL)
    members = [Member(ticker) for _ in range(5)]

    def leave(now: float) -> None:
        members[0].turns.append(now)
        for member in members[:3]:
            if not member.over.done():
                member.over.set_result(None)

    leaving = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(ticker.run(leave, leaving))
    await until(lambda: all(member.over.done() for member in members[:3]))
    had = len(members[3].turns)
    await until(lambda: len(members[3].turns) > had + 1)
    leaving.set_result(None)
    await running
    for member in members[3:]:
        await member.end()


async def test_one_that_is_cancelled_has_no_more_turns_and_the_clock_stops_without_any():
    ticker = Ticker(INTERVAL)
    member = Member(ticker)
    await until(lambda: member.turns)
    member.running.cancel()
    await asyncio.wait({member.running})
    had = len(member.turns)
    await asyncio.sleep(0)
    again = Member(ticker)  # it is wound up anew
    await until(lambda: len(again.turns) > 1)
    assert len(member.turns) == had
    await again.end()
