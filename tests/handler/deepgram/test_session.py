"""
handler/deepgram/recogniser.py: a session that loses no word, whatever becomes of its connections.

The recogniser is scripted: its words name the bytes that they were heard in, so that a sample that
is missing, doubled or moved changes a word or its time. All times of a session are divided by
FASTER, and the call is spoken as much faster.
"""

import asyncio
import json
import random
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self

import pytest
from structlog.testing import capture_logs
from support.sids import call_sid
from support.timing import PATIENCE, patience, until
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response

from broker import supervise
from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.audio.mulaw import SAMPLE_RATE, TRACKS, Track, interleave
from handler.config import Settings
from handler.deepgram.messages import Result
from handler.deepgram.recogniser import Down, Output, Recogniser, Up
from handler.deepgram.retry import Backoff, Breaker
from handler.deepgram.timing import Timing
from rehearsal.deepgram import DeepgramStandIn, Faults
from rehearsal.errors import Refusal

SID = call_sid(1)
CHUNK = 800
WORD_GAP = 160  # samples of silence that end a word
FASTER = 10
# Bytes that are no silence.
SOUND = bytes(byte % 126 + 1 for byte in range(256))


def timing(faster: float = FASTER) -> Timing:
    usual = Timing()
    return Timing(
        open=usual.open / faster,
        keep_alive=usual.keep_alive / faster,
        finalize=usual.finalize / faster,
        stall=usual.stall / faster,
        replay_speed=usual.replay_speed * faster,
        backoff=Backoff(first=0.5 / faster, longest=5 / faster, good=5 / faster),
    )


def patient(faster: float = FASTER) -> Breaker:
    return Breaker(first=0.5 / faster, longest=5 / faster)


@dataclass
class Word:
    text: str
    start: float
    end: float


def speech(seed: int, seconds: float) -> bytes:
    """Bursts of sound of up to 0.4 s with pauses of up to 0.6 s between them."""
    source = random.Random(seed)
    audio = bytearray()
    while len(audio) < seconds * SAMPLE_RATE:
        audio += source.randbytes(source.randrange(800, 3200)).translate(SOUND)
        audio += b"\xff" * source.randrange(800, 4800)
    return bytes(audio[: int(seconds * SAMPLE_RATE) - 800]) + b"\xff" * 800


def truth(audio: bytes) -> list[Word]:
    """The words of a track, found in the obvious way."""
    return [
        Word(f"{zlib.crc32(run[0]):08x}", run.start() / SAMPLE_RATE, run.end() / SAMPLE_RATE)
        for run in re.finditer(rb"[^\xff](?:[^\xff]|\xff{1,159}(?=[^\xff]))*", audio)
    ]


@dataclass
class Call:
    """What came of one call."""

    inbound: bytes
    outbound: bytes
    outputs: list[Output] = field(default_factory=list)

    @property
    def lost(self) -> list[Loss]:
        return [output for output in self.outputs if isinstance(output, Loss)]

    def words(self, track: Track) -> list[Word]:
        return [
            Word(word["punctuated_word"], word["start"], word["end"])
            for output in self.outputs
            if isinstance(output, Result) and output.is_final and output.track is track
            for word in output.body["channel"]["alternatives"][0]["words"]
        ]

    def check(self, but: tuple[float, float] = (0.0, 0.0)) -> None:
        """Every word once, at its time; none is asked for that touches the span that was lost."""
        for track, audio in zip(TRACKS, (self.inbound, self.outbound), strict=True):
            wanted = [w for w in truth(audio) if w.end <= but[0] or w.start > but[1] + 0.001]
            heard = [w for w in self.words(track) if w.end <= but[0] or w.start > but[1] + 0.001]
            assert [word.text for word in heard] == [word.text for word in wanted]
            for one, other in zip(heard, wanted, strict=True):
                assert one.start == pytest.approx(other.start, abs=0.02)
                assert one.end == pytest.approx(other.end, abs=0.02)


