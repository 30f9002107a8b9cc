"""handler/mixer.py: two tracks in, one two-channel stream out."""

import random

import pytest

from handler.audio import Track
from handler.mixer import MAX_FILL, Late, Mixer

IN, OUT = Track.INBOUND, Track.OUTBOUND
FRAME_MS = 20


def frame(byte: bytes, ms: int = FRAME_MS) -> bytes:
    return byte * (8 * ms)


def tracks(audio: bytes) -> tuple[bytes, bytes]:
    return audio[0::2], audio[1::2]


def test_two_frames_of_the_same_moment_are_interleaved_inbound_first():
    mixer = Mixer()
    mixer.feed(IN, 0, b"a" * 3)
    mixer.feed(OUT, 0, b"b" * 3)
    assert mixer.drain().audio == b"ababab"


def test_what_both_tracks_have_is_ready_at_once():
    mixer = Mixer(wait=0.2)
    mixer.feed(IN, 0, frame(b"a", 40))
    mixer.feed(OUT, 0, frame(b"b"))
    chunk = mixer.pop(0.0)
    assert (chunk.start, chunk.end) == (0, 160)
    assert tracks(chunk.audio) == (frame(b"a"), frame(b"b"))
    assert mixer.pop(0.0) is None


def test_one_side_waits_for_the_other_no_longer_than_the_wait():
    mixer = Mixer(wait=0.2)
    mixer.feed(IN, 0, frame(b"a"))
    assert mixer.pop(10.0) is None
    assert mixer.pop(10.1) is None
    assert tracks(mixer.pop(10.2).audio) == (frame(b"a"), frame(b"\xff"))


def test_nothing_is_made_up_while_nobody_sends():
    mixer = Mixer(wait=0.2)
    mixer.feed(IN, 0, frame(b"a"))
    mixer.feed(OUT, 0, frame(b"b"))
    mixer.pop(0.0)
    assert [mixer.pop(float(second)) for second in range(1, 100)] == [None] * 99


def test_the_first_frame_lies_where_its_timestamp_says():
    mixer = Mixer()
    mixer.feed(IN, 155, frame(b"a"))
    inbound, outbound = tracks(mixer.drain().audio)
    assert inbound == frame(b"\xff", 155) + frame(b"a")
    assert outbound == frame(b"\xff", 175)


def test_an_inexact_grid_is_not_splintered():
    mixer = Mixer()
    for timestamp in (0, 17, 40, 63, 80):
        mixer.feed(IN, timestamp, frame(b"a"))
    assert tracks(mixer.drain().audio)[0] == frame(b"a", 100)


def test_a_lost_frame_is_filled_with_silence():
    mixer = Mixer()
    mixer.feed(IN, 0, frame(b"a"))
    mixer.feed(IN, 40, frame(b"c"))
    assert tracks(mixer.drain().audio)[0] == frame(b"a") + frame(b"\xff") + frame(b"c")


def test_a_frame_out_of_order_fills_its_hole():
    mixer = Mixer()
    mixer.feed(IN, 0, frame(b"a"))
    mixer.feed(IN, 40, frame(b"c"))
    mixer.feed(IN, 20, frame(b"b"))
    assert tracks(mixer.drain().audio)[0] == frame(b"a") + frame(b"b") + frame(b"c")
    assert mixer.take_late() == []


def test_overlap_keeps_what_was_heard_first():
    mixer = Mixer()
    mixer.feed(IN, 0, frame(b"a", 40))
    mixer.feed(IN, 20, frame(b"b", 40))
    assert tracks(mixer.drain().audio)[0] == frame(b"a", 40) + frame(b"b", 20)


def test_a_repeated_frame_changes_nothing_and_is_not_late():
    mixer = Mixer()
    mixer.feed(IN, 0, frame(b"a"))
    mixer.feed(OUT, 0, frame(b"b"))
    mixer.pop(0.0)
    mixer.feed(IN, 0, frame(b"a"))
    assert mixer.drain() is None
    assert mixer.take_late() == []


