"""handler/calls/call.py: what a call says of its end, with a real NATS and a recogniser."""

import time

import pytest
from support.brokers import read_records
from support.containers import Phone, world
from support.sids import account_sid
from support.timing import patience, until

from broker.entries import CallStatus
from handler.calls.media_stream import End


async def ended_behind(seconds, how):
    """Return the records of a call that is over so long after its media stream, and when it was."""
    async with world() as (_, _, run), patience():
        mine = await run(resume_seconds=3600)
        phone = Phone(seconds=20)
        media = phone.stream(mine)
        await until(lambda: media.frames > 50)
        how(phone)
        over_at = round((time.time() + seconds) * 1000)
        await mine.broker.statuses.put(
            CallStatus(account_sid(1), phone.call_sid, "completed", over_at)
        )
        await until(lambda: not mine.calls.carried)
        return await read_records(mine.broker, phone.call_sid), over_at


def lost(phone):
    phone.end(End.LOST)


def stopped(phone):
    phone.end(End.STOPPED)


def quiet(phone):
    """Say nothing more; there is nothing to say."""
    phone.fall_silent()
    phone.media[-1].socket.unanswered_since = None


@pytest.mark.parametrize("seconds", [3, 60])
async def test_what_was_said_behind_the_loss_of_a_media_stream_is_told_when_the_call_is_over(
    seconds,
):
    (started, *_, gap, ended), over_at = await ended_behind(seconds, lost)
    assert (gap["type"], gap["reason"], gap["track"]) == ("Gap", "media-lost", None)
    assert 0 < gap["start"] < gap["end"]
    assert gap["end"] == ended["duration"] == (over_at - started["startedAt"]) / 1000
    assert (ended["reason"], ended["callStatus"]) == ("completed", "completed")


@pytest.mark.parametrize(("seconds", "how"), [(1, lost), (-3, lost), (60, stopped), (60, quiet)])
async def test_a_call_whose_end_broke_its_media_stream_or_came_with_it_has_lost_nothing(
    seconds, how
):
    records, _ = await ended_behind(seconds, how)
    assert [one["type"] for one in records if one["type"] != "Results"] == [
        "CallStarted",
        "CallEnded",
    ]