async def speak(
    url: str,
    seconds: float,
    *,
    seed: int = 1,
    faster: float = FASTER,
    breaker: Breaker | None = None,
    during: Callable[[float, Call], None] = lambda _, __: None,
    flushes: random.Random | None = None,
    **changes: Any,
) -> Call:
    """
    Let a session transcribe a call, in its own time; returns when it is through with it.

    With ``flushes`` it is flushed now and then, where nobody is in the midst of a word.
    """
    call = Call(speech(2 * seed, seconds), speech(2 * seed + 1, seconds))
    settings = replace(Settings(deepgram_api_key="key", deepgram_url=url), **changes)
    recogniser = Recogniser(
        settings,
        call.outputs.append,
        SID,
        breaker=breaker or patient(faster),
        timing=timing(faster),
    )
    running = asyncio.create_task(recogniser.run())
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for at in range(0, len(call.inbound), CHUNK):
        behind = at + CHUNK
        await asyncio.sleep(begun + behind / SAMPLE_RATE / faster - loop.time())
        recogniser.send(Chunk(at, interleave(call.inbound[at:behind], call.outbound[at:behind])))
        during(behind / SAMPLE_RATE, call)
        pause = b"\xff" * WORD_GAP
        quiet = all(a[behind - WORD_GAP : behind] == pause for a in (call.inbound, call.outbound))
        if flushes is not None and quiet and flushes.random() < 0.05:
            recogniser.flush()
    recogniser.finish()
    await running
    return call


@dataclass
class Schedule:
    """What becomes of each connection of a call, by a seed."""

    seed: int
    said: list[Faults] = field(default_factory=list)

    def __call__(self, number: int) -> Faults:
        source = random.Random(f"{self.seed} {number}")
        if number >= 6:
            return Faults()
        faults = source.choice(
            [
                Faults(refuse=Refusal(source.choice([429, 500, 503]))),
                Faults(drop_after=source.uniform(0, 10) / FASTER),
                Faults(drop_after_audio=source.uniform(0, 10)),
                Faults(
                    drop_after=source.uniform(0.5, 10) / FASTER,
                    drop_code=source.choice([1000, 1001, 1011, 1012, 1013]),
                    drop_reason="in prose",
                ),
                Faults(mute_after=source.uniform(0, 6)),
                Faults(answer_delay=source.uniform(0, 1.5) / FASTER),
                Faults(last_delay=source.uniform(0, 3) / FASTER),
                Faults(never_close=True),
                Faults(max_speed=1.25 * FASTER, drop_after=source.uniform(4, 10) / FASTER),
            ]
        )
        self.said.append(faults)
        return faults


@pytest.mark.proof
async def test_whatever_becomes_of_its_connections_no_word_is_lost_doubled_or_moved(rounds):
    """Fault schedules by seed: six connections each that refuse, break, fall silent or are late."""
    handshakes = 0

    async def one(seed: int) -> None:
        nonlocal handshakes
        schedule = Schedule(seed)
        async with DeepgramStandIn(faults=schedule) as deepgram:
            flushes = random.Random(seed)
            call = await speak(
                deepgram.url, 30, seed=seed, flushes=flushes, replay_seconds=120, close_seconds=2
            )
        handshakes += deepgram.handshakes
        try:
            assert call.lost == []
            call.check()
        except AssertionError as exc:
            raise AssertionError(f"seed {seed}: {schedule.said}") from exc

    seeds = list(rounds(sample=8, full=200))
    for at in range(0, len(seeds), 8):
        await asyncio.gather(*map(one, seeds[at : at + 8]))
    print(f"{len(seeds)} calls of 30 s over {handshakes} connections")
    assert handshakes > 3 * len(seeds)


class Outage:
    """A connection that breaks after so many seconds, then a host that refuses for a while."""

    def __init__(self, after: float, seconds: float) -> None:
        self._after, self._seconds = after / FASTER, seconds / FASTER
        self._over = 0.0

    def __call__(self, number: int) -> Faults:
        now = asyncio.get_running_loop().time()
        if number == 0:
            self._over = now + self._after + self._seconds
            return Faults(drop_after=self._after)
        return Faults(refuse=Refusal(503) if now < self._over else None)


def at_the_break() -> tuple[list[float], Callable[[float, Call], None]]:
    """Return how many seconds were spoken when a break was told, and what notes it."""
    told: list[float] = []

    def note(spoken: float, call: Call) -> None:
        if not told and any(isinstance(output, Down) for output in call.outputs):
            told.append(spoken)

    return told, note


