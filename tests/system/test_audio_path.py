"""
What Deepgram receives, byte for byte, beside what a slow and obvious mixer makes of what was sent.

Recorded human speech, in real time, through the whole service.
"""

import asyncio
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.credentials import AUTH_TOKEN
from support.reference_mixer import Heard, mix
from support.timing import until

from rehearsal import audio
from rehearsal.frames import FRAME_MS, Stall, schedule
from rehearsal.twilio import HangUp, Options, place_call
from rehearsal.twilio.media_stream import opened

SPEECH = Path(__file__).parents[1] / "speech"
SECONDS = 9
# One side waits for the other for longer than a busy machine stands still; a stall is longer still.
WAIT = 1.0

SCENARIOS: dict[str, dict[str, Any]] = {
    "clean": {"jitter_ms": 0},
    "stray timestamps": {"jitter_ms": 2},
    "outbound 7 s late": {"outbound_delay": 7},
    "inbound only": {},
    "5 % of the frames lost": {"lost": 0.05},
    "both tracks stall for 3 s": {"stalls": (Stall(2, 3),)},
    "one track stalls for 3 s": {"stalls": (Stall(2, 3, "outbound"),)},
    "silence suppressed": {"suppress_silence": True},
    "odd sizes": {"frame_ms": (20, 10, 30, 25, 7, 40), "jitter_ms": 1},
    "hang-up without stop": {"hang_up": HangUp.RESET},
}


def speech(*names: str) -> bytes:
    """Sentences with pauses between them."""
    pause = audio.SILENCE * 9600
    sentences = [audio.read(SPEECH / f"{name}.wav") for name in names]
    return pause.join(sentences)[: SECONDS * audio.SAMPLE_RATE]


servers = pytest.mark.parametrize("plain", [False, True], ids=["our own server", "plain uvicorn"])


@servers
async def test_every_byte_is_in_its_place_or_told_as_lost(
    serve, deepgram, nats, read, token, plain
):
    service = serve(
        DEEPGRAM_URL=deepgram.url,
        NATS_URL=nats.url,
        RESUME_SECONDS="0",
        MIX_WAIT_MS=f"{WAIT * 1000:.0f}",
        plain=plain,
    )
    caller = speech("cities-1", "psx-goforward", "cities-3")
    callee = speech("cities-2", "cities-4", "psx-something")

    async def carry(name: str, number: int, **changes):
        call = Options(auth_token=AUTH_TOKEN, seed=len(name), **changes)
        reading = asyncio.create_task(read(service, call.call_sid, token=token))
        outbound = b"" if name == "inbound only" else callee
        heard: dict[float, float] = {}  # of the audio, in seconds, as what is due then was sent

        async def due(at: float) -> None:
            await asyncio.sleep(begun + at - loop.time())
            heard.setdefault(at, sum(link.seconds for link in deepgram.heard[number : number + 1]))

        url = f"{service.ws}/twilio"
        async with opened(url, call, keep_frames=True) as stream:
            begun = loop.time()
            await stream.play(schedule(caller, outbound, call), due)
        return stream.report, await reading, heard

    loop = asyncio.get_running_loop()
    calls = {}
    for number, (name, changes) in enumerate(SCENARIOS.items()):
        calls[name] = asyncio.create_task(carry(name, number, **changes))
        # So that each is known by its number.
        await until(lambda: len(deepgram.heard) == len(calls))
    received = dict(zip(SCENARIOS, (link.received for link in deepgram.heard), strict=True))
    for name, task in calls.items():
        report, reader, heard = await task
        sent = [Heard(frame.track, frame.timestamp, frame.payload) for frame in report.sent]
        gaps = [message for message in reader.messages if message["type"] == "Gap"]
        late = [
            (gap["track"], round(gap["start"] * 8000), round(gap["end"] * 8000)) for gap in gaps
        ]
        assert bytes(received[name]) == mix(sent, late), name
        if name != "one track stalls for 3 s":
            assert gaps == [], name
            continue
        # From the first frame that was held back to the first that came within the wait; where the
        # machine stood still as they were sent, in several pieces, to where the other side had come
        # by then.
        assert {(gap["track"], gap["reason"]) for gap in gaps} == {("outbound", "late-audio")}
        stalled = [frame for frame in report.sent if frame.track == "outbound" and frame.at == 5]
        first, last = gaps[0], gaps[-1]
        assert first["start"] == pytest.approx(stalled[0].timestamp / 1000, abs=0.005)
        come = report.sent[: report.sent.index(stalled[0])]
        furthest = max(frame.timestamp for frame in come) / 1000 + FRAME_MS / 1000
        # What Deepgram had by then was sent to it without.
        assert all(gap["start"] < gap["end"] for gap in gaps)
        assert all(one["end"] <= next_["start"] for one, next_ in pairwise(gaps))
        assert heard[5] <= first["end"] + 0.005
        assert last["end"] <= furthest + 0.005
        # The other side is not held up meanwhile.
        assert min(at - seconds for at, seconds in heard.items() if 3 <= at < 5) < WAIT + 0.8


@servers
async def test_what_had_come_before_a_reset_is_heard_though_nobody_had_read_it(
    serve, deepgram, nats, read, token, plain
):
    """The process stands still meanwhile: its system has the last second, and then the reset."""
    service = serve(DEEPGRAM_URL=deepgram.url, NATS_URL=nats.url, RESUME_SECONDS="0", plain=plain)
    call = Options(auth_token=AUTH_TOKEN, hang_up=HangUp.RESET, jitter_ms=0)
    reading = asyncio.create_task(read(service, call.call_sid, token=token))
    caller, callee = (speech(name)[: 3 * audio.SAMPLE_RATE] for name in ("cities-1", "cities-2"))

    def stop_late(at: float) -> None:
        if at >= 2:
            service.popen.send_signal(signal.SIGSTOP)

    url = f"{service.ws}/twilio"
    try:
        report = await place_call(url, caller, callee, call, progress=stop_late, keep_frames=True)
    finally:
        service.popen.send_signal(signal.SIGCONT)
    await reading
    sent = [Heard(frame.track, frame.timestamp, frame.payload) for frame in report.sent]
    assert bytes(deepgram.heard[0].received) == mix(sent, [])
