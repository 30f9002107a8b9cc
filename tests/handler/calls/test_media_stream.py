"""handler/calls/media_stream.py: what a media stream brings, and when another may follow it."""

import asyncio

import pytest
from support.sids import stream_sid

from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.audio.mulaw import TRACKS, Track, interleave
from handler.calls.media_stream import (
    MAX_WAITING,
    TAKEOVER_SECONDS,
    Activity,
    End,
    MediaStream,
    StreamQueue,
    Tick,
)
from handler.errors import StreamRefused
from handler.twilio.messages import Frame

IN, OUT = TRACKS


def stream(number: int = 0, now: float = 0.0) -> MediaStream:
    async def close(code: int, reason: str) -> None: ...

    return MediaStream(stream_sid(number), 1_800_000_000_000, close, now=now, mix_wait=0.2)


def frame(track: Track, timestamp: int = 0, byte: bytes = b"a") -> Frame:
    return Frame(track, timestamp, byte * 160)


def both(timestamp: int) -> list[Frame]:
    return [frame(track, timestamp) for track in TRACKS]


def test_chunks_and_losses_come_out_on_the_call_clock():
    media = stream()
    media.offset = 8000
    media.feed(frame(IN))
    assert media.tick(0.0) == Tick(0.0, None, [], [])
    assert media.tick(0.2).chunks == [Chunk(8000, interleave(b"a" * 160, b"\xff" * 160))]
    media.feed(frame(OUT))
    assert media.tick(0.3).losses == [Loss(8000, 8160, OUT, "late-audio")]
    for step in (*both(20), *both(40)):
        media.feed(step)
    assert media.tick(0.4) == Tick(0.4, None, [Chunk(8160, b"a" * 640)], [])


def test_a_media_stream_without_frames_falls_silent_and_may_be_replaced():
    media = stream(now=100.0)
    media.feed(frame(IN))
    assert media.tick(101.0).changed is None
    almost, silent = 101.0 + TAKEOVER_SECONDS - 0.1, 101.0 + TAKEOVER_SECONDS
    assert media.tick(almost).changed is None
    assert not media.may_be_replaced(almost)
    assert media.tick(silent).changed is Activity.SILENT
    assert media.may_be_replaced(silent)
    assert media.tick(silent + 1).changed is None
    media.feed(frame(IN, 20))
    assert media.tick(silent + 2).changed is Activity.ACTIVE
    assert not media.may_be_replaced(silent + 2)
    assert media.tick(silent + 3).changed is None


def test_a_media_stream_that_never_sent_falls_silent_too():
    media = stream(now=100.0)
    assert not media.may_be_replaced(100.0 + TAKEOVER_SECONDS - 0.1)
    assert media.tick(100.0 + TAKEOVER_SECONDS).changed is Activity.SILENT


@pytest.mark.parametrize("end", End)
def test_the_first_end_stands_and_another_may_follow_at_once(end):
    media = stream()
    assert media.end is None
    media.finish(end)
    media.finish(End.LOST)
    assert media.end is end
    assert media.may_be_replaced(0.0)


async def test_the_pump_forwards_at_each_tick_and_the_tail_at_the_end():
    loop = asyncio.get_running_loop()
    media = stream(now=loop.time())
    ticks: list[Tick] = []
    first = asyncio.Event()

    def forward(tick: Tick) -> None:
        ticks.append(tick)
        if tick.chunks:
            first.set()

    pumping = asyncio.create_task(media.pump(0.01, forward))
    for step in both(0):
        media.feed(step)
    await first.wait()
    media.feed(frame(IN, 20))
    media.finish(End.STOPPED)
    await pumping
    assert [chunk for tick in ticks for chunk in tick.chunks] == [
        Chunk(0, b"a" * 320),
        Chunk(160, interleave(b"a" * 160, b"\xff" * 160)),
    ]
    assert ticks[-1].chunks
    times = [tick.now for tick in ticks]
    assert times == sorted(times)


async def test_a_media_stream_that_is_over_before_its_turn_gives_what_it_has():
    media = stream()
    for step in both(0):
        media.feed(step)
    media.finish(End.LOST)
    ticks: list[Tick] = []
    await media.pump(0.01, ticks.append)
    assert [tick.chunks for tick in ticks] == [[Chunk(0, b"a" * 320)]]


def test_the_summary_is_what_was_counted():
    media = stream(7)
    media.faults["binary"] += 2
    for step in (frame(IN, 0), frame(OUT, 20), frame(OUT, 20), frame(IN, 90_000)):
        media.feed(step)
    media.finish(End.STOPPED)
    asyncio.run(media.pump(1, lambda tick: None))
    assert media.summary() == {
        "stream_sid": stream_sid(7),
        "end": "completed",
        "frames": 4,
        "filled_ms": 40,
        "late_ms": 0,
        "overlap_ms": 20,
        "slipped_samples": 0,
        "leaps": 0,
        "restarts": 0,
        "refused_frames": 1,
        "faults": {"binary": 2},
    }
    assert stream().summary()["end"] is None


async def test_media_streams_come_one_after_the_other():
    first, second = stream(1), stream(2)
    queue = StreamQueue(first)
    assert queue.current is first
    assert queue.pop() is first
    first.feed(frame(IN))
    first.finish(End.LOST)
    waiting = asyncio.create_task(queue.next(60))
    await asyncio.sleep(0)
    queue.attach(second, now=0.0)
    assert await waiting is second
    assert queue.current is second
    second.feed(frame(IN))
    second.feed(frame(OUT))
    assert queue.counts.frames == 3


def test_a_media_stream_takes_the_place_of_one_that_is_silent_but_of_none_that_is_alive():
    first, second = stream(1), stream(2)
    queue = StreamQueue(first)
    with pytest.raises(StreamRefused, match="is alive"):
        queue.attach(second, now=TAKEOVER_SECONDS - 0.1)
    assert (queue.current, first.end) == (first, None)
    queue.attach(second, now=TAKEOVER_SECONDS)
    assert (queue.current, first.end) == (second, End.REPLACED)
    assert [queue.pop(), queue.pop()] == [first, second]


async def test_no_next_comes_in_time_or_after_the_close():
    queue = StreamQueue(stream())
    queue.pop()
    assert await queue.next(0.0) is None
    waiting = asyncio.create_task(queue.next(60))
    await asyncio.sleep(0)
    queue.close()
    assert await waiting is None
    assert await queue.next(60) is None


async def test_a_media_stream_that_was_attached_before_the_close_still_has_its_turn():
    first, second = stream(1), stream(2)
    queue = StreamQueue(first)
    queue.pop()
    first.finish(End.LOST)
    queue.attach(second, now=0.0)
    queue.close()
    assert await queue.next(60) is second
    assert await queue.next(60) is None


def test_only_so_many_media_streams_wait_for_their_turn():
    queue = StreamQueue(stream())
    for number in range(1, MAX_WAITING):
        queue.current.finish(End.LOST)
        queue.attach(stream(number), now=0.0)
    queue.current.finish(End.LOST)
    last = queue.current
    with pytest.raises(StreamRefused, match="too many"):
        queue.attach(stream(MAX_WAITING), now=0.0)
    assert queue.current is last