@pytest.mark.proof
async def test_a_connection_that_is_cut_every_7_s_can_be_borne_for_ever(rounds):
    seconds = len(rounds(sample=40, full=600))
    async with DeepgramStandIn(faults=Faults(drop_after=7 / FASTER)) as deepgram:
        call = await speak(deepgram.url, seconds, close_seconds=PATIENCE)
        assert deepgram.handshakes > seconds / 10
    assert call.lost == []
    call.check()


async def test_25_s_without_a_host_lose_nothing():
    async with DeepgramStandIn(faults=Outage(after=10, seconds=25)) as deepgram:
        call = await speak(deepgram.url, 45, close_seconds=PATIENCE)
    assert call.lost == []
    call.check()
    events = [type(output) for output in call.outputs if isinstance(output, Down | Up)]
    assert events == [Down, Up]


@pytest.mark.proof
async def test_without_a_host_what_the_buffer_does_not_hold_is_one_gap(rounds):
    """90 s and a buffer of 60; a sample is a third of it."""
    buffer = len(rounds(sample=20, full=60))
    outage = 1.5 * buffer
    told, note = at_the_break()
    async with DeepgramStandIn(faults=Outage(after=5, seconds=outage)) as deepgram:
        call = await speak(
            deepgram.url, outage + 20, during=note, replay_seconds=buffer, close_seconds=30
        )
    [lost] = call.lost
    assert (lost.track, lost.reason) == (None, "recogniser-unreachable")
    start, end = lost.start / SAMPLE_RATE, lost.end / SAMPLE_RATE
    # From the last finals before the break to the first ones behind it, whose audio was kept.
    down = next(n for n, output in enumerate(call.outputs) if isinstance(output, Down))
    before, behind = (
        [output for output in part if isinstance(output, Result) and output.is_final]
        for part in (call.outputs[:down], call.outputs[down:])
    )
    ends = [max(final.end for final in before if final.track is track) for track in TRACKS]
    assert start == pytest.approx(min(ends), abs=0.02)
    assert end == pytest.approx(min(final.start for final in behind), abs=0.02)
    assert 3 < start <= told[0]  # 5 s, and what the handshake took
    # As much was kept as there is room for; it was let go on only while the host was being reached.
    assert 5 + outage - buffer - 1 < end < 5 + outage - buffer + 9
    call.check(but=(start, end))
    print(f"lost {start:.2f} to {end:.2f} s of an outage from 5 to {5 + outage:.0f} s")


@pytest.mark.proof
async def test_a_hundred_calls_do_not_storm_a_host_that_is_down(rounds):
    calls = len(rounds(sample=20, full=100))
    outage = 30 if calls == 100 else 10
    faster = FASTER / 2  # all of them are spoken, and heard, by one process
    loop = asyncio.get_running_loop()
    over, refused = 0.0, 0

    def faults(_: int) -> Faults:
        nonlocal over, refused
        over = over or loop.time() + outage / faster
        if loop.time() >= over:
            return Faults()
        refused += 1
        return Faults(refuse=Refusal(503))

    breaker = patient(faster)
    async with DeepgramStandIn(faults=faults) as deepgram:
        spoken = await asyncio.gather(
            *(
                speak(
                    deepgram.url,
                    outage + 10,
                    seed=seed,
                    faster=faster,
                    breaker=breaker,
                    close_seconds=PATIENCE,  # until a busy machine has heard the last of all
                )
                for seed in range(calls)
            )
        )
    print(
        f"{calls} calls: {refused} attempts in {outage} s of refusals, {deepgram.handshakes} in all"
    )
    assert 5 <= refused <= calls + 20
    assert deepgram.handshakes <= 2 * calls + 20
    for call in spoken:
        assert call.lost == []
        call.check()


