"""broker/restarts.py: of all containers that would start a stream again, one does."""

import asyncio

import pytest
from support.sids import call_sid

from broker.errors import NotWritten
from broker.restarts import KEPT_SECONDS, MAX_KEPT, Starts

CALL = call_sid(1)


async def test_of_those_that_know_the_same_one_begins(connect):
    brokers = [await connect() for _ in range(4)]
    for number in range(3):
        known = [await broker.restarts.of(CALL) for broker in brokers]
        assert {one.at for one in known} == {tuple(range(number))}
        begun = await asyncio.gather(
            *(
                broker.restarts.begin(one, number)
                for broker, one in zip(brokers, known, strict=True)
            )
        )
        assert begun.count(True) == 1


async def test_the_newest_are_kept_and_go_by_themselves(broker):
    for number in range(MAX_KEPT + 2):
        assert await broker.restarts.begin(await broker.restarts.of(CALL), number)
    assert (await broker.restarts.of(CALL)).at == tuple(range(2, MAX_KEPT + 2))
    stored = await broker.js.get_last_msg(
        f"KV_{broker.subjects.bucket}", broker.subjects.restart_key(CALL)
    )
    assert (stored.headers or {})["Nats-TTL"] == str(KEPT_SECONDS)


async def test_what_is_not_ours_counts_for_nothing(broker):
    subject = broker.subjects.restart_key(CALL)
    await broker.js.publish(subject, b"not ours")
    known = await broker.restarts.of(CALL)
    assert known.at == ()
    assert await broker.restarts.begin(known, 1)
    await broker.js.publish(subject, b"", headers={"KV-Operation": "DEL"})
    known = await broker.restarts.of(CALL)
    assert known.at == ()
    assert await broker.restarts.begin(known, 2)


async def test_while_nats_is_away_nobody_begins(broker, server):
    await server.__aexit__()
    with pytest.raises(NotWritten):
        await broker.restarts.begin(Starts(CALL), 1)
