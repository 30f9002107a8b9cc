"""handler/deepgram/recogniser.py, against the stand-in."""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import pytest
from structlog.testing import capture_logs
from support.sids import call_sid
from support.timing import patience, until
from websockets.asyncio.server import serve

from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.audio.mulaw import TRACKS, Track, interleave
from handler.config import Settings
from handler.deepgram.messages import Result
from handler.deepgram.recogniser import Down, Note, Output, Recogniser, Standing, Up
from handler.deepgram.retry import Backoff, Breaker
from handler.deepgram.timing import Timing
from handler.deepgram_options import deepgram_options
from rehearsal.deepgram import DeepgramStandIn, Faults
from rehearsal.errors import Refusal

T = TypeVar("T")
CHUNK = 800
# A tenth of the usual times, where what happens is the subject and not when.
QUICK = Timing(finalize=0.5, replay_speed=12.5, backoff=Backoff(first=0.05, longest=0.5, good=0.5))


@pytest.fixture
async def deepgram() -> AsyncIterator[DeepgramStandIn]:
    async with DeepgramStandIn() as standin:
        yield standin


class Listener:
    """Collects what a recogniser emits."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.news = asyncio.Event()

    def __call__(self, output: Output) -> None:
        self.outputs.append(output)
        self.news.set()

    def of(self, *kinds: type[T]) -> list[T]:
        return [output for output in self.outputs if isinstance(output, kinds)]

    def words(self, track: Track) -> list[str]:
        finals = [out for out in self.of(Result) if out.is_final and out.track is track]
        return " ".join(final.transcript for final in finals).split()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with patience():
            while not condition():
                self.news.clear()
                await self.news.wait()


def sound(seconds: int, seed: int = 1) -> bytes:
    """A burst of 0.3 s at the beginning of each second, each another word."""
    return b"".join(
        bytes((seed + second + sample) % 120 + 1 for sample in range(2400)) + b"\xff" * 5600
        for second in range(seconds)
    )


def words(track: bytes) -> list[str]:
    return [f"{zlib.crc32(run):08x}" for run in re.split(rb"\xff{160,}", track) if run]


def chunks(inbound: bytes, outbound: bytes, start: int = 0) -> list[Chunk]:
    return [
        Chunk(start + at, interleave(inbound[at : at + CHUNK], outbound[at : at + CHUNK]))
        for at in range(0, len(inbound), CHUNK)
    ]


def settings(url: str, **changes: Any) -> Settings:
    return replace(Settings(deepgram_api_key="key", deepgram_url=url), **changes)


SID = call_sid(1)


async def test_a_call_is_transcribed_to_its_last_word_on_its_own_clock(deepgram):
    heard = Listener()
    recogniser = Recogniser(settings(deepgram.url), heard, SID)
    inbound, outbound = sound(5), sound(5, seed=7)
    for chunk in chunks(inbound, outbound, start=80_000):
        recogniser.send(chunk)
    recogniser.finish()
    await recogniser.run()
    assert heard.words(Track.INBOUND) == words(inbound)
    assert heard.words(Track.OUTBOUND) == words(outbound)
    finals = [out for out in heard.of(Result) if out.is_final and out.track is Track.INBOUND]
    assert finals[0].start == 10.0
    assert [a.end for a in finals[:-1]] == pytest.approx([b.start for b in finals[1:]])
    assert finals[-1].end == pytest.approx(15.0)
    assert heard.of(Down, Up, Loss) == []
    assert recogniser.transcribed_until == dict.fromkeys(TRACKS, 120_000)
    [connection] = deepgram.connections
    assert connection.texts == ['{"type":"CloseStream"}']


async def test_a_flush_gives_the_last_words_and_more_may_follow(deepgram):
    heard = Listener()
    recogniser = Recogniser(settings(deepgram.url), heard, SID)
    running = asyncio.create_task(recogniser.run())
    audio = sound(2)
    for chunk in chunks(audio, audio):
        recogniser.send(chunk)
    recogniser.flush()
    await recogniser.settled()
    assert heard.words(Track.OUTBOUND) == words(audio)
    more = sound(2, seed=50)
    for chunk in chunks(more, more, start=800_000):
        recogniser.send(chunk)
    recogniser.finish()
    await running
    assert heard.words(Track.INBOUND) == words(audio) + words(more)
    assert [out.start for out in heard.of(Result)][-1] >= 100.0
    assert len(deepgram.connections) == 2


async def test_a_connection_that_breaks_is_replaced_and_no_word_is_lost_or_doubled(deepgram):
    heard = Listener()
    recogniser = Recogniser(settings(deepgram.url), heard, SID, timing=QUICK)
    running = asyncio.create_task(recogniser.run())
    audio = sound(8)
    pieces = chunks(audio, audio)
    standings = [recogniser.standing]
    for chunk in pieces[:40]:
        recogniser.send(chunk)
    await heard.until(lambda: len(heard.words(Track.INBOUND)) >= 2)
    standings.append(recogniser.standing)
    deepgram_url = deepgram.url
    port = int(deepgram_url.rpartition(":")[2])
    await deepgram.__aexit__(None, None, None)
    for chunk in pieces[40:60]:
        recogniser.send(chunk)
    await heard.until(lambda: bool(heard.of(Down)))
    standings.append(recogniser.standing)
    assert 2.0 <= recogniser.lag <= 6.0  # what was sent since, and what was on its way
    async with DeepgramStandIn(port=port):
        for chunk in pieces[60:]:
            recogniser.send(chunk)
        await heard.until(lambda: bool(heard.of(Up)))
        standings.append(recogniser.standing)
        recogniser.finish()
        await running
    assert standings == ["idle", "connected", "reconnecting", "connected"]
    assert (recogniser.standing, recogniser.lag) == (Standing.IDLE, 0)
    assert heard.words(Track.INBOUND) == words(audio)
    assert heard.words(Track.OUTBOUND) == words(audio)
    assert len(heard.of(Down)) == 1
    assert len(heard.of(Up)) == 1
    assert heard.of(Loss) == []


@pytest.mark.parametrize("status", [400, 401, 402, 403, 405])
async def test_a_refusal_for_good_is_told_once_and_not_tried_again(status):
    heard = Listener()
    async with DeepgramStandIn(faults=Faults(refuse=Refusal(status))) as deepgram:
        recogniser = Recogniser(settings(deepgram.url), heard, SID)
        running = asyncio.create_task(recogniser.run())
        audio = sound(3)
        for chunk in chunks(audio, audio):
            recogniser.send(chunk)
        await heard.until(lambda: bool(heard.of(Down)))
        assert (recogniser.standing, recogniser.lag) == (Standing.REFUSED, 0)
        recogniser.finish()
        await running
        assert deepgram.handshakes == 1
    [down, lost] = heard.outputs
    assert re.match(rf"HTTP {status}: .+ \(request [0-9a-f-]{{36}}\)$", down.reason)
    assert lost == Loss(0, 24_000, None, "recogniser-rejected")


OWN = deepgram_options("language=de&keyterm=Northwind")


def refusing(*statuses: int | None) -> Callable[[int], Faults]:
    """Refuse the first handshakes so, and take the others."""

    def faults(number: int) -> Faults:
        status = statuses[number] if number < len(statuses) else None
        return Faults(refuse=None if status is None else Refusal(status))

    return faults


async def transcribe(deepgram: DeepgramStandIn, heard: Listener, **given: Any) -> bytes:
    """Let a call of 3 s with options of its own be transcribed; returns what each side said."""
    recogniser = Recogniser(settings(deepgram.url), heard, SID, options=OWN, timing=QUICK, **given)
    audio = sound(3)
    for chunk in chunks(audio, audio):
        recogniser.send(chunk)
    running = asyncio.create_task(recogniser.run())
    await heard.until(lambda: bool(heard.of(Result, Down)))
    recogniser.finish()
    await running
    return audio


async def test_each_connection_of_a_call_asks_for_the_calls_own_options():
    heard = Listener()
    breaks = Faults(drop_after_audio=1, drop_code=1011)
    async with DeepgramStandIn(faults=lambda number: Faults() if number else breaks) as deepgram:
        audio = await transcribe(deepgram, heard)
    assert heard.words(Track.INBOUND) == words(audio)
    assert [parse_qsl(one.query) for one in deepgram.connections] == [list(OWN)] * 2


@pytest.mark.parametrize("status", [400, 403])
async def test_a_call_whose_options_are_refused_goes_on_at_once_with_those_of_the_service(status):
    heard = Listener()
    breaker = Breaker(threshold=1)  # one failure would hold back all calls
    async with DeepgramStandIn(faults=refusing(status)) as deepgram:
        audio = await transcribe(deepgram, heard, breaker=breaker)
    [note] = heard.of(Note)
    assert heard.outputs[0] == note
    assert re.match(
        r"this call goes on with the service's own options: Deepgram refused its: "
        rf"HTTP {status}: .+ \(request [0-9a-f-]{{36}}\)$",
        note.reason,
    )
    assert not note.away
    assert heard.of(Down, Up, Loss) == []
    assert heard.words(Track.INBOUND) == heard.words(Track.OUTBOUND) == words(audio)
    assert deepgram.handshakes == 2
    [connection] = deepgram.connections
    assert parse_qsl(connection.query) == list(Settings().deepgram_options)
    assert not breaker.open
    assert breaker.accepted


async def test_what_the_service_itself_is_refused_for_is_told_after_the_calls_own_options():
    heard = Listener()
    async with DeepgramStandIn(faults=Faults(refuse=Refusal(403))) as deepgram:
        await transcribe(deepgram, heard)
    assert [type(output) for output in heard.outputs] == [Note, Down, Loss]
    assert heard.outputs[-1] == Loss(0, 24_000, None, "recogniser-rejected")
    assert deepgram.handshakes == 2


async def test_a_refusal_that_no_option_would_mend_is_none_of_the_options():
    heard = Listener()
    async with DeepgramStandIn(faults=Faults(refuse=Refusal(401))) as deepgram:
        await transcribe(deepgram, heard)
    assert [type(output) for output in heard.outputs] == [Down, Loss]
    assert deepgram.handshakes == 1


async def test_options_that_are_refused_while_deepgram_is_away_bring_it_not_back():
    heard = Listener()
    async with DeepgramStandIn(faults=refusing(503, 400)) as deepgram:
        recogniser = Recogniser(settings(deepgram.url), heard, SID, options=OWN, timing=QUICK)
        recogniser.send(Chunk(0, bytes(2 * CHUNK)))
        running = asyncio.create_task(recogniser.run())
        await heard.until(lambda: bool(heard.of(Up)))
        recogniser.finish()
        await running
    away = [output for output in heard.outputs if not isinstance(output, Result)]
    assert [type(output) for output in away] == [Down, Note, Up]
    [note] = heard.of(Note)
    assert note.away
    assert deepgram.handshakes == 3


async def test_one_that_is_never_reached_ends_by_the_deadline_with_a_gap():
    heard = Listener()
    unreached = settings("ws://127.0.0.1:1", close_seconds=1.0)
    recogniser = Recogniser(unreached, heard, SID, timing=QUICK)
    audio = sound(2)
    for chunk in chunks(audio, audio):
        recogniser.send(chunk)
    recogniser.finish()
    async with patience():
        await recogniser.run()
    assert [type(output) for output in heard.outputs] == [Down, Loss]
    assert heard.outputs[-1] == Loss(0, 16_000, None, "recogniser-unreachable")


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True})], ids=["uvloop"])
async def test_a_call_that_ends_without_a_connection_says_so_once():
    """Also where a timer of the loop ends a little before its time, as uvloop's do."""

    async def end(number: int) -> None:
        settings = Settings(
            deepgram_api_key="key",
            deepgram_url="ws://127.0.0.1:1",
            close_seconds=0.05 + 0.0007 * number,
        )
        recogniser = Recogniser(settings, lambda _: None, call_sid(number))
        recogniser.send(Chunk(0, bytes(2 * CHUNK)))
        recogniser.finish()
        await recogniser.run()

    calls = 100
    with capture_logs() as lines:
        async with patience():
            await asyncio.gather(*(end(number) for number in range(calls)))
    said = [line["call_sid"] for line in lines if line["event"] == "call ended without deepgram"]
    assert len(said) == len(set(said))


