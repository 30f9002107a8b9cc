"""broker/tickets.py: a ticket is spent once, whichever process is asked."""

import asyncio
import time

import msgspec
import pytest
from support.brokers import kill_server
from support.timing import LOOK, patience, until

from broker.bucket import Bucket
from broker.errors import BadName, NotWritten
from broker.tickets import TicketEntry

NONCE = "a" * 22
SOON = int(time.time()) + 60


async def test_of_many_who_spend_one_at_once_in_two_processes_one_succeeds(connect):
    brokers = [await connect(), await connect()]
    spent = await asyncio.gather(
        *(broker.tickets.spend(NONCE, SOON, ttl=60) for broker in brokers * 10)
    )
    assert sorted(spent) == [False] * 19 + [True]
    assert await brokers[0].tickets.spend("b" * 22, SOON, ttl=60)


async def test_who_promises_a_ticket_again_is_told_its_end(connect):
    one, other = await connect(), await connect()
    ends = await asyncio.gather(
        *(one.tickets.promise(NONCE, SOON + number, ttl=60) for number in range(5)),
        *(other.tickets.promise(NONCE, SOON + number, ttl=60) for number in range(5, 10)),
    )
    assert len(set(ends)) == 1
    assert await other.tickets.promise(NONCE, SOON + 99, ttl=60) == ends[0]


async def test_a_promised_ticket_is_spent_once_and_its_end_is_still_known(connect):
    one, other = await connect(), await connect()
    await one.tickets.promise(NONCE, SOON, ttl=60)
    spent = await asyncio.gather(*(b.tickets.spend(NONCE, SOON, ttl=60) for b in (one, other)))
    assert sorted(spent) == [False, True]
    assert await other.tickets.promise(NONCE, SOON + 5, ttl=60) == SOON


async def test_a_ticket_whose_key_is_over_is_not_spent_again(broker):
    """Only by a clock that is far behind could it seem good still."""
    assert await broker.tickets.spend(NONCE, SOON, ttl=1)
    subject = broker.subjects.ticket_key(NONCE)
    bucket = Bucket(broker.connection, broker.subjects)

    async def gone() -> bool:
        newest = await bucket.newest(subject)
        return newest is not None and not newest.data

    async with patience():
        while not await gone():  # noqa: ASYNC110  NATS alone knows
            await asyncio.sleep(LOOK)
    assert not await broker.tickets.spend(NONCE, SOON, ttl=1)
    assert await broker.tickets.promise(NONCE, SOON, ttl=1) == SOON


async def test_who_lost_the_answer_to_its_own_write_has_spent_it(broker):
    """NATS has it, and says so when it is looked at."""
    bucket = Bucket(broker.connection, broker.subjects)
    ours = TicketEntry(SOON, f"{broker.settings.instance}-1")
    await bucket.write(broker.subjects.ticket_key(NONCE), msgspec.json.encode(ours))
    assert await broker.tickets.spend(NONCE, SOON, ttl=60)
    assert not await broker.tickets.spend(NONCE, SOON, ttl=60)


async def test_what_is_no_ticket_of_ours_counts_as_spent(broker):
    bucket = Bucket(broker.connection, broker.subjects)
    await bucket.write(broker.subjects.ticket_key(NONCE), b"?")
    assert not await broker.tickets.spend(NONCE, SOON, ttl=60)


async def test_while_nats_is_away_nothing_is_known(server, broker):
    await kill_server(server)
    await until(lambda: not broker.connected)
    for ask in (broker.tickets.promise, broker.tickets.spend):
        with pytest.raises(NotWritten):
            await ask(NONCE, SOON, ttl=60)
    with pytest.raises(NotWritten):
        await broker.tickets.require(ttl=60)


async def test_that_tickets_are_needed_is_known_to_all_and_to_those_who_come_later(connect):
    one, other = await connect(), await connect()
    assert not one.registry.tickets_required
    await one.tickets.require(ttl=60)
    await until(lambda: one.registry.tickets_required and other.registry.tickets_required)
    late = await connect()
    await until(lambda: late.registry.tickets_required)


async def test_that_they_are_needed_is_forgotten_in_time(broker):
    await broker.tickets.require(ttl=5)  # it is known before that is over
    await until(lambda: broker.registry.tickets_required)
    await until(lambda: not broker.registry.tickets_required)


@pytest.mark.parametrize("nonce", ["", "*", ">", "a.b", "required", "a" * 65])
async def test_what_names_no_ticket_becomes_part_of_no_subject(broker, nonce):
    with pytest.raises(BadName):
        await broker.tickets.spend(nonce, SOON, ttl=60)
