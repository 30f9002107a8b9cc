"""Containers come and go, and calls stay: nothing is lost, nothing comes twice."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from support.fleet import (
    CLOUD_RUN_SECONDS,
    TRACKS,
    Fleet,
    MakeFleet,
    Reader,
    by_track,
    sides,
)
from support.talk import Side, faults, side
from support.timing import patience, until

from bench import moves
from rehearsal import audio
from rehearsal.audio import SAMPLE_RATE
from rehearsal.compare import difference, words
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.recognise import recognise, transcript
from rehearsal.recogniser import Moonshine
from rehearsal.sample import SPEECH
from rehearsal.twilio.behaviour import usual_stream
from rehearsal.twilio.options import Options
from rehearsal.twilio.running_call import RunningCall

ATTEMPTS = 3
# What a spin (bench/spin.py) takes of a processor where a hundred calls leave in time. Of one on
# which it takes longer fewer are asked for, but never less than this part.
SPIN_SECONDS = 150e-6
LEAST_PART = 3


async def test_a_container_leaves_and_its_calls_go_on_elsewhere(fleet: MakeFleet):
    """Readers of the other container notice nothing."""
    # In turn, all media streams may come to the other one: then nothing moves. Beside other tests
    # there is less of a processor than a platform gives, and more time for it: that the usual one
    # is enough is asked below.
    drain = {"DRAIN_SECONDS": f"{2 * CLOUD_RUN_SECONDS:.0f}"}
    async with patience(120), fleet(balance="leastconn", **drain) as made:
        leaving, other = made.ports
        said = [sides(number, 30) for number in range(4)]
        places: list[tuple[int, ...]] = [(other,), ()] * 2
        calls: list[RunningCall] = []
        for pair, at in zip(said, places, strict=True):
            calls.append(made.call(*pair, *at))
            # The next one is the balancer's to bring to whoever has fewer.
            await until(lambda: len(made.deepgram.heard) == len(calls))
        await until(lambda: all(link.seconds > 2 for link in made.deepgram.heard))
        assert await made.stop(leaving) < 2 * CLOUD_RUN_SECONDS
        await made.check(calls, said)
        assert [(await made.read(call)).breaks for call in calls[::2]] == [0, 0]


# Who is killed, and at which step of the move, by the line that tells of it.
OWNER_DIES = (
    "move: another media stream is on its way",
    "move: the successor listens",
    "move: cut",
    "move: all before the cut is stored",
    "successor: placed",
    "successor: goes on",
    "successor: writes",
)
SUCCESSOR_DIES = (
    "successor: listens",
    "successor: placed",
    "move: cut",
    "move: all before the cut is stored",
)
DEATHS = [("owner", step) for step in OWNER_DIES] + [("successor", step) for step in SUCCESSOR_DIES]


async def die_at(made: Fleet, who: str, step: str, number: int) -> str:
    """Have a call move, and one of its containers be killed at a step; returns how it went."""
    pair = sides(number, 16)
    call = made.call(*pair, *made.ports)
    owner, other = [made.containers[port] for port in made.ports]
    begun = f'"{call.leg.sid}", "stream_sid"'
    await until(lambda: begun in owner.text or begun in other.text)
    if begun not in owner.text:
        owner, other = other, owner
    await asyncio.sleep(3)
    owner.popen.terminate()
    await until(lambda: any(step in service.text for service in (owner, other)))
    (owner if who == "owner" else other).popen.kill()
    reader = await made.read(call)
    wrong = faults(reader.records, by_track(pair))
    assert wrong == [], (who, step, reader.events, wrong)
    return f"{who} killed at {step!r}: {', '.join(reader.events)}"


@pytest.mark.proof
async def test_whoever_dies_while_a_call_moves_no_word_is_lost_untold_nor_said_twice(
    fleet: MakeFleet, rounds
):
    full = len(rounds(sample=1, full=len(DEATHS))) > 1
    deaths = list(enumerate(DEATHS if full else [("owner", "move: cut")]))

    async def die(number: int, who: str, step: str) -> str:
        async with patience(90), fleet(DRAIN_SECONDS="40", LOG_LEVEL="DEBUG") as made:
            return await die_at(made, who, step, number)

    for some in (deaths[first : first + 4] for first in range(0, len(deaths), 4)):
        for told in await asyncio.gather(*(die(number, *death) for number, death in some)):
            print(told)


@pytest.mark.proof
async def test_calls_leave_a_process_within_cloud_runs_ten_seconds(rounds, record_property):
    """Callers and Twilio's API are processes of their own; what is said has names."""
    count = wanted = len(rounds(sample=3, full=100))
    # Two processors have all of it: beside other work some calls come too late to be handed over.
    for _ in range(ATTEMPTS):
        async with patience(120):
            left = await moves.leave(count, baseline=0.5)
        print(f"{left.moved} of {count} calls moved, exit after {left.seconds:.1f} s")
        if left.moved == left.calls:
            break
        # Slower processors are as busy with fewer. How slow they are is told by work that is not
        # ours, before ours begins: what a move costs changes nothing of how many there are to be.
        slower = left.spin / SPIN_SECONDS
        print(f"this machine's processors take {slower:.1f} times as long as those for {wanted}")
        count = min(count, round(wanted / min(max(1, slower), LEAST_PART)))
    record_property("rounds", left.calls)
    assert left.exit_code == 0
    assert left.seconds < CLOUD_RUN_SECONDS
    assert left.carried == left.moved == left.calls
    assert left.load["most_asked"] <= 20
    for (inbound, outbound), records in zip(left.said, left.records, strict=True):
        assert [one["type"] for one in records if one["type"] != "Results"] == [
            "CallStarted",
            "CallResumed",
            "CallEnded",
        ]
        assert faults(records, by_track((side(inbound), side(outbound)))) == []


