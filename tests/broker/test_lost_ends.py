"""broker/janitor.py: what nobody received at the end of a call that was left without an owner."""

import asyncio

import pytest
from support.brokers import kill_broker, read_records
from support.timing import PATIENCE, until

from broker import janitor
from broker.append import Appender
from broker.entries import CallStatus
from broker.records import gap

HEARD = 2.0  # seconds on the call clock


@pytest.fixture
async def abandoned(connect, facts, make_final, monkeypatch):
    """Return what leaves a call without an owner: the call, and a process that watches."""
    monkeypatch.setattr(janitor, "LOOK_SECONDS", 0.1)

    async def leave(why):
        terms = {"lease_ttl": 1, "lease_refresh": 0.25, "grace": 10 * PATIENCE}
        owner, other = await connect(**terms), await connect(**terms)
        call = facts()
        writer = owner.writer(call, owner.next_epoch())
        running = asyncio.create_task(writer.run())
        writer.put(make_final(1))
        writer.update(state="waiting", abandoned=why, covered={"inbound": HEARD})
        await until(lambda: (entry := other.registry.get(call.call_sid)) and entry.covered)
        await until(lambda: writer.depth == 0)
        await kill_broker(owner, running)
        return call, other

    return leave


async def end(other, call, seconds):
    """Let Twilio say when the call was over; returns its gaps, and its last record."""
    over_at = call.started_at + round(1000 * seconds)
    await other.statuses.put(CallStatus(call.account_sid, call.call_sid, "completed", over_at))
    records = await read_records(other, call.call_sid)
    gaps = [
        (one["start"], one["end"], one["track"], one["reason"])
        for one in records
        if one["type"] == "Gap"
    ]
    return gaps, records[-1]


@pytest.mark.parametrize("why", ["drained", "stream-lost"])
@pytest.mark.parametrize("seconds", [1.5, 60.0])
async def test_what_follows_a_media_stream_that_nobody_took_up_is_told_when_the_call_is_over(
    abandoned, why, seconds
):
    call, other = await abandoned(why)
    gaps, ended = await end(other, call, HEARD + seconds)
    lost = seconds > 2
    assert gaps == ([(HEARD, HEARD + seconds, None, "media-lost")] if lost else [])
    assert ended["reason"] == "completed"
    assert ended["duration"] == HEARD + (seconds if lost else 0)


async def test_an_end_that_is_half_written_is_completed_and_nothing_is_told_twice(abandoned):
    """Whoever began to write it died, too."""
    call, other = await abandoned("stream-lost")
    watcher = other.janitor
    appender = Appender(
        watcher._connection,
        watcher._subjects,
        call_sid=call.call_sid,
        account_sid=call.account_sid,
    )
    newest = await appender.newest_now()
    assert newest is not None
    await appender.learn(newest)
    told = (HEARD, HEARD + 60, None, "media-lost")
    await appender.append(gap(*told), "i9-1")
    gaps, ended = await end(other, call, HEARD + 60)
    assert gaps == [told]
    assert ended["duration"] == HEARD + 60
