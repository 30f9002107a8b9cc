"""handler/calls/call.py: what a call says of its end, with a real NATS and a recogniser."""

import asyncio
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


def unasked(phone):
    """Say nothing more, to a server that cannot ask: nobody knows whether the path is dead."""
    phone.fall_silent()
    phone.media[-1].socket.unanswered_since = 0.0


def dead(phone):
    """Say nothing more, and answer nothing: the path is dead, and nobody has noticed."""
    phone.fall_silent()
    phone.media[-1].socket.unanswered_since = asyncio.get_running_loop().time()


@pytest.mark.parametrize(("seconds", "how"), [(15, lost), (60, lost), (60, dead)])
async def test_what_was_said_behind_the_loss_of_a_media_stream_is_told_when_the_call_is_over(
    seconds, how
):
    (started, *_, gap, ended), over_at = await ended_behind(seconds, how)
    assert (gap["type"], gap["reason"], gap["track"]) == ("Gap", "media-lost", None)
    assert 0 < gap["start"] < gap["end"]
    assert gap["end"] == ended["duration"] == (over_at - started["startedAt"]) / 1000
    assert (ended["reason"], ended["callStatus"]) == ("completed", "completed")


@pytest.mark.parametrize(
    ("seconds", "how"),
    [(1, lost), (-3, lost), (-3, dead), (60, stopped), (60, quiet), (60, unasked)],
)
async def test_a_call_whose_end_broke_its_media_stream_or_came_with_it_has_lost_nothing(
    seconds, how
):
    records, _ = await ended_behind(seconds, how)
    assert [one["type"] for one in records if one["type"] != "Results"] == [
        "CallStarted",
        "CallEnded",
    ]
