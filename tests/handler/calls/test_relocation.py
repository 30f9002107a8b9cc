"""handler/calls/relocation.py: whatever becomes of a move, the call goes on, and is whole."""

import asyncio
import gc
import weakref
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs
from support.brokers import kill_server, read_records
from support.containers import Phone, said, whole, world
from support.sids import call_sid
from support.timing import patience, until

from broker.claim import Claim
from handler.audio.loss import Loss
from handler.audio.mulaw import SAMPLE_RATE, Track
from handler.calls import gaps, moving
from handler.calls.media_stream import End
from handler.calls.moving import Given
from handler.calls.relocation import Succession
from handler.errors import MoveFailed, Stay, StreamRefused


async def nothing():
    """Twilio says yes, and nothing comes."""


async def begun(container):
    """Begin a call; returns it once it is listed."""
    phone = Phone(seconds=20)
    phone.stream(container)
    await until(lambda: container.broker.registry.get(phone.call_sid))
    return phone


async def stays(container, phone, ask=nothing):
    """Try to move a call; returns why it stays."""
    with pytest.raises(MoveFailed) as caught:
        await container.calls.find(phone.call_sid).move(ask)
    return caught.value.kind


async def test_without_nats_a_call_stays_and_twilio_is_not_asked():
    async with world() as (server, _, run), patience():
        mine = await run()
        phone = await begun(mine)
        asked = []

        async def ask():
            asked.append(1)

        await kill_server(server)
        await until(lambda: not mine.broker.connected)
        assert await stays(mine, phone, ask) is Stay.NATS
        assert not asked
        await phone.hang_up()