def test_audio_that_comes_after_its_place_was_sent_is_late():
    mixer = Mixer(wait=0.1)
    for timestamp in range(0, 400, FRAME_MS):
        mixer.feed(IN, timestamp, frame(b"a"))
    mixer.pop(0.0)
    mixer.pop(0.1)
    for timestamp in range(300, 500, FRAME_MS):
        mixer.feed(OUT, timestamp, frame(b"b"))
    inbound, outbound = tracks(mixer.drain().audio)
    assert (inbound, outbound) == (frame(b"\xff", 100), frame(b"b", 100))
    assert mixer.take_late() == [Late(OUT, 2400, 3200)]
    assert mixer.take_late() == []


def test_the_tail_waits_for_nobody():
    mixer = Mixer()
    mixer.feed(IN, 0, frame(b"a"))
    mixer.feed(OUT, 0, frame(b"b", 5))
    inbound, outbound = tracks(mixer.drain().audio)
    assert (inbound, outbound) == (frame(b"a"), frame(b"b", 5) + frame(b"\xff", 15))


def test_a_long_silence_of_both_sides_is_skipped_not_filled():
    mixer = Mixer()
    mixer.feed(IN, 0, frame(b"a"))
    mixer.feed(OUT, 0, frame(b"b"))
    mixer.pop(0.0)
    mixer.feed(IN, 3_600_000, frame(b"c"))
    chunk = mixer.drain()
    assert chunk.start == 3_600_000 * 8
    assert tracks(chunk.audio) == (frame(b"c"), frame(b"\xff"))


def test_a_leap_of_one_side_alone_is_refused():
    mixer = Mixer()
    mixer.feed(IN, 0, frame(b"a"))
    mixer.feed(OUT, 3_600_000, frame(b"b"))
    assert mixer.refused_frames == 1
    assert len(mixer.drain().audio) == 320


def reference(frames: list[tuple[Track, int, bytes]]) -> bytes:
    """A slow, obvious mixer for frames whose timestamps are exact: each sample at its place."""
    end = max(timestamp * 8 + len(payload) for _, timestamp, payload in frames)
    sides = {track: bytearray(b"\xff" * end) for track in Track}
    for track, timestamp, payload in frames:
        sides[track][timestamp * 8 : timestamp * 8 + len(payload)] = payload
    return bytes(byte for pair in zip(sides[IN], sides[OUT], strict=True) for byte in pair)


@pytest.mark.proof
def test_any_schedule_of_pops_gives_the_same_audio_if_every_frame_comes_within_the_wait(rounds):
    for seed in rounds(sample=30, full=3000):
        source = random.Random(seed)
        begin = {IN: source.randrange(5, 200), OUT: source.randrange(5, 2000)}
        frames = [
            (track, timestamp, source.randbytes(8 * FRAME_MS))
            for track in Track
            for timestamp in range(begin[track], 3000, FRAME_MS)
            if source.random() > 0.05
        ]
        # Each frame comes up to 90 ms after it was spoken; the wait is longer than that.
        arrivals = sorted(
            ((timestamp + FRAME_MS + source.uniform(0, 90)) / 1000, number)
            for number, (_, timestamp, _) in enumerate(frames)
        )
        mixer = Mixer(wait=0.2)
        popped, position, pop_at = b"", 0, 0.0
        for arrival, number in arrivals:
            while pop_at < arrival:
                if chunk := mixer.pop(pop_at):
                    assert chunk.start == position
                    position = chunk.end
                    popped += chunk.audio
                pop_at += source.uniform(0.001, 0.3)
            mixer.feed(*frames[number])
        if chunk := mixer.drain():
            assert chunk.start == position
            popped += chunk.audio
        assert popped == reference(frames), f"seed {seed}"
        assert mixer.take_late() == []


def test_the_fill_is_bounded():
    mixer = Mixer()
    mixer.feed(IN, 0, frame(b"a"))
    mixer.feed(IN, MAX_FILL // 8 + 20, frame(b"b"))
    assert mixer.refused_frames == 0
    mixer.feed(OUT, 24 * 3_600_000, frame(b"c"))
    assert mixer.refused_frames == 1


def test_a_burst_for_a_time_that_was_skipped_is_late():
    mixer = Mixer()
    mixer.feed(IN, 0, frame(b"a"))
    mixer.feed(OUT, 0, frame(b"b"))
    mixer.pop(0.0)
    mixer.feed(IN, 15_000, frame(b"c"))
    mixer.feed(OUT, 20, frame(b"d"))
    assert mixer.take_late() == [Late(OUT, 160, 320)]
