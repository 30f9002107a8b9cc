"""broker/legs.py: whose child a leg is, for who looks for it before or after it is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from support.sids import account_sid, call_sid
from support.timing import patience, until

from broker.broker import Broker
from broker.entries import Leg
from broker.errors import BadName, HistoryUnavailable, NotWritten
from broker.records import CallFacts
from broker.settings import BrokerSettings

LEG = Leg(account_sid(1), call_sid(1), call_sid(2))
ANOTHER = Leg(account_sid(1), call_sid(1), call_sid(3))


async def test_a_leg_is_found_by_who_looks_for_it_later(connect):
    teller, asker = await connect(), await connect()
    assert await asker.legs.of(LEG.call_sid) is None
    await teller.legs.put(LEG)
    assert await asker.legs.of(LEG.call_sid) == LEG
    with asker.legs.awaiting(LEG.call_sid) as awaited:
        await awaited.look()
        assert awaited.found == await awaited.wait() == LEG


async def test_a_leg_is_found_by_who_looked_for_it_before(connect):
    teller, asker = await connect(), await connect()
    await until(lambda: asker.registry.fresh)
    with asker.legs.awaiting(LEG.call_sid) as first, asker.legs.awaiting(LEG.call_sid) as second:
        await first.look()
        assert first.found is None
        await teller.legs.put(Leg(account_sid(1), call_sid(9), call_sid(2)))
        await teller.legs.put(LEG)
        async with patience():
            assert await first.wait() == await second.wait() == LEG
    assert asker.legs._awaited == {}


async def test_a_leg_that_was_missed_is_asked_for_again(connect, monkeypatch):
    monkeypatch.setattr("broker.legs.LOOK_SECONDS", 0.05)
    broker = await connect()
    await broker.legs.put(LEG)
    await broker.flush()  # nobody will be told of it any more
    with broker.legs.awaiting(LEG.call_sid) as awaited:
        async with patience():
            assert await awaited.wait() == LEG


async def test_what_was_told_first_stands_and_is_written_once(connect):
    first, second = await connect(), await connect()
    await first.legs.put(LEG)
    for _ in range(3):
        await second.legs.put(ANOTHER)
        await first.legs.put(LEG)
    assert await first.legs.of(LEG.call_sid) == LEG


async def test_of_two_accounts_that_tell_of_a_leg_the_one_that_has_the_parents_call_is_believed(
    connect, facts
):
    """Whoever knows a leg's name cannot keep its own account from telling of it."""
    broker = await connect()
    parent, foreign = facts(), facts(account_sid=account_sid(2))
    squatter = Leg(account_sid(2), call_sid(1), parent.call_sid)
    await broker.legs.put(squatter)
    ours = Leg(parent.account_sid, call_sid(1), parent.call_sid)
    async with written(broker, parent):
        await broker.legs.put(ours)
        assert await broker.legs.of(call_sid(1)) == ours
    elsewhere = Leg(account_sid(2), call_sid(9), foreign.call_sid)
    async with written(broker, foreign):  # each has a call that it says is the parent
        await broker.legs.put(elsewhere)
        assert await broker.legs.of(call_sid(9)) == elsewhere
        await broker.legs.put(Leg(parent.account_sid, call_sid(9), parent.call_sid))
        assert await broker.legs.of(call_sid(9)) is None


@contextlib.asynccontextmanager
async def written(broker: Broker, call: CallFacts) -> AsyncIterator[None]:
    """Have a call with a record."""
    task = asyncio.create_task(broker.writer(call, broker.next_epoch()).run())
    try:
        await until(lambda: broker.registry.get(call.call_sid) is not None)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_name_that_could_be_more_than_one_call_is_not_taken(connect):
    broker = await connect()
    for leg in (Leg(account_sid(1), "*", call_sid(1)), Leg(account_sid(1), call_sid(1), ">")):
        with pytest.raises(BadName):
            await broker.legs.put(leg)


async def test_a_leg_whose_word_has_gone_from_nats_is_kept_when_it_is_told_again(connect):
    teller, asker = await connect(), await connect()
    await teller.legs.put(LEG)
    await teller.js.purge_stream(f"KV_{teller.subjects.bucket}")  # as after a loss, or its time
    assert await asker.legs.of(LEG.call_sid) is None
    await teller.legs.put(LEG)
    assert await asker.legs.of(LEG.call_sid) == LEG


async def test_while_nats_is_away_who_tells_is_to_try_again_and_who_looks_waits():
    settings = BrokerSettings(servers=("nats://127.0.0.1:1",), instance="i1")
    async with Broker(settings) as broker:
        with pytest.raises(NotWritten):
            await broker.legs.put(LEG)
        with pytest.raises(HistoryUnavailable):
            await broker.legs.of(LEG.call_sid)
        with broker.legs.awaiting(LEG.call_sid) as awaited:
            await awaited.look()
            assert awaited.found is None
