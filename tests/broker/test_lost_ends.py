"""broker/janitor.py: what nobody received at the end of a call that was left without an owner."""

import asyncio

import pytest
from support.brokers import kill_broker, read_records
from support.timing import PATIENCE, until

from broker import janitor
from broker.entries import CallStatus

HEARD = 2.0  # seconds on the call clock


@pytest.mark.parametrize("abandoned", ["drained", "stream-lost"])
@pytest.mark.parametrize("seconds", [1.5, 60.0])
async def test_what_follows_a_media_stream_that_nobody_took_up_is_told_when_the_call_is_over(
    connect, facts, make_final, monkeypatch, abandoned, seconds
):
    monkeypatch.setattr(janitor, "LOOK_SECONDS", 0.1)
    terms = {"lease_ttl": 1, "lease_refresh": 0.25, "grace": 10 * PATIENCE}
    owner, other = await connect(**terms), await connect(**terms)
    call = facts()
    writer = owner.writer(call, owner.next_epoch())
    running = asyncio.create_task(writer.run())
    writer.put(make_final(1))
    writer.update(state="waiting", abandoned=abandoned, covered={"inbound": HEARD})
    await until(lambda: (entry := other.registry.get(call.call_sid)) and entry.covered)
    await until(lambda: writer.depth == 0)
    await kill_broker(owner, running)
    over_at = call.started_at + round(1000 * (HEARD + seconds))
    await other.statuses.put(CallStatus(call.account_sid, call.call_sid, "completed", over_at))
    records = await read_records(other, call.call_sid)
    gaps = [
        (one["start"], one["end"], one["track"], one["reason"])
        for one in records
        if one["type"] == "Gap"
    ]
    lost = seconds > 2
    assert gaps == ([(HEARD, HEARD + seconds, None, "media-lost")] if lost else [])
    assert records[-1]["reason"] == "completed"
    assert records[-1]["duration"] == HEARD + (seconds if lost else 0)
