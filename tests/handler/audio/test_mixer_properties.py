"""handler/audio/mixer.py against a mixer, slow and obvious, on schedules nobody thought of."""

import random
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.reference_mixer import Heard, mix

from handler.audio.loss import Loss
from handler.audio.mixer import Mixer
from handler.audio.mulaw import Track
from handler.audio.timeline import TOLERANCE

WAIT = 0.2
SIDES = ("inbound", "outbound")


@dataclass(frozen=True)
class Arrival:
    """A frame, and when it comes in, in seconds."""

    at: float
    frame: Heard


@dataclass(frozen=True)
class Plan:
    """What a media stream goes through."""

    seed: int
    begins: tuple[int | None, int | None]  # ms; None: the track never sends
    sizes: tuple[int, ...]  # ms, taken in turn
    lost: float  # share of the frames
    repeated: float
    jitter: int  # ms that timestamps stray
    delay: float  # up to so many seconds between speech and arrival
    stalls: tuple[tuple[float, float], ...]  # the path stands still: from, for how long
    pops: tuple[float, ...]  # seconds between them, taken in turn
    seconds: float = 1.5


def frames_of(plan: Plan, source: random.Random) -> list[tuple[float, Heard]]:
    """Every frame that is not lost, with the time at which its last sample was spoken."""
    frames: list[tuple[float, Heard]] = []
    for side, begins in zip(SIDES, plan.begins, strict=True):
        if begins is None:
            continue
        spoken, number = begins, 0
        while spoken < plan.seconds * 1000:
            size = plan.sizes[number % len(plan.sizes)]
            stray = source.randint(-plan.jitter, plan.jitter)
            heard = Heard(side, max(0, spoken + stray), source.randbytes(8 * size))
            spoken, number = spoken + size, number + 1
            if source.random() >= plan.lost:
                frames.append((spoken / 1000, heard))
                if source.random() < plan.repeated:
                    again = Heard(side, heard.timestamp, source.randbytes(8 * size))
                    frames.append((spoken / 1000, again))
    return frames


def arrivals_of(plan: Plan, source: random.Random) -> list[Arrival]:
    """The frames in the order of their arrival, with the stalls of the path."""
    arrivals = [
        (spoken + source.uniform(0, plan.delay), number, heard)
        for number, (spoken, heard) in enumerate(frames_of(plan, source))
    ]
    stalled = []
    for at, _, heard in sorted(arrivals, key=lambda arrival: arrival[:2]):
        for begins, lasts in plan.stalls:
            if begins <= at < begins + lasts:
                at = begins + lasts  # noqa: PLW2901  a burst, in order
        stalled.append(Arrival(at, heard))
    return stalled


def run(
    plan: Plan, arrivals: list[Arrival], source: random.Random, wait: float = WAIT
) -> tuple[bytes, list[Loss]]:
    """Replica and pop by the plan; returns the audio and what was dropped."""
    mixer = Mixer(wait=wait)
    audio = bytearray()
    dropped: list[Loss] = []
    pops = iter(range(10**9))
    now = source.uniform(0, 0.1)

    def take(chunk) -> bool:
        if chunk is None:
            return False
        assert chunk.audio
        assert len(chunk.audio) % 2 == 0
        assert chunk.start == len(audio) // 2
        audio.extend(chunk.audio)
        return True

    for arrival in arrivals:
        while now < arrival.at:
            while take(mixer.pop(now)):
                pass
            dropped += mixer.collect_losses()
            now += plan.pops[next(pops) % len(plan.pops)]
        heard = arrival.frame
        mixer.feed(Track(heard.track), heard.timestamp, heard.payload)
    while take(mixer.drain()):
        pass
    dropped += mixer.collect_losses()
    return bytes(audio), dropped


# Of few plans that are drawn there may be none with a frame that comes too late; this one has some.
LATE = Plan(
    seed=1,
    begins=(0, 0),
    sizes=(20,),
    lost=0.0,
    repeated=0.0,
    jitter=0,
    delay=0.2,
    stalls=(),
    pops=(0.02,),
)

BEGINS = st.one_of(st.integers(0, 300), st.integers(0, 1200), st.none())
SIZES = st.one_of(
    st.just((20,)),
    st.lists(st.integers(3, 60), min_size=1, max_size=5).map(tuple),
)
POPS = st.lists(st.floats(0.001, 0.3), min_size=1, max_size=6).map(tuple)


def plans(**fixed):
    """Plans of every kind, but for what is fixed."""
    parts = {
        "seed": st.integers(0, 2**32),
        "begins": st.tuples(BEGINS, BEGINS),
        "sizes": SIZES,
        "lost": st.sampled_from([0.0, 0.05, 0.3]),
        "repeated": st.sampled_from([0.0, 0.1]),
        "jitter": st.just(0),
        "delay": st.floats(0, 0.13),
        "stalls": st.just(()),
        "pops": POPS,
    }
    return st.builds(Plan, **{**parts, **fixed})


STALLS = st.lists(st.tuples(st.floats(0.3, 1.4), st.floats(0.3, 4.0)), max_size=2).map(tuple)


