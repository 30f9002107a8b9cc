"""handler/calls/moving.py: two containers agree on who has a call, whatever becomes of either."""

import asyncio
import contextlib

import msgspec
import pytest
import structlog
from support.sids import call_sid
from support.timing import PATIENCE, patience, until

from broker.broker import Broker
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from handler.audio.mixer import Chunk
from handler.audio.mulaw import SAMPLE_RATE, SILENCE, interleave
from handler.calls import moving
from handler.calls.moving import Arrival, Departure
from handler.errors import MoveFailed
from rehearsal import audio
from rehearsal.sample import SPEECH

CALL = call_sid(1)
LOG = structlog.get_logger()
AT, LATER, STEP = 9 * SAMPLE_RATE, 12_345, 800
SIDES = [audio.read(SPEECH / f"{side}.wav")[AT : AT + 200_000] for side in ("caller", "callee")]
# Audio comes faster than people speak.
TURN = 0.01
# So long is waited for who says nothing, where that is the subject.
SHORT = 0.3


@pytest.fixture(autouse=True)
def asked_often(monkeypatch):
    monkeypatch.setattr(moving, "ASKING_SECONDS", 0.02)
    monkeypatch.setattr(moving, "SILENT_SECONDS", PATIENCE)
    monkeypatch.setattr(moving, "COMING_SECONDS", PATIENCE)


