"""broker/janitor.py: what nobody received of a call that was over, by Twilio's word, later."""

import asyncio
import time

import pytest
from support.brokers import append_to, kill_broker, read_records
from support.timing import PATIENCE, until

from broker import deserted, janitor
from broker.entries import CallStatus
from broker.records import call_ended, gap

HEARD = 2.0  # seconds on the call clock


def covered_of(broker, call):
    entry = broker.registry.entry(call.call_sid)
    return None if entry is None else entry.covered


@pytest.fixture
async def left(connect, facts, make_final, monkeypatch):
    """Return what leaves a call without an owner: the call, and a process that watches."""
    monkeypatch.setattr(janitor, "LOOK_SECONDS", 0.1)

    async def leave(why):
        terms = {"lease_ttl": 1, "lease_refresh": 0.25, "grace": 10 * PATIENCE}
        owner, other = await connect(**terms), await connect(**terms)
        call = facts(started_at=time.time_ns() // 1_000_000)
        writer = owner.writer(call, owner.next_epoch())
        running = asyncio.create_task(writer.run())
        writer.put(make_final(1))
        covered = {} if why == "crashed" else {"inbound": HEARD}
        if covered:
            writer.update(state="waiting", abandoned=why, covered=covered)
        await until(lambda: writer.depth == 0 and covered_of(other, call) == covered)
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


@pytest.mark.parametrize("why", ["drained", "stream-lost", "crashed"])
async def test_what_nobody_received_is_told_up_to_when_the_call_was_over(left, why):
    call, other = await left(why)
    over = HEARD + 3600
    gaps, ended = await end(other, call, over)
    assert gaps == [(HEARD, over, None, "owner-lost")]
    assert (ended["reason"], ended["duration"]) == ("completed", over)


async def test_an_owner_that_lived_on_when_the_call_was_over_has_lost_nothing_behind_that(left):
    call, other = await left("crashed")
    await until(lambda: time.time() * 1000 > call.started_at + 1000 * (HEARD + 1))
    gaps, ended = await end(other, call, HEARD + 0.5)
    assert gaps == [(HEARD, HEARD + 0.5, None, "owner-lost")]
    assert ended["duration"] == HEARD + 0.5


@pytest.mark.parametrize("why", ["drained", "stream-lost"])
async def test_a_call_whose_end_broke_its_media_stream_has_lost_nothing(left, why):
    call, other = await left(why)
    gaps, ended = await end(other, call, HEARD + 1.5)
    assert gaps == []
    assert (ended["reason"], ended["duration"]) == ("completed", HEARD)


async def test_an_end_that_is_half_written_is_completed_and_nothing_is_told_twice(left):
    """Whoever began to write it died, too."""
    call, other = await left("stream-lost")
    told = (HEARD, HEARD + 60, None, "owner-lost")
    await (await append_to(other, call)).append(gap(*told), "i9-1")
    gaps, ended = await end(other, call, HEARD + 60)
    assert gaps == [told]
    assert ended["duration"] == HEARD + 60


@pytest.mark.parametrize("more", [False, True])
async def test_an_owner_that_was_cut_off_says_no_end_again_that_others_have_told(
    connect, facts, make_final, monkeypatch, more
):
    """It lost its media stream and NATS together; unless it has something else to say."""
    monkeypatch.setattr(janitor, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(deserted, "ANSWER_SECONDS", 1.0)
    owner, other = await connect(lease_refresh=0.5), await connect(lease_refresh=0.5)
    call = facts()
    writer = owner.writer(call, owner.next_epoch())
    running = asyncio.create_task(writer.run())
    writer.update(state="waiting", abandoned="stream-lost", covered={"inbound": HEARD})
    await until(lambda: covered_of(other, call))
    over_at = call.started_at + round(1000 * (HEARD + 60))
    await other.statuses.put(CallStatus(call.account_sid, call.call_sid, "completed", over_at))
    await until(lambda: other.janitor.ended)
    writer.put(gap(HEARD, HEARD + 60, None, "media-lost"))
    if more:
        writer.put(make_final(1))
    writer.put(call_ended(HEARD + 60, "completed", (), "completed"))
    writer.finish()
    await running
    told = [
        (one["type"], one.get("reason", "")) for one in await read_records(other, call.call_sid)
    ]
    rest = [("CallResumed", ""), ("Results", ""), ("CallEnded", "completed")] if more else []
    assert told == [("CallStarted", ""), ("Gap", "owner-lost"), ("CallEnded", "completed"), *rest]