def texts(records: list[dict[str, Any]], track: str) -> list[str]:
    """Return what was said on one side, piece by piece."""
    return [
        record["channel"]["alternatives"][0]["transcript"]
        for record in records
        if record["type"] == "Results" and record["track"] == track
    ]


def cut_otherwise(number: int) -> Options:
    """Return how a stream behaves whose frames are cut in another way than those of the others."""
    sizes = ((20,), (30, 10, 20), (40, 20))[number % 3]
    return replace(usual_stream(number), frame_ms=sizes)


@pytest.mark.proof
@pytest.mark.parametrize("streams", [usual_stream, cut_otherwise])
async def test_a_rolling_restart_of_three_containers_is_noticed_by_nobody_else(
    fleet: MakeFleet, rounds, streams
):
    """Each in turn, with what is said on every side of every call."""
    for count in [30] * len(rounds(sample=0, full=1)):
        async with patience(240), fleet(3) as made:
            made.twilio.account.behaviour = replace(made.twilio.account.behaviour, streams=streams)
            said = [sides(number, 45) for number in range(count)]
            calls = [made.call(*pair) for pair in said]
            await made.roll()
            print(await made.check(calls, said))


def coded_anew(number: int) -> Options:
    """Return how a stream behaves whose frames are cut otherwise and were coded once more."""
    return replace(cut_otherwise(number), noise=0.1, cut=57 * number % 160)


def conversation(number: int, seconds: float) -> tuple[Side, Side]:
    """Return what people say, from another moment on in each call."""
    begin, end = 6 * number * SAMPLE_RATE, round(seconds * SAMPLE_RATE)
    recorded = (audio.read(SPEECH / f"{side}.wav") for side in ("caller", "callee"))
    one, other = ((side[begin:] + side[:begin])[:end] for side in recorded)
    return Side(one, ()), Side(other, ())


def words_of(sides: list[bytes], moonshine: Moonshine) -> list[str]:
    """Return the words of each side, as one recogniser has them that hears it alone."""
    with ThreadPoolExecutor() as threads:
        heard = threads.map(lambda side: transcript(recognise(side, moonshine)), sides)
        return list(heard)


def received(deepgram: DeepgramStandIn, reader: Reader, channel: int) -> bytes:
    """Return what of one side went to Deepgram, over all connections of a call, in order."""
    ids = [one["metadata"]["request_id"] for one in reader.records if one["type"] == "Results"]
    audio_of = {one.request_id: one.received for one in deepgram.connections}
    return b"".join(bytes(audio_of[one][channel::2]) for one in dict.fromkeys(ids))


def changed(expected: list[str], found: list[str]) -> tuple[float, list[str]]:
    """Return which share of the words differs, and where."""
    pairs = [difference(*pair) for pair in zip(expected, found, strict=True)]
    counts = [len(words(side)) for side in expected]
    differing = sum(one.rate * count for one, count in zip(pairs, counts, strict=True))
    return differing / sum(counts), [place for one in pairs for place in one.places]


@pytest.mark.proof
async def test_a_rolling_restart_changes_no_word_of_speech_that_was_coded_anew(
    fleet: MakeFleet, rounds, monkeypatch
):
    """
    Recorded speech and the real recogniser; each stream is cut and coded in another way.

    Mostly none of a thousand words differs from what a single recogniser makes of the same samples;
    five may, as the cuts fall otherwise in each run. What was said is known to it only as far as it
    bears a step of noise: that alone changes up to one word in a hundred.
    """
    # Of interims nothing is asked here, and they are most of the work.
    monkeypatch.setattr("rehearsal.recogniser.INTERIM_EVERY", 10**9)
    for count in [10] * len(rounds(sample=0, full=1)):
        moonshine = Moonshine()
        await asyncio.to_thread(moonshine.load)
        async with (
            patience(240),
            DeepgramStandIn(moonshine) as deepgram,
            fleet(3, DEEPGRAM_URL=deepgram.url) as made,
        ):
            behaviour = replace(made.twilio.account.behaviour, streams=coded_anew)
            made.twilio.account.behaviour = behaviour
            said = [conversation(number, 45) for number in range(count)]
            calls = [made.call(*pair) for pair in said]
            await made.roll()
            readers = [await made.read(call) for call in calls]
        assert {event for reader in readers for event in reader.events} == {
            "CallStarted",
            "CallResumed moved",
            "CallEnded completed",
        }
        read = [" ".join(texts(reader.records, track)) for reader in readers for track in TRACKS]
        whole = [received(deepgram, reader, channel) for reader in readers for channel in (0, 1)]
        alone, share = words_of(whole, moonshine), 5 / 1000
        differing, places = changed(alone, read)
        print(f"{differing:.2%} of {len(words(' '.join(alone)))} words: {places}")
        assert differing <= share, places
        clean = words_of([side.audio for pair in said for side in pair], moonshine)
        differing, places = changed(clean, read)
        print(f"{differing:.2%} of what was said: {places}")
        assert differing <= 0.02, places


@pytest.mark.proof
async def test_a_call_that_outlives_its_streams_again_and_again_is_one_call(
    fleet: MakeFleet, rounds
):
    """As on Cloud Run, which ends a connection after 60 minutes: one for each of three hours."""
    for number in rounds(sample=0, full=1):
        async with patience(120), fleet(2, MAX_STREAM_SECONDS="15") as made:
            said = sides(number, 66)
            call = made.call(*said)
            print(await made.check([call], [said]))
            assert (await made.read(call)).events.count("CallResumed moved") >= 3
