"""A call whose owner hears it no more is free at once, and what the owner still says is kept."""

import asyncio
import contextlib

import pytest
from support.brokers import read_records
from support.containers import Phone, containers, said
from support.timing import patience, until

from handler.calls.media_stream import End
from handler.errors import StreamRefused
from rehearsal.faults import Faults
from rehearsal.scripted import names

SECONDS = 3
# From the end of a media stream to the next one's beginning.
AWAY = 0.4
# The last words of an owner come so much later than they were said.
LATE = 1.5


@contextlib.asynccontextmanager
async def two(faults=None, seconds=SECONDS):
    """Run two containers, and begin a call in the first."""
    async with patience(), containers(2, faults=faults) as (mine, theirs):
        phone = Phone(seconds=seconds)
        phone.stream(mine)
        await until(lambda: theirs.broker.registry.get(phone.call_sid))
        yield mine, theirs, phone


def of_the_owner(**faults):
    """Return faults of the first connection alone, which is that of a call's first owner."""
    return lambda number: Faults(**faults) if number == 0 else Faults()


def told(records) -> list[str]:
    named = [record for record in records if record["type"] != "Results"]
    return [" ".join(filter(None, (one["type"], one.get("reason")))) for one in named]


def check_words(records, audio: bytes) -> None:
    """Check that every word is there once that lies in no gap."""
    [gap] = [record for record in records if record["type"] == "Gap"]
    words = said(records)["inbound"]
    assert len(set(words)) == len(words)
    missing = [word for word in names(audio) if word not in words]
    # A word and the pause behind it take 0.25 s at least, and of two a part may lie in the gap.
    assert len(missing) <= (gap["end"] - gap["start"]) / 0.25 + 2
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))


async def left_to(container, phone):
    """Begin the next media stream of a call that its owner leaves; returns its records."""
    await until(lambda: container.broker.registry.entry(phone.call_sid).leaving)
    await asyncio.sleep(AWAY)
    phone.stream(container)
    await phone.over()
    return await read_records(container.broker, phone.call_sid)


@pytest.mark.parametrize("how", ["left", "lost"])
async def test_a_call_that_its_owner_leaves_goes_on_elsewhere_behind_its_last_words(how):
    """They come late; the next media stream comes at once."""
    async with two(Faults(answer_delay=LATE)) as (mine, theirs, phone):
        await until(lambda: mine.calls.audio.frames > 60)  # of both sides, of 20 ms each
        [call] = mine.calls.movable()
        if how == "left":
            call.leave()
        else:
            phone.end(End.LOST)
        records = await left_to(theirs, phone)
        events = ["CallStarted", "CallResumed", "Gap media-lost", "CallEnded completed"]
        assert told(records) == events
        check_words(records, phone.sides[0])
        gap = next(record for record in records if record["type"] == "Gap")
        # From what had come to where the next stream began: no wait for the last words is in it.
        began, resumed = (phone.media[number].received_at / 1000 for number in (0, -1))
        assert gap["start"] >= 60 / 2 * 0.02
        assert gap["end"] < resumed - began + LATE / 2


async def test_a_call_that_was_stopped_goes_on_elsewhere_behind_its_end():
    async with two(of_the_owner(last_delay=3)) as (mine, theirs, phone):
        await until(lambda: mine.calls.audio.frames > 60)
        phone.end(End.STOPPED)
        await until(lambda: theirs.broker.registry.entry(phone.call_sid).leaving)
        assert theirs.broker.registry.entry(phone.call_sid).stream_sids == ()
        await asyncio.sleep(AWAY)
        phone.stream(theirs)
        await phone.over()
        await until(lambda: len(theirs.calls) == 0)
        records = await read_records(theirs.broker, phone.call_sid)
        events = ["CallStarted", "CallEnded completed", "CallResumed", "Gap paused"]
        assert told(records) == [*events, "CallEnded completed"]
        check_words(records, phone.sides[0])


async def test_an_owner_that_takes_too_long_for_its_last_words_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("handler.calls.claiming.LAST_WORDS_SECONDS", 0.3)
    async with two(of_the_owner(last_delay=8)) as (mine, theirs, phone):
        await until(lambda: mine.calls.audio.frames > 60)
        [call] = mine.calls.movable()
        call.leave()
        records = await left_to(theirs, phone)
        events = ["CallStarted", "CallResumed", "Gap owner-lost", "CallEnded completed"]
        assert told(records) == events
        check_words(records, phone.sides[0])


async def test_a_stream_that_was_asked_for_takes_a_call_whose_owner_has_not_noticed():
    """Elsewhere as here: who had it is told, and stops."""
    async with two(seconds=20) as (mine, theirs, phone):
        await until(lambda: mine.calls.audio.frames > 50)
        with pytest.raises(StreamRefused):
            phone.stream(theirs)
        first = phone.media[0].socket
        second = phone.stream(theirs, takes_over=True).socket
        await until(lambda: not mine.calls.movable())
        assert first.closed == [(1008, "another container owns this call")]
        third = phone.stream(theirs, takes_over=True).socket
        await until(lambda: second.closed)
        await phone.hang_up()
        records = await read_records(theirs.broker, phone.call_sid)
        assert second.closed == [(1008, "replaced by another media stream")]
        assert third.closed == []
        kinds = [name for name in told(records) if not name.startswith("Gap")]
        assert kinds == ["CallStarted", "CallResumed", "CallResumed", "CallEnded completed"]
        assert len(set(said(records)["inbound"])) == len(said(records)["inbound"])


async def test_one_that_somebody_has_claimed_since_is_not_taken():
    async with two(seconds=20) as (mine, theirs, phone):
        [call] = mine.calls.movable()
        await until(call.writer.claimed.is_set)
        with pytest.MonkeyPatch.context() as patch:
            entry = theirs.broker.registry.entry(phone.call_sid)
            patch.setattr(theirs.broker.registry, "entry", lambda _: None)
            late = phone.stream(theirs, takes_over=True).socket
        assert entry is not None
        await until(lambda: late.closed)
        assert late.closed == [(1008, "another container owns this call")]
        assert mine.calls.movable() == [call]


async def goes_on(phone, container) -> None:
    """Lose the media stream of a call, and begin another one."""
    registry = container.broker.registry
    phone.end(End.LOST)
    lost = (phone.media[-1].stream_sid,)
    await until(
        lambda: (entry := registry.entry(phone.call_sid)).free and entry.stream_sids == lost
    )
    phone.stream(container)
    await until(lambda: registry.entry(phone.call_sid).owner == container.settings.instance)
    await until(lambda: container.calls.audio.frames > 100)


async def test_a_call_that_was_ours_and_is_not_comes_back_as_the_other_one_left_it():
    async with two(seconds=20) as (mine, theirs, phone):
        await until(lambda: mine.calls.audio.frames > 50)
        for elsewhere in (theirs, mine):
            await goes_on(phone, elsewhere)
        await phone.hang_up()
        records = await read_records(theirs.broker, phone.call_sid)
        kinds = [name for name in told(records) if not name.startswith("Gap")]
        assert kinds == ["CallStarted", "CallResumed", "CallResumed", "CallEnded completed"]
        assert phone.media[-1].socket.closed == []
        assert len(set(said(records)["inbound"])) == len(said(records)["inbound"])