@pytest.mark.parametrize("mute_after", [0, 3])
async def test_a_connection_that_says_nothing_is_given_up_within_5_s(mute_after):
    def faults(number: int) -> Faults:
        return Faults(mute_after=mute_after) if number == 0 else Faults()

    told, note = at_the_break()
    async with DeepgramStandIn(faults=faults) as deepgram:
        call = await speak(deepgram.url, mute_after + 9, during=note, faster=2)
    assert mute_after + 3 < told[0] < mute_after + 5 + 0.5  # half a second on a busy machine
    assert [o.reason[:18] for o in call.outputs if isinstance(o, Down)] == ["no results for 2 s"]
    assert len([o for o in call.outputs if isinstance(o, Up)]) == 1
    call.check()


async def test_a_pause_of_the_call_is_no_silence_of_the_recogniser():
    async with DeepgramStandIn() as deepgram:
        outputs: list[Output] = []
        settings = replace(Settings(deepgram_api_key="key"), deepgram_url=deepgram.url)
        recogniser = Recogniser(settings, outputs.append, SID, timing=timing())
        running = asyncio.create_task(recogniser.run())
        audio = speech(1, 3)
        for part in range(3):
            for at in range(0, len(audio), CHUNK):
                sides = audio[at : at + CHUNK]
                recogniser.send(Chunk(part * 80_000 + at, interleave(sides, sides)))
                await asyncio.sleep(0.1 / FASTER)
            await asyncio.sleep(8 / FASTER)  # nobody speaks, nothing is sent
        recogniser.finish()
        await running
        assert deepgram.handshakes == 1
    assert not [output for output in outputs if isinstance(output, Down | Up | Loss)]


async def test_the_last_results_are_waited_for():
    async with DeepgramStandIn(faults=Faults(last_delay=3 / FASTER)) as deepgram:
        call = await speak(deepgram.url, 5)
    assert call.lost == []
    call.check()


async def test_one_that_never_closes_ends_by_the_deadline():
    async with DeepgramStandIn(faults=Faults(never_close=True)) as deepgram, patience():
        call = await speak(deepgram.url, 5, close_seconds=1)
    assert call.lost == []
    call.check()


async def test_a_clean_close_that_leaves_words_unsaid_is_no_end():
    def faults(number: int) -> Faults:
        return Faults(mute_after=2) if number == 0 else Faults()

    async with DeepgramStandIn(faults=faults) as deepgram:
        call = await speak(deepgram.url, 4)
        assert deepgram.handshakes == 2
    assert call.lost == []
    call.check()


class Host:
    """A host that does what it is told on each connection, and notes when audio came."""

    def __init__(self, behave) -> None:
        self._behave = behave
        self.handshakes = 0
        self.heard: list[tuple[float, int]] = []  # when, and how many bytes by then

    async def __aenter__(self) -> Self:
        self._server = await serve(self._take, "127.0.0.1", 0, compression=None)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close(close_connections=True)
        await self._server.wait_closed()

    async def _take(self, socket: ServerConnection) -> None:
        number, self.handshakes = self.handshakes, self.handshakes + 1
        with suppress(ConnectionClosed):
            await self._behave(self, socket, number)

    async def listen(self, socket: ServerConnection) -> None:
        """Take audio until CloseStream."""
        total = 0
        async for message in socket:
            if message == '{"type":"CloseStream"}':
                return
            if isinstance(message, bytes):
                total += len(message)
                self.heard.append((asyncio.get_running_loop().time(), total))


def results(start: float, duration: float, *, final: bool, track: int = 0) -> str:
    alternative = {"transcript": "word", "confidence": 1, "words": []}
    body = {
        "type": "Results",
        "channel_index": [track, 2],
        "start": start,
        "duration": duration,
        "is_final": final,
        "speech_final": final,
        "channel": {"alternatives": [alternative]},
    }
    return json.dumps(body)


async def test_results_under_way_at_the_close_are_not_the_last_word():
    """An interim behind CloseStream, then an unasked end: what it covered is not transcribed."""

    async def behave(host: Host, socket: ServerConnection, _: int) -> None:
        await host.listen(socket)
        await socket.send(results(0, 1, final=False))
        await socket.close(1000)

    async with Host(behave) as host:
        call = await speak(host.url, 3, close_seconds=1)
        assert host.handshakes > 1
    assert [(lost.start, lost.end) for lost in call.lost] == [(0, 24_000)]