def prove(rounds, plans_, holds) -> None:
    """Let a property hold for few plans or many; the same ones each time."""
    few_or_many = settings(
        max_examples=len(rounds(sample=30, full=3000)),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    few_or_many(given(plans_)(holds))()


def is_the_mix(plan: Plan) -> None:
    """All that arrives is there, where it belongs."""
    source = random.Random(plan.seed)
    arrivals = arrivals_of(plan, source)
    audio, dropped = run(plan, arrivals, source)
    assert audio == mix(arrival.frame for arrival in arrivals)
    assert dropped == []


@pytest.mark.proof
def test_what_comes_within_the_wait_lies_where_it_belongs_to_the_sample(rounds):
    """Right timestamps, any order, any loss, any pops: the two mixers agree in every byte."""
    prove(rounds, plans(), is_the_mix)


@pytest.mark.proof
def test_an_inexact_grid_is_heard_without_holes_and_cuts(rounds):
    """Timestamps that stray by 2 ms, so steps of 16 to 24: the pops change nothing either."""
    jittered = plans(
        sizes=st.just((20,)),
        jitter=st.integers(1, 2),
        lost=st.sampled_from([0.0, 0.05]),
        delay=st.just(0.0),
    )
    prove(rounds, jittered, is_the_mix)


@pytest.mark.proof
def test_a_path_that_stands_still_loses_nothing(rounds):
    """Both tracks stop at once and come in a burst: it finds its place, whatever was popped."""
    stalled = plans(
        begins=st.tuples(st.integers(0, 80), st.integers(0, 80)),
        sizes=st.sampled_from([(20,), (20, 23, 17), (40,)]),
        lost=st.sampled_from([0.0, 0.05]),
        delay=st.just(0.0),
        stalls=STALLS,
    )
    prove(rounds, stalled, is_the_mix)


@pytest.mark.proof
def test_what_is_missing_is_told_to_the_sample(rounds):
    """Frames later than the wait: each sample lies in its place, or in a span that is told."""
    losses = 0

    def holds(plan: Plan) -> None:
        nonlocal losses
        source = random.Random(plan.seed)
        arrivals = arrivals_of(plan, source)
        audio, dropped = run(plan, arrivals, source, wait=0.05)
        losses += len(dropped)
        late = [(lost.track.value, lost.start, lost.end) for lost in dropped]
        assert audio == mix((arrival.frame for arrival in arrivals), late)
        assert {lost.reason for lost in dropped} <= {"late-audio"}
        sent = [arrival.frame for arrival in arrivals]
        # A frame that continues its track may lie up to the tolerance from where its timestamp
        # says: as many samples as were lost in frames shorter than that.
        for track, start, end in late:
            assert any(
                heard.track == track
                and heard.timestamp * 8 < end + TOLERANCE
                and heard.timestamp * 8 + len(heard.payload) > start - TOLERANCE
                for heard in sent
            )

    late = plans(
        begins=st.tuples(st.integers(0, 800), st.integers(0, 800)),
        repeated=st.just(0.0),
        delay=st.floats(0.03, 0.2),
    )
    prove(rounds, late, example(LATE)(holds))
    assert losses > 0


@pytest.mark.proof
def test_no_sample_is_unaccounted_for_whatever_the_timestamps(rounds):
    """Heard, late, overlapping or refused: the sum is what was fed; late and refused are told."""

    def holds(timestamps: list[tuple[Track, int]]) -> None:
        mixer = Mixer(wait=WAIT)
        heard, end = 0, 0
        dropped: list[Loss] = []

        def take(pop) -> None:
            nonlocal heard, end
            while chunk := pop():
                assert chunk.start >= end
                assert 0 < len(chunk.audio) <= 2 * 8000
                end = chunk.end
                heard += len(chunk.audio) - chunk.audio.count(b"\xff")
            dropped.extend(mixer.collect_losses())

        for number, (track, timestamp) in enumerate(timestamps):
            mixer.feed(track, timestamp, b"a" * 160)
            if number % 7 == 0:
                take(lambda now=number * 0.01: mixer.pop(now))
        take(mixer.drain)
        told = (
            mixer.counts.late_samples
            + mixer.counts.overlap_samples
            + 160 * mixer.counts.refused_frames
        )
        assert heard + told == len(timestamps) * 160
        assert mixer.counts.slipped_samples == 0
        late, refused = mixer.counts.late_samples, mixer.counts.refused_frames
        if late + refused:
            assert dropped
        if dropped:
            assert late + refused + mixer.counts.restarts

    prove(rounds, walks(), holds)


def walks():
    """Timestamps that go on, stray, leap near and far, and begin anew."""
    steps = st.one_of(
        st.sampled_from([20, 20, 20, 40, 0, -20, 500, -500, 5_000, -5_000, 15_000, -15_000]),
        st.integers(-(10**8), 10**8),
    )

    def walk(moves: list[tuple[Track, int]]) -> list[tuple[Track, int]]:
        at = dict.fromkeys(Track, 155)
        frames = []
        for track, step in moves:
            at[track] = min(max(0, at[track] + step), 24 * 3600 * 1000)
            frames += [(track, at[track] + 20 * number) for number in range(3)]
            at[track] += 60
        return frames

    return st.lists(st.tuples(st.sampled_from(Track), steps), max_size=40).map(walk)
