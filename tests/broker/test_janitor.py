"""broker/janitor.py: what becomes of the calls of a process that is gone."""

import asyncio
import time

import pytest
from support.brokers import ENDED, kill_broker, read_records
from support.sids import account_sid
from support.timing import PATIENCE, until

from broker import deserted, janitor
from broker.broker import Broker
from broker.entries import CallStatus, has_expired
from broker.stream import read_history, stored_at

# A lease of less than a second is none for NATS.
SHORT = {"lease_ttl": 1, "lease_refresh": 0.25, "grace": 1.0}


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Let all look more often than once a second, and wait for an answer for less."""
    monkeypatch.setattr(janitor, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(deserted, "ANSWER_SECONDS", 1.0)


@pytest.mark.parametrize("state", ["live", "waiting"])
async def test_a_call_whose_owner_is_gone_ends_once_however_many_watch(
    connect, facts, make_final, state
):
    owner = await connect(**SHORT)
    others = [await connect(**SHORT) for _ in range(5)]
    call = facts()
    writer = owner.writer(call, owner.next_epoch())
    running = asyncio.create_task(writer.run())
    writer.put(make_final(1))
    if state == "waiting":
        writer.update(state="waiting", abandoned="drained", covered={"inbound": 2.0})
    await until(lambda: writer.depth == 0 and others[0].registry.get(call.call_sid) is not None)
    await asyncio.sleep(0.2)  # so that the registry's last word is out
    await kill_broker(owner, running)
    records = await read_records(others[0], call.call_sid)
    types = [record["type"] for record in records]
    reason = "crashed" if state == "live" else "drained"
    gap = ["Gap"] if state == "live" else []
    assert types == ["CallStarted", "Results", *gap, "CallEnded"]
    assert (records[-1]["reason"], records[-1]["words"]) == (reason, 2)
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    await until(lambda: not others[1].registry.orphans())
    await asyncio.sleep(3 * janitor.LOOK_SECONDS)
    assert await read_records(others[1], call.call_sid) == records
    assert sum(other.janitor.ended for other in others) == 1


async def test_what_is_lost_with_an_owner_begins_where_each_side_ends(connect, facts, make_final):
    """The finals of one side may be stored, and not yet what the other had said before them."""
    terms = {**SHORT, "lease_ttl": 3}
    owner, other = await connect(**terms), await connect(**terms)
    call = facts(started_at=time.time_ns() // 1_000_000 - 10_000)
    writer = owner.writer(call, owner.next_epoch())
    running = asyncio.create_task(writer.run())
    writer.put(make_final(3, "outbound"))
    writer.put(make_final(6))
    await until(lambda: writer.depth == 0 and other.registry.get(call.call_sid) is not None)
    await kill_broker(owner, running)
    *_, one, two, ended = await read_records(other, call.call_sid)
    assert [one["type"], two["type"], ended["type"]] == ["Gap", "Gap", "CallEnded"]
    begins = {gap["track"]: gap["start"] for gap in (one, two)}
    assert begins == {"inbound": 7.0, "outbound": 4.0}
    assert one["end"] == two["end"] == ended["duration"] >= 10


async def test_an_owner_that_was_taken_for_dead_goes_on(connect, facts, make_final):
    owner, other = await connect(**SHORT), await connect(**SHORT)
    call = facts()
    writer = owner.writer(call, owner.next_epoch())
    running = asyncio.create_task(writer.run())
    writer.put(make_final(1))
    await until(lambda: other.registry.get(call.call_sid) is not None)
    await kill_broker(owner)  # its lease alone: it still writes, as after an outage
    await until(lambda: other.janitor.ended == 1)
    other.janitor._deserted._grace = 10 * PATIENCE  # else it may end what goes on, again
    for number in (2, 3):
        writer.put(make_final(number))
    writer.put(ENDED)
    writer.finish()
    await running
    records = await read_records(other, call.call_sid)
    types = [record["type"] for record in records]
    assert types[:2] == ["CallStarted", "Results"]
    assert types[-6:] == ["Gap", "CallEnded", "CallResumed", "Results", "Results", "CallEnded"]
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    assert records[-4]["epoch"] == records[-1]["epoch"] != records[0]["epoch"]
    assert records[-1]["reason"] == "completed"


async def test_a_call_that_another_process_owns_again_is_left_alone(connect, facts, make_final):
    # The heir comes long before the time of grace is over, and lives.
    owner = await connect(**{**SHORT, "lease_ttl": 5})
    heir, other = [await connect(**{**SHORT, "lease_ttl": 20}) for _ in range(2)]
    call = facts()
    running = asyncio.create_task(owner.writer(call, owner.next_epoch()).run())
    await until(lambda: other.registry.get(call.call_sid) is not None)
    await kill_broker(owner, running)
    writer = heir.writer(call, heir.next_epoch())
    going_on = asyncio.create_task(writer.run())
    await writer.claimed.wait()
    await until(lambda: other.registry.get(call.call_sid) is not None)
    await until(lambda: not other.registry.has_lease(owner.settings.instance))
    await asyncio.sleep(SHORT["grace"] + 2 * janitor.LOOK_SECONDS)
    assert other.janitor.ended == heir.janitor.ended == 0
    writer.put(ENDED)
    writer.finish()
    await going_on


async def last_sign_of_life(broker: Broker) -> int:
    """Return the Unix time in ms at which NATS had it of a process, by what it stores now."""
    settings, subjects = broker.settings, broker.subjects
    key = subjects.lease_key(settings.instance)
    (stored,) = await read_history(broker.client, f"KV_{subjects.bucket}", key)
    at = stored_at(stored.headers)
    assert at is not None
    return at - settings.lease_ttl * 1000 if has_expired(stored.headers) else at


async def test_what_an_owner_may_have_received_after_its_last_sign_of_life_is_told(connect, facts):
    """It may have lived until the next one was due, long after the last: nobody knows."""
    rare = {**SHORT, "lease_ttl": 4, "lease_refresh": 1.5}
    owner, other = await connect(**rare), await connect(**rare)
    # The call begins after the owner's lease was renewed, and before that is due again.
    await until(lambda: other.registry.has_lease(owner.settings.instance))
    call = facts(started_at=time.time_ns() // 1_000_000)
    running = asyncio.create_task(owner.writer(call, owner.next_epoch()).run())
    await until(lambda: other.registry.get(call.call_sid) is not None)
    await kill_broker(owner, running)
    due = await last_sign_of_life(owner) + 1500
    records = await read_records(other, call.call_sid)
    assert [record["type"] for record in records] == ["CallStarted", "Gap", "CallEnded"]
    assert records[1]["start"] == 0
    assert records[1]["end"] == pytest.approx((due - call.started_at) / 1000, abs=0.002)
    assert records[1]["end"] > 0
    assert records[2]["duration"] == records[1]["end"]


@pytest.mark.parametrize("started", ["before the lease is over", "after the lease is over"])
async def test_a_process_that_starts_after_the_owner_died_tells_what_was_lost_and_no_more(
    connect, facts, make_final, started
):
    """It has never seen the owner alive; NATS knows when the last sign of life was given."""
    late = started == "after the lease is over"
    terms = {"lease_ttl": 3 if late else 6, "lease_refresh": 0.5, "grace": 0.5}
    owner = await connect(**terms)
    call = facts(started_at=time.time_ns() // 1_000_000)
    writer = owner.writer(call, owner.next_epoch())
    running = asyncio.create_task(writer.run())
    await until(lambda: owner.registry.get(call.call_sid) is not None)
    # The owner lives on: its lease is renewed, and nothing of the call is stored.
    seen = owner.registry.lease_seen(owner.settings.instance)
    await until(lambda: owner.registry.lease_seen(owner.settings.instance) > seen + 500)
    await kill_broker(owner, running)
    if late:
        await until(lambda: not owner.registry.has_lease(owner.settings.instance))
    else:
        await asyncio.sleep(1)
    due = await last_sign_of_life(owner) + 1000 * terms["lease_refresh"]
    other = await connect(**terms)
    records = await read_records(other, call.call_sid)
    assert [record["type"] for record in records] == ["CallStarted", "Gap", "CallEnded"]
    gap = records[1]
    assert gap["start"] == 0
    assert gap["end"] == pytest.approx((due - call.started_at) / 1000, abs=0.002)
    assert records[2]["duration"] == gap["end"]


def over(call, account=None):
    return CallStatus(account or call.account_sid, call.call_sid, "completed")


async def test_a_call_whose_owner_died_ends_at_once_when_twilio_says_that_it_is_over(
    connect, facts, make_final
):
    """Although the lease of the owner, and the time in which another may come, last for long."""
    owner = await connect(lease_refresh=0.5)
    others = [await connect(lease_refresh=0.5) for _ in range(3)]
    call = facts(started_at=time.time_ns() // 1_000_000 - 10_000)
    writer = owner.writer(call, owner.next_epoch())
    running = asyncio.create_task(writer.run())
    writer.put(make_final(1))
    await until(lambda: writer.depth == 0 and others[2].registry.get(call.call_sid) is not None)
    await kill_broker(owner, running)
    await others[0].statuses.put(over(call))
    await others[1].statuses.put(over(call))
    records = await read_records(others[0], call.call_sid)
    assert [record["type"] for record in records] == ["CallStarted", "Results", "Gap", "CallEnded"]
    assert (records[-1]["reason"], records[-1]["callStatus"]) == ("completed", "completed")
    assert others[0].registry.has_lease(owner.settings.instance)
    await until(lambda: not any(other.registry.entry(call.call_sid) for other in others))
    assert sum(other.janitor.ended for other in others) == 1


async def test_a_status_that_came_before_anybody_could_hear_it_ends_a_call_without_an_owner(
    connect, facts
):
    terms = {**SHORT, "grace": 10 * PATIENCE}
    owner = await connect(**terms)
    call = facts()
    running = asyncio.create_task(owner.writer(call, owner.next_epoch()).run())
    await until(lambda: owner.registry.get(call.call_sid) is not None)
    await owner.statuses.put(over(call))
    await kill_broker(owner, running)
    late = await connect(**terms)
    records = await read_records(late, call.call_sid)
    assert (records[-1]["type"], records[-1]["callStatus"]) == ("CallEnded", "completed")


async def test_an_owner_that_answers_or_is_of_another_account_is_left_alone(
    connect, facts, monkeypatch
):
    monkeypatch.setattr(deserted, "ANSWER_SECONDS", 5.0)  # it is not to be silent for so long
    owner, other = await connect(lease_refresh=0.5), await connect(lease_refresh=0.5)
    answers, foreign = facts(), facts()
    writers = [owner.writer(call, owner.next_epoch()) for call in (answers, foreign)]
    running = [asyncio.create_task(writer.run()) for writer in writers]
    await until(
        lambda: other.registry.get(answers.call_sid) and other.registry.get(foreign.call_sid)
    )
    await other.statuses.put(over(answers))
    await other.statuses.put(over(foreign, account_sid(7)))
    writers[0].update(call_status="completed")
    await asyncio.sleep(0.5 + deserted.ANSWER_SECONDS + 2 * janitor.LOOK_SECONDS)
    assert other.janitor.ended == 0
    for writer, task in zip(writers, running, strict=True):
        writer.put(ENDED)
        writer.finish()
        await task


async def test_an_owner_that_was_cut_off_when_its_call_was_over_says_the_rest(
    connect, facts, make_final
):
    """It did not answer, and was taken for dead; it has last words all the same."""
    owner, other = await connect(lease_refresh=0.5), await connect(lease_refresh=0.5)
    call = facts()
    writer = owner.writer(call, owner.next_epoch())
    running = asyncio.create_task(writer.run())
    await until(lambda: other.registry.get(call.call_sid) is not None)
    await other.statuses.put(over(call))
    await until(lambda: other.janitor.ended)
    writer.put(make_final(1))
    writer.put(ENDED)
    writer.finish()
    await running
    types = [record["type"] for record in await read_records(other, call.call_sid)]
    assert types[-4:] == ["CallEnded", "CallResumed", "Results", "CallEnded"]
