"""broker/listing.py: one call's entry in the registry, kept as its owner says."""

import asyncio
from typing import Any

import structlog
from support.timing import until

from broker import supervise


async def begin_with_a_defect(owner, call):
    """Begin to write a call whose entry cannot be written; returns once that was seen."""
    writer = owner.writer(call, owner.next_epoch())
    unwritable: Any = object()
    writer.update(covered={"inbound": unwritable})
    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(writer.run())
        await until(lambda: any("could not be listed" in line["event"] for line in logs))
    return writer, running


async def test_a_defect_in_listing_a_call_leaves_it_unlisted_for_no_longer_than_it_lasts(
    connect, facts
):
    owner, other = await connect(), await connect()
    call = facts()
    writer, running = await begin_with_a_defect(owner, call)
    assert other.registry.get(call.call_sid) is None
    writer.update(covered={"inbound": 1.0})
    await until(lambda: other.registry.get(call.call_sid) is not None)
    assert other.registry.get(call.call_sid).covered == {"inbound": 1.0}
    await supervise.end(running)


async def test_a_defect_in_the_first_listing_after_a_takeover_leaves_it_not_as_its_former_owners(
    connect, facts
):
    former, owner = await connect(), await connect()
    call = facts()
    leaving = asyncio.create_task(former.writer(call, former.next_epoch()).run())
    await until(lambda: owner.registry.get(call.call_sid) is not None)
    writer, running = await begin_with_a_defect(owner, call)
    writer.update(covered={})
    await until(lambda: former.registry.get(call.call_sid).owner == owner.settings.instance)
    await supervise.end(leaving, running)
