"""handler/calls/moving.py: two containers agree on who has a call, whatever becomes of either."""

import asyncio
import contextlib
from typing import Any

import pytest
import structlog
from msgspec import msgpack
from support.sids import call_sid
from support.timing import PATIENCE, patience, until

from broker.broker import Broker
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from handler.audio.mixer import Chunk
from handler.audio.mulaw import SAMPLE_RATE, SILENCE, interleave
from handler.calls import moving
from handler.calls.handover import Giving
from handler.calls.moving import ENOUGH_SECONDS, SOON_SECONDS, Arrival, Departure
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
    monkeypatch.setattr(moving, "SOON_SECONDS", 0.05)
    monkeypatch.setattr(moving, "ENOUGH_SECONDS", 0.1)
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

    def __init__(self):
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
            in_time,
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


async def speak(owner, arrival, positions=range(0, 200_000, STEP)):
    """Play the call to both sides."""
    for start in positions:
        if owner is not None:
            owner.hear(piece(start))
        if arrival is not None and start >= LATER:
            theirs = piece(start)
            arrival.taking.take(Chunk(theirs.start - LATER, theirs.audio))
        await asyncio.sleep(TURN)


def piece(start):
    inbound, outbound = (side[start : start + STEP] for side in SIDES)
    return Chunk(start, interleave(inbound, outbound))


@contextlib.asynccontextmanager
async def playing(owner, arrival):
    task = asyncio.create_task(speak(owner, arrival))
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


async def test_an_owner_that_hears_nothing_any_more_says_how_far_the_call_had_come():
    departure = Departure(str, int, asked, tuple, in_time, LOG, reached=10 * SAMPLE_RATE)
    leaving = asyncio.create_task(departure.run(asked))
    await asyncio.sleep(0)
    said = departure.answer(msgpack.encode(moving.Question()))
    heard = msgpack.decode(said, type=moving.Answer).print
    assert heard is not None
    assert (heard.start, heard.end) == (10 * SAMPLE_RATE, 10 * SAMPLE_RATE)
    departure.leave()
    with pytest.raises(MoveFailed, match="this process leaves"):
        await leaving


async def test_how_late_an_owner_is_and_what_it_hears_are_told_once_it_knows_where_that_lies():
    departure = Departure(str, int, asked, tuple, lambda: 4000, LOG, reached=None)
    leaving = asyncio.create_task(departure.run(asked))
    await asyncio.sleep(0)

    def answer(**question):
        said = departure.answer(msgpack.encode(moving.Question(**question)))
        return msgpack.decode(said, type=moving.Answer)

    assert (answer().print, answer().late) == (None, 0)
    departure.take(piece(STEP))
    told = answer().print
    assert (told.start, told.end, answer().late) == (STEP, 2 * STEP, 4000)
    assert answer(has_from=0).print is None
    departure.leave()
    with pytest.raises(MoveFailed, match="this process leaves"):
        await leaving


class Listeners:
    """
    An owner and its successor, to whom a call comes by a clock of the test.

    Attributes:
        arrival: The successor.
        now: Seconds.
    """

    def __init__(self, monkeypatch, say=piece, late=0):
        nobody: Any = None
        self.now, self.said, self.heard = 0.0, 0, 0
        self._say, self._owner, self._late = say, Giving(), late
        self.arrival = Arrival(CALL, nobody, lambda: late, LOG)
        monkeypatch.setattr(self.arrival, "_now", lambda: self.now)
        monkeypatch.setattr(moving, "SOON_SECONDS", SOON_SECONDS)
        monkeypatch.setattr(moving, "ENOUGH_SECONDS", ENOUGH_SECONDS)

    @property
    def offset(self) -> Any:
        return self.arrival.taking.offset

    def go_on(self, seconds, *, behind=0.0, way=0.0):
        """Let so much be said; until it is known where the call lies, that is asked each time."""
        for _ in range(round(seconds * SAMPLE_RATE / STEP)):
            if self.said - self._late >= LATER:
                comes = self.said - self._late
                self.arrival.taking.take(Chunk(comes - LATER, self._say(comes).audio))
            self.said += STEP
            self.now += STEP / SAMPLE_RATE
            while self.heard <= self.said - STEP - behind * SAMPLE_RATE:
                self._owner.take(self._say(self.heard))
                self.heard += STEP
            if self.offset is None:
                asked = self.arrival._reached - round(way * SAMPLE_RATE)
                late = self.said - self.heard - round(way / 2 * SAMPLE_RATE)
                print_ = self._owner.fingerprint.print()
                self.arrival._place(print_, late, asked)


def silence(start):
    return Chunk(start, SILENCE * 2 * STEP)


# Where what comes first to the successor lies: it comes in pieces.
FIRST = -(-LATER // STEP) * STEP


@pytest.mark.parametrize("behind", [0, 3, 6, 9])
def test_where_an_owner_is_behind_both_meet_at_what_both_have_heard(behind, monkeypatch):
    """Its container is busy, or its media stream came late."""
    both = Listeners(monkeypatch)
    both.go_on(behind + LATER / SAMPLE_RATE + 2, behind=behind)
    assert both.offset == LATER


def test_an_owner_whose_media_stream_stands_still_is_waited_for(monkeypatch):
    both = Listeners(monkeypatch)
    both.go_on(FIRST / SAMPLE_RATE)
    for seconds in range(1, 20):
        both.go_on(1, behind=seconds)
        assert both.offset is None
    both.go_on(3)
    assert both.offset == LATER


@pytest.mark.parametrize("behind", [0, 6])
def test_where_nobody_speaks_they_meet_by_the_time_at_which_it_came_less_what_it_was_late(
    behind, monkeypatch
):
    both = Listeners(monkeypatch, silence)
    both.go_on(behind + FIRST / SAMPLE_RATE + 2, behind=behind)
    assert both.offset is None
    both.go_on(1, behind=behind)
    assert both.offset == pytest.approx(LATER, abs=STEP)


@pytest.mark.parametrize("behind", [0, 2])
def test_a_successor_that_is_behind_itself_is_placed_likewise(behind, monkeypatch):
    for say, seconds in ((piece, 1), (silence, 3)):
        both = Listeners(monkeypatch, say, late=2 * SAMPLE_RATE)
        both.go_on(2 + behind + FIRST / SAMPLE_RATE + seconds, behind=behind)
        assert both.offset == pytest.approx(LATER, abs=STEP)


def test_a_successor_to_which_nothing_comes_any_more_is_not_placed(monkeypatch):
    both = Listeners(monkeypatch)
    both.go_on(FIRST / SAMPLE_RATE + 0.2)
    monkeypatch.setattr(both.arrival.taking, "take", lambda _: None)
    both.go_on(6)
    assert both.offset is None


def test_by_an_answer_that_was_long_on_its_way_no_time_is_told(monkeypatch):
    both = Listeners(monkeypatch, silence)
    both.go_on(20, way=1.2)
    assert both.offset is None
    both.go_on(0.2, way=0.4)
    assert both.offset == pytest.approx(LATER, abs=STEP)


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
            owner.departure.answer(msgpack.encode(moving.Question()))  # and says no more
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
    owner.departure.answer(msgpack.encode(moving.Question(has_from=0)))
    silence = Chunk(0, SILENCE * 2 * STEP)
    assert owner.departure.take(silence) == [silence]


async def test_twilio_may_refuse_another_media_stream(brokers):
    assert len(brokers) == 2
    owner = Owner()

    async def refused():
        raise MoveFailed("no room for two more tracks")

    with pytest.raises(MoveFailed, match="two more tracks"):
        await owner.departure.run(refused)