def odd(**changes: object) -> str:
    """A final of the second second with something wrong in it."""
    return json.dumps(json.loads(results(1, 1, final=True)) | changes)


async def said(*inbound: str) -> Call:
    """Let a host answer three seconds with these finals, and with one of the other track."""

    async def behave(host: Host, socket: ServerConnection, _: int) -> None:
        await host.listen(socket)
        for text in (*inbound, results(0, 3, final=True, track=1), '{"type":"Metadata"}'):
            await socket.send(text)
        await socket.close(1000)

    async with Host(behave) as host:
        call = await speak(host.url, 3)
        assert host.handshakes == 1
    return call


def unreadable(start: int, end: int) -> list[Loss]:
    return [Loss(start, end, Track.INBOUND, "recogniser-unreadable")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(odd(channel=None), id="no text"),
        pytest.param(odd(start=None), id="no times"),
        pytest.param(odd(channel_index=None), id="no track"),
        pytest.param(odd(is_final=None, speech_final=None), id="no end"),
        pytest.param("{", id="no JSON"),
        pytest.param(odd(type=None), id="no type"),
        pytest.param(odd(type="results"), id="another type"),
    ],
)
async def test_a_final_that_cannot_be_read_is_a_loss_where_it_lay(text):
    call = await said(results(0, 1, final=True), text, results(2, 1, final=True))
    finals = [output for output in call.outputs if isinstance(output, Result) and output.is_final]
    assert [(final.track, final.start) for final in finals] == [
        (Track.INBOUND, 0),
        (Track.INBOUND, 2),
        (Track.OUTBOUND, 0),
    ]
    assert call.lost == unreadable(8000, 16_000)


async def test_a_final_without_times_that_is_the_last_is_a_loss_to_the_end():
    call = await said(results(0, 1, final=True), odd(duration=None))
    assert call.lost == unreadable(8000, 24_000)


async def test_a_final_with_an_odd_side_field_is_no_loss():
    text = odd(speech_final=None, channel_index=[0, 2, 0], metadata=None)
    call = await said(results(0, 1, final=True), text, results(2, 1, final=True))
    assert len([o for o in call.outputs if isinstance(o, Result) and o.is_final]) == 4
    assert call.lost == []


async def test_a_type_that_is_not_known_is_logged_once_and_costs_nothing():
    news = json.dumps({"type": "News\x07", "of": "the world"})
    with capture_logs() as lines:
        call = await said(results(0, 3, final=True), news, news, '{"type": 5}', "{}")
    assert call.lost == []
    told = [line["type"] for line in lines if line["event"] == "unknown message from deepgram"]
    assert told == ["News\ufffd", "5", "None"]


async def test_a_redirect_is_a_failure_that_may_pass():
    async def redirect(connection: ServerConnection, _: object) -> Response:
        response = connection.respond(302, "")
        response.headers["Location"] = "https://status.example/"
        return response

    async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=redirect) as host:
        port = host.sockets[0].getsockname()[1]
        call = await speak(f"ws://127.0.0.1:{port}", 2, close_seconds=1)
    [down] = [output for output in call.outputs if isinstance(output, Down)]
    assert down.reason.startswith("HTTP 302")
    assert [(lost.start, lost.end) for lost in call.lost] == [(0, 16_000)]


async def test_a_flush_that_is_not_answered_is_told_while_audio_waits():
    async def behave(host: Host, socket: ServerConnection, _: int) -> None:
        await host.listen(socket)
        await socket.wait_closed()

    faster = 2  # what a busy machine takes is multiplied by it
    async with Host(behave) as host:
        outputs: list[Output] = []
        settings = replace(Settings(deepgram_api_key="key"), deepgram_url=host.url)
        recogniser = Recogniser(settings, outputs.append, SID, timing=timing(faster))
        running = asyncio.create_task(recogniser.run())
        audio = speech(1, 8)
        recogniser.send(Chunk(0, interleave(audio[:CHUNK], audio[:CHUNK])))
        recogniser.flush()
        begun = asyncio.get_running_loop().time()
        for at in range(CHUNK, len(audio), CHUNK):
            await asyncio.sleep(0.1 / faster)
            sides = audio[at : at + CHUNK]
            recogniser.send(Chunk(at, interleave(sides, sides)))
            if any(isinstance(output, Down) for output in outputs):
                break
        waited = (asyncio.get_running_loop().time() - begun) * faster
        await supervise.end(running)
    assert [type(output) for output in outputs] == [Down]
    assert 3.5 < waited < 5.5


