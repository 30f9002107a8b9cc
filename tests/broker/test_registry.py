"""broker/registry.py: which calls are live."""

import asyncio

import structlog
from support.brokers import ENDED, kill_broker
from support.timing import PATIENCE, patience, until

from broker import supervise


async def test_a_live_call_is_known_everywhere_until_it_ends(connect, facts):
    owner, other = await connect(), await connect()
    call = facts()
    writer = owner.writer(call, owner.next_epoch())
    running = asyncio.create_task(writer.run())
    await until(lambda: other.registry.get(call.call_sid) is not None)
    entry = other.registry.get(call.call_sid)
    assert (entry.account_sid, entry.from_, entry.to) == (call.account_sid, call.from_, call.to)
    assert (entry.state, entry.owner, entry.started_at) == ("live", "i1", call.started_at)
    writer.update(state="waiting", covered={"inbound": 1.5})
    await until(lambda: other.registry.get(call.call_sid).state == "waiting")
    assert other.registry.get(call.call_sid).covered == {"inbound": 1.5}
    writer.put(ENDED)
    writer.finish()
    await running
    await until(lambda: other.registry.calls() == {})


async def test_changes_wake_those_who_wait(connect, facts):
    owner, other = await connect(), await connect()
    changes = other.registry.changes()
    waiting = asyncio.create_task(anext(changes))
    await asyncio.sleep(0)
    call = facts()
    running = asyncio.create_task(owner.writer(call, owner.next_epoch()).run())
    async with patience():
        while other.registry.get(call.call_sid) is None:
            await waiting
            waiting = asyncio.create_task(anext(changes))
    assert set(other.registry.calls()) == {call.call_sid}
    await supervise.end(waiting, running)


async def test_the_calls_of_a_process_that_is_gone_leave_with_its_lease(connect, facts):
    short = {"lease_ttl": 1, "lease_refresh": 0.25}
    owner, other = await connect(**short), await connect(**short)
    call = facts()
    running = asyncio.create_task(owner.writer(call, owner.next_epoch()).run())
    await until(lambda: other.registry.get(call.call_sid) is not None)
    seen = other.registry.lease_seen("i1")
    # Longer than a lease: it is renewed.
    await until(lambda: other.registry.lease_seen("i1") > seen + 1500)
    assert other.registry.get(call.call_sid) is not None
    await kill_broker(owner, running)
    await until(lambda: other.registry.get(call.call_sid) is None)


async def test_a_process_that_leaves_takes_its_calls_from_the_list_at_once(connect, facts):
    """Long before its lease is over."""
    long = {"lease_ttl": int(10 * PATIENCE)}
    owner, other = await connect(**long), await connect(**long)
    call = facts()
    running = asyncio.create_task(owner.writer(call, owner.next_epoch()).run())
    await until(lambda: other.registry.get(call.call_sid) is not None)
    await supervise.end(running)
    await owner.__aexit__()
    await until(lambda: other.registry.get(call.call_sid) is None)
    assert other.registry.calls() == {}


async def test_one_that_comes_later_reads_what_there_is(connect, facts):
    owner = await connect()
    call = facts()
    running = asyncio.create_task(owner.writer(call, owner.next_epoch()).run())
    await until(lambda: owner.registry.get(call.call_sid) is not None)
    late = await connect()
    await until(lambda: late.registry.get(call.call_sid) is not None)
    assert late.registry.calls() == owner.registry.calls()
    await supervise.end(running)


async def test_what_is_written_while_the_bucket_is_looked_at_is_not_taken_for_lost(connect):
    """The answer is older than what this process has learned since it asked."""
    broker = await connect()
    registry = broker.registry
    await until(lambda: registry.has_lease(broker.settings.instance) and registry.fresh)
    key = f"pod.{broker.settings.instance}"
    with structlog.testing.capture_logs() as logs:
        looking = asyncio.create_task(registry._check_bucket())
        await asyncio.sleep(0)  # asked, and not answered
        registry._apply(key, registry._view.newest + 1, {}, b"{}")
        await looking
    assert [line for line in logs if "lost entries" in line["event"]] == []