async def test_while_nats_is_away_nobody_is_taken_for_gone(monkeypatch):
    """Else the successor would take the call from an owner that lives."""
    monkeypatch.setattr(moving, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(moving, "ASKING_SECONDS", 0.02)

    class Away:
        reachable = False

        async def ask(self, call_sid, _):
            if len(asked) == 20:
                self.reachable = True
            asked.append(call_sid)
            raise moving.OwnerSilent(call_sid, "away")

    asked: list[str] = []
    away: Any = Away()
    async with patience():
        arrival = moving.Arrival(call_sid(1), away, lambda: 0, structlog.get_logger())
        assert await arrival.run() is None
    assert len(asked) > 20 + moving.UNANSWERED


async def test_with_a_recogniser_that_is_down_a_call_stays(monkeypatch):
    monkeypatch.setattr(moving, "SETTLE_SECONDS", 0.5)
    async with world() as (_, _, run), patience():
        mine = await run(deepgram_url="ws://127.0.0.1:1", close_seconds=1.0)
        theirs = await run(deepgram_url="ws://127.0.0.1:1", close_seconds=1.0)
        phone = Phone(seconds=20)
        phone.stream(mine)
        await asyncio.sleep(0.5)

        async def ask():
            phone.stream(theirs, succeeding=True)

        assert await stays(mine, phone, ask) is Stay.NOT_STORED
        await until(lambda: not theirs.calls.carried)  # it was told
        assert mine.calls.find(phone.call_sid).listening
        await phone.hang_up()


async def test_a_call_that_ends_while_twilio_does_not_answer_waits_for_nothing():
    async with world() as (_, _, run), patience():
        mine = await run()
        phone = await begun(mine)
        asked = asyncio.Event()

        async def never():
            asked.set()
            await asyncio.Event().wait()

        moving = asyncio.create_task(stays(mine, phone, never))
        await asked.wait()
        await phone.hang_up()
        assert await moving is Stay.OVER
        await until(lambda: not mine.calls.carried)


async def test_two_moves_at_once_are_one():
    async with world() as (_, _, run), patience():
        mine = await run()
        phone = await begun(mine)
        asked = []

        async def refused():
            asked.append(1)
            await asyncio.sleep(0)
            raise MoveFailed("no")

        assert (
            await asyncio.gather(*(stays(mine, phone, refused) for _ in range(3)))
            == [Stay.REFUSED] * 3
        )
        assert len(asked) == 1
        assert await stays(mine, phone, refused) is Stay.REFUSED
        assert len(asked) == 2
        await phone.hang_up()


@pytest.mark.parametrize("lost", [True, False])
async def test_a_call_that_has_gone_on_with_another_media_stream_moves_as_any(lost):
    async with world() as (_, _, run), patience():
        mine, theirs = await run(), await run()
        phone = Phone(seconds=20)
        first = phone.stream(mine)
        await until(lambda: first.frames > 50)
        if lost:
            phone.end(End.LOST)
        second = phone.stream(mine, takes_over=not lost)
        await until(lambda: second.frames > 50)

        async def ask():
            phone.stream(theirs, succeeding=True)

        assert await mine.move(phone.call_sid, ask)
        await until(lambda: not mine.calls.carried)
        await phone.hang_up()
        records = await read_records(theirs.broker, phone.call_sid)
        told = [one for one in records if one["type"] == "CallResumed"]
        assert [one.get("reason") for one in told] == [None, "moved"]


async def test_what_was_lost_before_a_call_moved_is_told(monkeypatch):
    """By its old owner, which waits whether the loss grows: the new one has not heard of it."""
    monkeypatch.setattr(gaps, "QUIET_SECONDS", 60.0)
    async with world() as (_, _, run), patience():
        mine, theirs = await run(), await run()
        phone = Phone(seconds=7)
        phone.stream(mine)
        await asyncio.sleep(1.5)
        call = mine.calls.find(phone.call_sid)
        lost = Loss(8000, 8160, Track.INBOUND, "late-audio")

        async def ask():
            call._publisher.add_losses([lost], asyncio.get_running_loop().time())
            phone.stream(theirs, succeeding=True)

        await call.move(ask)
        await phone.over()
        records = await read_records(theirs.broker, phone.call_sid)
        told = [record for record in records if record["type"] == "Gap"]
        assert [(gap["start"], gap["end"], gap["reason"]) for gap in told] == [
            (1.0, 1.02, "late-audio")
        ]


async def test_a_successor_of_an_owner_that_must_leave_waits_and_goes_on():
    """It is not sent away: Twilio would have no stream of the call left."""
    async with world() as (_, _, run), patience():
        mine, theirs = await run(), await run()
        phone = Phone(seconds=6)
        phone.stream(mine)
        await asyncio.sleep(1.5)

        async def ask():
            phone.stream(theirs, succeeding=True)

        call = mine.calls.find(phone.call_sid)
        with capture_logs() as lines:
            moving = asyncio.create_task(stays(mine, phone, ask))
            # Who has heard too little of what its owner did is placed by time: no better than that.
            placed = ("successor: placed", "what it sounds like")
            await until(lambda: placed in [(line["event"], line.get("by")) for line in lines])
        call.leave()
        assert await moving is Stay.LEAVING
        await until(lambda: not mine.calls.carried)
        await phone.over()
        records = await read_records(theirs.broker, phone.call_sid)
        events = [record["type"] for record in records if record["type"] != "Results"]
        assert events == ["CallStarted", "CallResumed", "CallEnded"]
        for track, words in said(records).items():
            every = whole(phone)[track]
            assert len(set(words)) == len(words)  # none twice
            assert len([word for word in every if word not in words]) <= 1  # it was cut in two


def test_what_an_owner_has_written_behind_the_cut_is_not_written_twice():
    nobody: Any = None
    succession = Succession(call_sid(1), nobody, "", nobody)
    succession.given = Given(0, 0, 2 * SAMPLE_RATE, ())

    def stored(type_="Results", **ends):
        return Claim(seq=5, sequence=5, type=type_, ends=ends)

    assert succession.may_claim(stored(inbound=2.01, outbound=1.0))
    assert not succession.may_claim(stored(inbound=2.6))
    assert not succession.may_claim(stored("CallEnded"))
    succession.given = None  # the owner is gone
    assert succession.may_claim(stored(inbound=2.6))


@pytest.mark.parametrize("given", [None, Given(0, 0, 2 * SAMPLE_RATE, ())])
def test_a_call_is_taken_from_the_owner_that_was_listened_to_alone(given):
    nobody: Any = None
    succession = Succession(call_sid(1), nobody, "owner-1", nobody)
    succession.given = given
    assert succession.may_claim(Claim(seq=5, sequence=5, epoch="owner-1"))
    assert succession.may_claim(Claim(seq=5, sequence=5))  # which is kept no longer
    assert not succession.may_claim(Claim(seq=5, sequence=5, epoch="other-1"))
    assert not succession.may_claim(Claim(seq=5, sequence=5, epoch="owner-2"))


@pytest.fixture
def quick(monkeypatch):
    """Let who moves a call be sure of its place, and of an owner's end, after a moment."""
    monkeypatch.setattr(moving, "ENOUGH_SECONDS", 0.3)
    monkeypatch.setattr(moving, "ASKING_SECONDS", 0.1)
    monkeypatch.setattr(moving, "SILENT_SECONDS", 0.5)


async def only_one_goes_on(container, phone, loser):
    """The call has gone on once, and one of those that would have it was sent away."""
    await until(lambda: loser.closed)
    assert loser.closed == [(1008, "another container owns this call")]
    await phone.hang_up()
    records = await read_records(container.broker, phone.call_sid)
    events = [record["type"] for record in records if record["type"] not in ("Results", "Gap")]
    assert events == ["CallStarted", "CallResumed", "CallEnded"]
    counts = {track: (len(words), len(set(words))) for track, words in said(records).items()}
    assert [track for track, (every, different) in counts.items() if every != different] == []


async def test_of_two_successors_one_has_the_call(quick):
    """The second was asked for as the first one seemed not to come."""
    async with world() as (_, _, run), patience():
        mine, one, other = await run(), await run(), await run()
        phone = await begun(mine)

        async def ask():
            for container in (one, other):
                phone.stream(container, succeeding=True)

        assert await mine.move(phone.call_sid, ask)
        await until(lambda: len(one.calls.carried) + len(other.calls.carried) == 1)
        lost = phone.media[2 if one.calls.carried else 1].socket
        await only_one_goes_on(one, phone, lost)


async def test_who_was_asked_for_as_the_owner_died_has_the_call_and_its_successor_has_not(quick):
    async with world() as (_, _, run), patience():
        mine, successor, restarted = await run(), await run(), await run()
        phone = await begun(mine)
        late = phone.stream(successor, succeeding=True)  # nobody answers it
        phone.stream(restarted, takes_over=True)
        await only_one_goes_on(mine, phone, late.socket)


async def test_within_a_full_container_a_call_moves_in_its_own_place(quick):
    """It is one call all the time; and who listens to it is enough."""
    async with world() as (_, _, run), patience():
        mine = await run(max_calls=1)
        phone = await begun(mine)

        def counts():
            return len(mine.calls), mine.calls.arriving, mine.calls.full

        async def ask():
            assert mine.calls.refusal() is None
            phone.stream(mine, succeeding=True)
            assert counts() == (1, 1, True)
            with pytest.raises(StreamRefused, match="about to take the call"):
                phone.stream(mine, succeeding=True)

        assert mine.calls.refusal() == "full"
        assert await mine.move(phone.call_sid, ask)
        await until(lambda: len(mine.calls.carried) == 1)
        assert counts() == (1, 0, True)
        await phone.hang_up()
        await until(lambda: not mine.calls.carried)
        assert (len(mine.calls), mine.calls.full) == (0, False)


async def test_a_move_that_failed_leaves_nothing_for_the_collector():
    """An exception that is kept holds the frames that it went through, and the call with them."""
    async with world() as (_, _, run), patience():
        mine = await run()
        phone = await begun(mine)

        async def refused():
            raise MoveFailed("no")

        gc.disable()
        try:
            call = mine.calls.find(phone.call_sid)
            with pytest.raises(MoveFailed):
                await call.move(refused)
            left = weakref.ref(call)
            del call
            await phone.hang_up()
            await until(lambda: left() is None)
        finally:
            gc.enable()