async def test_what_the_buffer_cannot_keep_is_one_gap_of_the_right_bounds():
    heard = Listener()
    unreached = settings("ws://127.0.0.1:1", replay_seconds=5.0, close_seconds=1.0)
    recogniser = Recogniser(unreached, heard, SID, timing=QUICK)
    running = asyncio.create_task(recogniser.run())
    audio = sound(20)
    for chunk in chunks(audio, audio):
        recogniser.send(chunk)
    await heard.until(lambda: bool(heard.of(Down)))
    recogniser.finish()
    await running
    assert heard.of(Loss) == [Loss(0, 160_000, None, "recogniser-unreachable")]


@pytest.mark.parametrize("reads", [True, False])
async def test_one_that_takes_audio_and_never_answers_ends_by_the_deadline(reads):
    async def take(socket):
        if reads:
            async for _ in socket:
                pass
        await socket.wait_closed()

    heard = Listener()
    async with serve(take, "127.0.0.1", 0, compression=None, close_timeout=0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        stuck = settings(f"ws://127.0.0.1:{port}", close_seconds=0.5)
        recogniser = Recogniser(stuck, heard, SID, timing=QUICK)
        running = asyncio.create_task(recogniser.run())
        audio = sound(2)
        for chunk in chunks(audio, audio):
            recogniser.send(chunk)
        recogniser.finish()
        async with patience():
            await running
    assert heard.outputs == [Loss(0, 16_000, None, "recogniser-unreachable")]


async def test_keepalives_hold_a_silent_connection(deepgram):
    heard = Listener()
    timing = Timing(finalize=0.2, keep_alive=0.05)
    recogniser = Recogniser(settings(deepgram.url), heard, SID, timing=timing)
    running = asyncio.create_task(recogniser.run())
    audio = sound(2)
    for chunk in chunks(audio, audio):
        recogniser.send(chunk)
    await until(lambda: deepgram.connections and deepgram.connections[0].keepalives >= 8)
    # The last words did not wait for more audio: they were asked for, once.
    assert heard.words(Track.INBOUND) == words(audio)
    assert deepgram.connections[0].texts == ['{"type":"Finalize"}']
    for chunk in chunks(audio, audio, start=16_000):
        recogniser.send(chunk)
    recogniser.finish()
    await running
    assert len(deepgram.connections) == 1
    assert heard.words(Track.INBOUND) == words(audio) * 2