@pytest.fixture
async def brokers():
    """The brokers of two processes."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(EmbeddedServer())
        opened = []
        for name in ("owner", "successor"):
            settings = BrokerSettings(servers=(server.url,), instance=name)
            broker = await stack.enter_async_context(Broker(settings))
            async with patience():
                await broker.wait_ready()
            opened.append(broker)
        yield opened


def in_time():
    """What comes lags behind by nothing."""
    return 0


class Owner:
    """A call that moves, with what it has sent."""

    def __init__(self, late=in_time):
        self.heard = 0
        self.sent = []
        self.stored = 0
        self.can_settle = asyncio.Event()
        self.can_settle.set()
        self.departure = Departure(
            lambda: "owner-1",
            lambda: 1_795_341_600_000,
            self._settle,
            lambda: ("inbound",),
            late,
            LOG,
        )

    async def _settle(self):
        await self.can_settle.wait()
        self.stored = self.sent[-1].end

    def hear(self, chunk):
        self.heard = chunk.end
        self.sent += self.departure.take(chunk)


async def asked():
    """Ask Twilio, which says that another media stream is on its way."""


async def speak(owner, arrival, positions=range(0, 200_000, STEP), behind=0):
    """Play the call to both sides, of which the owner may hear it later."""
    for start in positions:
        if owner is not None and start >= behind:
            owner.hear(piece(start - behind))
        if arrival is not None and start >= LATER:
            theirs = piece(start)
            arrival.taking.take(Chunk(theirs.start - LATER, theirs.audio))
        await asyncio.sleep(TURN)


def piece(start):
    inbound, outbound = (side[start : start + STEP] for side in SIDES)
    return Chunk(start, interleave(inbound, outbound))


@contextlib.asynccontextmanager
async def playing(owner, arrival, behind=0):
    task = asyncio.create_task(speak(owner, arrival, behind=behind))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_call_moves_from_one_container_to_another(brokers):
    mine, theirs = brokers
    owner, arrival = Owner(), Arrival(CALL, theirs.moves, in_time, LOG)
    async with (
        patience(),
        mine.moves.answering(CALL, owner.departure.answer),
        playing(owner, arrival),
    ):
        leaving = asyncio.create_task(owner.departure.run(asked))
        given = await arrival.run()
        assert not leaving.done()
        await arrival.confirm()
        await leaving
        assert given is not None
        assert given.offset == LATER
        assert given.cut == owner.stored == owner.sent[-1].end
        assert given.open_utterances == ("inbound",)
        assert arrival.taking.begin(given.offset, given.cut)[0].start == given.cut
        with pytest.raises(MoveFailed):  # it has moved already
            await Arrival(CALL, theirs.moves, in_time, LOG).run()


async def test_where_an_owner_is_behind_both_meet_where_both_have_heard_the_call(brokers):
    """Its container is busy, or the path of its media stream stands still."""
    mine, theirs = brokers
    behind = 6 * SAMPLE_RATE
    owner = Owner(late=lambda: behind)
    arrival = Arrival(CALL, theirs.moves, in_time, LOG)
    async with (
        patience(),
        mine.moves.answering(CALL, owner.departure.answer),
        playing(owner, arrival, behind=behind),
    ):
        leaving = asyncio.create_task(owner.departure.run(asked))
        given = await arrival.run()
        await arrival.confirm()
        await leaving
    assert given is not None
    assert given.offset == LATER


async def test_a_successor_waits_for_an_owner_that_is_behind_though_not_for_ever(
    brokers, monkeypatch
):
    monkeypatch.setattr(moving, "PATIENT_SECONDS", SHORT)
    mine, theirs = brokers
    arrival = Arrival(CALL, theirs.moves, in_time, LOG)
    owner = Owner(late=lambda: max(0, LATER + arrival.taking.end - LATER // STEP * STEP - STEP))
    async with patience(), mine.moves.answering(CALL, owner.departure.answer):
        leaving = asyncio.create_task(owner.departure.run(asked))
        taking = asyncio.create_task(arrival.run())
        await speak(owner, None, range(0, LATER, STEP))
        await speak(None, arrival, range(LATER // STEP * STEP + STEP, 100_000, STEP))
        await until(lambda: arrival.taking.offset is not None)
        owner.departure.end_of_stream()
        with pytest.raises(MoveFailed, match="the media stream has ended"):
            await leaving
        with pytest.raises(MoveFailed):
            await taking
    assert arrival.taking.offset == LATER  # by the time at which it came


async def test_nothing_is_handed_over_before_all_is_stored(brokers):
    mine, theirs = brokers
    owner, arrival = Owner(), Arrival(CALL, theirs.moves, in_time, LOG)
    owner.can_settle.clear()
    async with (
        patience(),
        mine.moves.answering(CALL, owner.departure.answer),
        playing(owner, arrival),
    ):
        leaving = asyncio.create_task(owner.departure.run(asked))
        taking = asyncio.create_task(arrival.run())
        await owner.departure._cut.wait()
        assert not taking.done()
        owner.can_settle.set()
        given = await taking
        assert given is not None
        await arrival.confirm()
        await leaving


async def test_an_owner_whom_nobody_follows_keeps_the_call(brokers, monkeypatch):
    monkeypatch.setattr(moving, "COMING_SECONDS", SHORT)
    assert len(brokers) == 2
    owner = Owner()
    async with patience(), playing(owner, None):
        with pytest.raises(MoveFailed, match="no other container takes the call"):
            await owner.departure.run(asked)
    assert owner.departure.give_up() == ([], [])


async def test_an_owner_whose_successor_dies_behind_the_cut_has_all_that_follows(
    brokers, monkeypatch
):
    mine, theirs = brokers
    owner, arrival = Owner(), Arrival(CALL, theirs.moves, in_time, LOG)
    async with patience(), mine.moves.answering(CALL, owner.departure.answer):
        async with playing(owner, arrival):
            leaving = asyncio.create_task(owner.departure.run(asked))
            given = await arrival.run()
            monkeypatch.setattr(moving, "SILENT_SECONDS", SHORT)
            owner.departure.answer(msgspec.msgpack.encode(moving.Question()))  # and says no more
            with pytest.raises(MoveFailed, match="no other container writes the call"):
                await leaving
            with pytest.raises(MoveFailed):  # too late
                await arrival.run()
        sent = [*owner.sent, *owner.departure.give_up()[0]]
    assert given is not None
    assert [one.end for one in sent[:-1]] == [other.start for other in sent[1:]]
    assert sent[-1].end > given.cut


async def test_a_successor_learns_that_its_owner_is_gone(brokers, monkeypatch):
    mine, theirs = brokers
    owner, arrival = Owner(), Arrival(CALL, theirs.moves, in_time, LOG)
    owner.can_settle.clear()
    async with patience(), playing(owner, arrival):
        async with mine.moves.answering(CALL, owner.departure.answer):
            leaving = asyncio.create_task(owner.departure.run(asked))
            taking = asyncio.create_task(arrival.run())
            await owner.departure._cut.wait()
            monkeypatch.setattr(moving, "SILENT_SECONDS", SHORT)
            leaving.cancel()
        assert await taking is None
        await asyncio.wait({leaving})


async def test_an_owner_that_goes_early_is_compared_with_all_the_same(brokers, monkeypatch):
    monkeypatch.setattr(moving, "SOON_SECONDS", 1000)
    monkeypatch.setattr(moving, "PLENTY_SECONDS", 1000)
    mine, theirs = brokers
    owner, arrival = Owner(), Arrival(CALL, theirs.moves, in_time, LOG)
    async with patience():
        async with mine.moves.answering(CALL, owner.departure.answer):
            leaving = asyncio.create_task(owner.departure.run(asked))
            taking = asyncio.create_task(arrival.run())
            # So much and no more, or on a busy machine both sides may hear nothing in common.
            await speak(owner, arrival, range(0, 100_000, STEP))
            await until(lambda: arrival._theirs and arrival._theirs[0].end == owner.heard)
            assert arrival.taking.begins is None  # it does not know yet where it is
            monkeypatch.setattr(moving, "SILENT_SECONDS", SHORT)
            leaving.cancel()
        await speak(None, arrival, range(100_000, 120_000, STEP))
        assert await taking is None
        assert arrival.taking.offset == LATER
        await asyncio.wait({leaving})


async def test_a_call_that_ends_before_it_is_cut_ends_where_it_is(brokers):
    mine, theirs = brokers
    owner, arrival = Owner(), Arrival(CALL, theirs.moves, in_time, LOG)
    async with patience(), mine.moves.answering(CALL, owner.departure.answer):
        leaving = asyncio.create_task(owner.departure.run(asked))
        taking = asyncio.create_task(arrival.run())
        owner.hear(piece(0))
        owner.departure.end_of_stream()
        with pytest.raises(MoveFailed, match="the media stream has ended"):
            await leaving
        with pytest.raises(MoveFailed, match="keeps the call, or it has ended"):
            await taking


@pytest.mark.parametrize("left", ["before it moved", "while it moved"])
async def test_who_comes_when_the_call_has_stayed_has_nothing_kept_back(left):
    owner = Owner()
    if left == "while it moved":
        leaving = asyncio.create_task(owner.departure.run(asked))
        await asyncio.sleep(0)
        owner.departure.leave()
    else:
        owner.departure.leave()
        leaving = asyncio.create_task(owner.departure.run(asked))
    with pytest.raises(MoveFailed, match="this process leaves"):
        await leaving
    owner.departure.give_up()
    owner.departure.answer(msgspec.msgpack.encode(moving.Question(has_from=0)))
    silence = Chunk(0, SILENCE * 2 * STEP)
    assert owner.departure.take(silence) == [silence]


async def test_twilio_may_refuse_another_media_stream(brokers):
    assert len(brokers) == 2
    owner = Owner()

    async def refused():
        raise MoveFailed("no room for two more tracks")

    with pytest.raises(MoveFailed, match="two more tracks"):
        await owner.departure.run(refused)