async def test_a_deadline_that_passes_as_the_call_ends_is_no_error():
    """The call ends at each moment around the one at which an unanswered flush is given up."""

    async def behave(host: Host, socket: ServerConnection, _: int) -> None:
        await host.listen(socket)
        await socket.wait_closed()

    async with Host(behave) as host:
        settings = replace(
            Settings(deepgram_api_key="key"), deepgram_url=host.url, close_seconds=0.2
        )

        async def end_after(seconds: float) -> list[Output]:
            outputs: list[Output] = []
            recogniser = Recogniser(settings, outputs.append, SID, timing=timing())
            running = asyncio.create_task(recogniser.run())
            recogniser.send(Chunk(0, b"\xff" * 2 * CHUNK))
            recogniser.flush()
            await asyncio.sleep(seconds)
            recogniser.finish()
            await running
            return outputs

        ends = await asyncio.gather(*(end_after(0.19 + n / 2000) for n in range(60)))
    for outputs in ends:
        assert [(o.start, o.end) for o in outputs if isinstance(o, Loss)] == [(0, 800)]


@pytest.mark.parametrize("held_back", [True, False])
async def test_what_was_kept_is_sent_no_faster_than_deepgram_takes_it(held_back):
    """A first connection that the breaker held back, and one behind another that broke."""
    seconds, speed = 20, 1.25 * FASTER

    async def behave(host: Host, socket: ServerConnection, number: int) -> None:
        if number == 0 and not held_back:
            return
        await host.listen(socket)

    breaker = patient()
    if held_back:
        for _ in range(5):
            breaker.admit(0)
            breaker.failed(asyncio.get_running_loop().time() + 1.5, "down")
    async with Host(behave) as host:
        outputs: list[Output] = []
        settings = replace(
            Settings(deepgram_api_key="key"), deepgram_url=host.url, close_seconds=0.2
        )
        recogniser = Recogniser(settings, outputs.append, SID, breaker=breaker, timing=timing(4))
        recogniser._timing = replace(recogniser._timing, replay_speed=speed, stall=60)
        recogniser.send(Chunk(0, b"\xff" * CHUNK * 2))
        running = asyncio.create_task(recogniser.run())
        for at in range(CHUNK, seconds * SAMPLE_RATE, CHUNK):
            recogniser.send(Chunk(at, b"\xff" * CHUNK * 2))
        await until(lambda: host.heard and host.heard[-1][1] >= seconds * SAMPLE_RATE * 2)
        recogniser.finish()
        await supervise.end(running)
    begun, _ = host.heard[0]
    for when, total in host.heard:
        assert total / 2 / SAMPLE_RATE <= speed * (when - begun) + 2 * CHUNK / SAMPLE_RATE + 1.5


async def test_the_deadline_counts_from_the_last_byte_and_leaves_time_for_a_backlog():
    """20 s of backlog at 1.25 times real time are longer than the wait for the last finals."""

    def faults(number: int) -> Faults:
        refuse = Refusal(503) if asyncio.get_running_loop().time() < over else None
        return Faults(refuse=refuse, max_speed=1.25 * FASTER)

    over = asyncio.get_running_loop().time() + 20 / FASTER
    async with DeepgramStandIn(faults=faults) as deepgram:
        call = await speak(deepgram.url, 20, close_seconds=1)
    assert call.lost == []
    call.check()


async def test_a_host_that_accepts_and_drops_is_not_stormed():
    async def behave(host: Host, socket: ServerConnection, _: int) -> None:
        await socket.close(1011)

    calls, seconds = 50, 10
    breaker = patient()
    async with Host(behave) as host:
        await asyncio.gather(
            *(
                speak(host.url, seconds, seed=seed, breaker=breaker, close_seconds=0.1)
                for seed in range(calls)
            )
        )
    assert breaker.open
    assert host.handshakes < calls + 30
