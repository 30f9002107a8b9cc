"""broker/legs.py: whose child a leg is, for who looks for it before or after it is told."""

import pytest
from support.sids import account_sid, call_sid
from support.timing import patience, until

from broker.broker import Broker
from broker.entries import Leg
from broker.errors import BadName, HistoryUnavailable, NotWritten
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


async def test_a_name_that_could_be_more_than_one_call_is_not_taken(connect):
    broker = await connect()
    for leg in (Leg(account_sid(1), "*", call_sid(1)), Leg(account_sid(1), call_sid(1), ">")):
        with pytest.raises(BadName):
            await broker.legs.put(leg)


async def test_only_the_newest_that_were_written_are_remembered(broker, monkeypatch):
    monkeypatch.setattr("broker.legs.MAX_WRITTEN", 5)
    legs = [Leg(account_sid(1), call_sid(number), call_sid(0)) for number in range(9)]
    for leg in legs:
        await broker.legs.put(leg)
    assert list(broker.legs._written) == legs[-5:]


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
