"""handler/audio/mixer.py: two tracks in, one two-channel stream out."""

import math
import random

import pytest

from handler.audio.loss import Loss
from handler.audio.mixer import MAX_PENDING, Mixer
from handler.audio.mulaw import Track
from handler.audio.timeline import TOLERANCE

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
    assert tracks(mixer.pop(10.21).audio) == (frame(b"a"), frame(b"\xff"))


def test_a_side_that_stops_sending_holds_up_the_other_no_longer_than_the_wait():
    mixer = Mixer(wait=0.2)
    mixer.feed(OUT, 0, frame(b"b"))
    popped = 0
    for step in range(50):
        mixer.feed(IN, FRAME_MS * step, frame(b"a"))
        now = FRAME_MS * step / 1000
        while chunk := mixer.pop(now):
            popped = chunk.end
        assert FRAME_MS * 8 * (step + 1) - popped <= 1600 + 2 * 160


def test_while_the_path_stands_still_nothing_is_made_up_and_the_burst_finds_its_place():
    mixer = Mixer(wait=0.2)
    for step in range(20):
        mixer.feed(IN, FRAME_MS * step, frame(b"a"))
        mixer.feed(OUT, FRAME_MS * step, frame(b"b"))
    mixer.feed(IN, 400, frame(b"a"))  # its fellow is on the way
    popped = mixer.pop(0.4).audio
    for step in range(1, 40):
        assert mixer.pop(0.4 + 0.1 * step) is None
    mixer.feed(IN, 420, frame(b"a"))
    assert mixer.pop(4.4) is None  # in the midst of the burst
    mixer.feed(OUT, 400, frame(b"b"))
    mixer.feed(OUT, 420, frame(b"b"))
    popped += mixer.drain().audio
    assert tracks(popped) == (frame(b"a", 440), frame(b"b", 440))
    assert mixer.collect_losses() == []


def test_a_path_that_stands_still_for_very_long_holds_nothing_back():
    mixer = Mixer(wait=0.2)
    mixer.feed(IN, 0, frame(b"a", 40))
    mixer.feed(OUT, 0, frame(b"b"))
    assert mixer.pop(0.0).end == 160
    assert mixer.pop(1.0) is None
    assert mixer.pop(5.1).end == 320


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
    assert mixer.counts.filled_samples == 160
    mixer.feed(IN, 20, frame(b"b"))
    assert mixer.counts.filled_samples == 0
    assert tracks(mixer.drain().audio)[0] == frame(b"a") + frame(b"b") + frame(b"c")
    assert mixer.counts.filled_samples == 480  # the other track's
    assert mixer.collect_losses() == []


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
    assert mixer.collect_losses() == []


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
    assert mixer.collect_losses() == [Loss(2400, 3200, OUT, "late-audio")]
    assert mixer.collect_losses() == []


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
    mixer.feed(IN, 3_600_000, frame(b"c", 10))
    mixer.feed(IN, 3_600_010, frame(b"c", 10))
    chunk = mixer.drain()
    # A little before it: the other side's first frame may be on the way.
    assert chunk.start == (3_600_000 - 250) * 8
    assert tracks(chunk.audio) == (frame(b"\xff", 250) + frame(b"c"), frame(b"\xff", 270))


def test_one_wrong_timestamp_costs_one_frame_which_is_told():
    mixer = Mixer()
    for step in range(10):
        mixer.feed(IN, 3_000 if step == 5 else FRAME_MS * step, frame(b"a"))
        mixer.feed(OUT, FRAME_MS * step, frame(b"b"))
    inbound, outbound = tracks(mixer.drain().audio)
    assert inbound == frame(b"a", 100) + frame(b"\xff") + frame(b"a", 80)
    assert outbound == frame(b"b", 200)
    assert mixer.counts.refused_frames == 1
    assert mixer.collect_losses() == [Loss(800, 960, IN, "media-lost")]


def test_timestamps_that_fit_nowhere_do_not_move_the_call():
    mixer = Mixer()
    for step in range(10):
        mixer.feed(IN, FRAME_MS * step, frame(b"a"))
        mixer.feed(OUT, 20_000_000 - 5_000 * step, frame(b"b"))
    chunk = mixer.drain()
    assert (chunk.start, chunk.end) == (0, 1600)
    assert mixer.counts.refused_frames == 10
    [dropped] = mixer.collect_losses()
    assert (dropped.track, dropped.end - dropped.start) == (OUT, 1600)


@pytest.mark.parametrize("leap", [12_000, 36_000_000])
def test_a_track_that_leaps_alone_goes_on_where_the_call_is(leap):
    mixer = Mixer()
    for step in range(10):
        mixer.feed(IN, FRAME_MS * step, frame(b"a"))
        mixer.feed(OUT, FRAME_MS * step + (leap if step >= 5 else 0), frame(b"b"))
    inbound, outbound = tracks(mixer.drain().audio)
    assert inbound.startswith(frame(b"a", 200))
    assert outbound.count(b"b") == 10 * 160
    assert len(outbound) <= 1600 + 320
    assert (mixer.counts.leaps, mixer.counts.restarts) == (1, 1)
    assert mixer.collect_losses() == []


def heard(mixer: Mixer) -> tuple[bytes, bytes]:
    """What is left in a mixer, by track."""
    audio = b""
    while chunk := mixer.drain():
        audio += chunk.audio
    return tracks(audio)


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("back", [600, 5_000, 9_900, 10_100, 15_980])
def test_timestamps_that_begin_anew_go_on_where_the_call_is(both, back):
    mixer = Mixer()
    for step in range(1000):
        timestamp = FRAME_MS * step - (back if step >= 800 else 0)
        mixer.feed(IN, timestamp, frame(b"a"))
        if both:
            mixer.feed(OUT, timestamp, frame(b"b"))
    inbound, outbound = heard(mixer)
    # What was needed to be sure is told; the rest goes on, and the tracks keep step.
    lost = 260 if back <= 10_000 else 20
    assert inbound == frame(b"a", 20_000 - lost)
    assert outbound == (frame(b"b", 20_000 - lost) if both else frame(b"\xff", 20_000 - lost))
    assert mixer.counts.restarts == (2 if both else 1)
    dropped = mixer.collect_losses()
    assert [(d.track, d.reason) for d in dropped] == [
        (track, "media-lost") for track in ([IN, OUT] if both else [IN])
    ]
    assert all(d.end - d.start == lost * 8 for d in dropped)


@pytest.mark.parametrize("popped", [True, False])
@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("back", [70, 80, 100, 190, 240, 260, 300, 400, 499, 520])
def test_what_a_clock_that_steps_back_leaves_out_is_told_to_the_sample(back, both, popped):
    """Speech whose timestamps say that it was heard before: it is not, and its side is told so."""
    mixer = Mixer()
    sides = (IN, OUT) if both else (IN,)
    chunks, losses = [], []
    for step in range(500):
        for track in sides:
            mixer.feed(track, FRAME_MS * step - (back if step >= 300 else 0), frame(b"a"))
        while popped and (chunk := mixer.pop(step * 0.02)):
            chunks.append(chunk.audio)
        losses += mixer.collect_losses()
    popped_audio, rest = tracks(b"".join(chunks)), heard(mixer)
    losses += mixer.collect_losses()
    for number, track in enumerate(sides):
        channel = popped_audio[number] + rest[number]
        left_out = 500 * 160 - channel.count(b"a")
        told = [loss for loss in losses if loss.track is track]
        assert sum(loss.end - loss.start for loss in told) == left_out > 0
        assert all(5_400 * 8 <= loss.start < loss.end <= 6_300 * 8 for loss in told)
        if not mixer.counts.restarts:
            assert [(loss.end, loss.reason) for loss in told] == [(6_000 * 8, "late-audio")]
            assert mixer.counts.overlap_samples == 0


def test_a_clock_that_steps_back_for_the_last_words_is_told_at_the_end():
    mixer = Mixer()
    for timestamp in (*range(0, 1_000, 20), *range(700, 900, 20)):
        mixer.feed(IN, timestamp, frame(b"a"))
    heard(mixer)
    assert mixer.collect_losses() == [Loss(700 * 8, 900 * 8, IN, "late-audio")]
    assert (mixer.counts.late_samples, mixer.counts.overlap_samples) == (1600, 0)


def test_a_frame_alone_that_goes_back_to_where_audio_was_is_told():
    mixer = Mixer()
    for timestamp in (*range(0, 1_000, 20), 500, *range(1_020, 1_200, 20)):
        mixer.feed(IN, timestamp, frame(b"a"))
    heard(mixer)
    assert mixer.collect_losses() == [Loss(500 * 8, 520 * 8, IN, "late-audio")]


@pytest.mark.parametrize(
    "timestamps",
    [
        (0, 20, 40, 40, 60, 60, 80),  # each sent twice
        (0, 20, 40, 60, 20, 40, 60, 80, 100),  # three of them once more
        (0, 20, 40, 60, 80, 60, 40, 20, 100),
        (0, 5, 40, 45, 80, 85, 120),  # to and fro
        (0, 20, 32, 60, 72, 100, 112),
    ],
)
def test_what_strays_or_is_sent_twice_leaves_nothing_out_that_is_told(timestamps):
    mixer = Mixer()
    for timestamp in timestamps:
        mixer.feed(IN, timestamp, frame(b"a"))
    heard(mixer)
    assert mixer.collect_losses() == []


@pytest.mark.parametrize("again", [5, 140, 3_000])
@pytest.mark.parametrize("first", [155, 900])
def test_what_comes_once_timestamps_began_anew_is_not_late_where_the_call_was_silent(first, again):
    mixer = Mixer(wait=0.2)
    spans = [*range(first, first + 3_000, 20), *range(first + 4_000, first + 7_000, 20)]
    losses = []
    for step, timestamp in enumerate([*spans, *range(again, again + 3_000, 20)]):
        mixer.feed(IN, timestamp, frame(b"a"))
        while mixer.pop(step * 0.02):
            pass
        losses += mixer.collect_losses()
    assert mixer.counts.restarts == 1
    assert mixer.counts.late_samples == 0
    [lost] = losses
    assert (lost.reason, lost.start, lost.end - lost.start) == (
        "media-lost",
        (first + 7_000) * 8,
        260 * 8,
    )


def test_a_frame_that_goes_back_alone_is_late_once_its_track_goes_on():
    mixer = Mixer()
    for timestamp in (1_000, 1_020):
        mixer.feed(IN, timestamp, frame(b"a"))
    while mixer.pop(0.0) or mixer.pop(0.3):
        pass
    mixer.feed(IN, 200, frame(b"b"))
    assert mixer.collect_losses() == []
    mixer.feed(IN, 1_040, frame(b"c"))
    assert mixer.collect_losses() == [Loss(1600, 1760, IN, "late-audio")]
    assert mixer.counts.late_samples == 160


def test_a_frame_that_goes_back_at_the_end_is_late():
    mixer = Mixer()
    for timestamp in (1_000, 1_020):
        mixer.feed(IN, timestamp, frame(b"a"))
    while mixer.pop(0.0) or mixer.pop(0.3):
        pass
    mixer.feed(IN, 200, frame(b"b"))
    assert mixer.drain() is None
    assert mixer.collect_losses() == [Loss(1600, 1760, IN, "late-audio")]


@pytest.mark.parametrize("ahead", [500, 2_000, 9_900])
def test_a_track_that_steps_ahead_alone_silences_the_other_for_a_second_or_two(ahead):
    mixer = Mixer(wait=0.2)
    for step in range(1000):
        mixer.feed(IN, FRAME_MS * step + (ahead if step >= 100 else 0), frame(b"a"))
        mixer.feed(OUT, FRAME_MS * step, frame(b"b"))
        while mixer.pop(step * 0.02):
            pass
    told = sum(d.end - d.start for d in mixer.collect_losses() if d.track is OUT)
    assert mixer.counts.restarts == 1
    assert mixer.counts.late_samples <= 2 * 8000
    assert told == pytest.approx(mixer.counts.late_samples, abs=800)


def test_a_track_that_always_comes_late_is_heard_all_the_same():
    mixer = Mixer(wait=0.2)
    popped = 0
    for step in range(500):
        mixer.feed(IN, FRAME_MS * step, frame(b"a"))
        if step >= 30:
            mixer.feed(OUT, FRAME_MS * (step - 30), frame(b"b"))  # 600 ms behind the other
        while chunk := mixer.pop(step * 0.02):
            popped += tracks(chunk.audio)[1].count(b"b")
    popped += heard(mixer)[1].count(b"b")
    assert popped >= (470 - 60) * 160
    assert popped + mixer.counts.late_samples == 470 * 160


def test_a_leap_that_one_track_shows_first_does_not_silence_the_other_for_good():
    mixer = Mixer(wait=0.2)
    for step in range(0, 1000, 2):
        leap = 12_000 if step >= 100 else 0
        for track in (IN, OUT):  # two frames of each in a row
            for number in (step, step + 1):
                ahead = leap if track is IN else 0
                mixer.feed(track, FRAME_MS * number + ahead, frame(b"a"))
        while mixer.pop(step * 0.02):
            pass
    assert mixer.counts.late_samples <= 2 * 8000


def test_a_frame_of_an_hour_ago_is_dropped_and_told():
    mixer = Mixer()
    mixer.feed(IN, 0, frame(b"a"))
    mixer.feed(IN, 3_600_000, frame(b"b"))
    mixer.feed(IN, 3_600_020, frame(b"c"))
    mixer.feed(IN, 1_000, frame(b"d"))
    mixer.feed(IN, 3_600_040, frame(b"e"))
    assert tracks(mixer.drain().audio)[0] == frame(b"a")
    assert tracks(mixer.drain().audio)[0][2000:] == frame(b"b") + frame(b"c") + frame(b"e")
    assert mixer.collect_losses() == [Loss(8000, 8160, IN, "late-audio")]
    assert mixer.counts.restarts == 0


def test_the_head_of_the_other_side_is_heard_behind_a_silence_that_was_skipped():
    mixer = Mixer()
    mixer.feed(IN, 0, frame(b"a"))
    mixer.feed(OUT, 0, frame(b"b"))
    mixer.pop(0.0)
    for step in range(10):
        mixer.feed(IN, 15_000 + FRAME_MS * step, frame(b"c"))
        mixer.feed(OUT, 14_850 + FRAME_MS * step, frame(b"d"))
    inbound, outbound = heard(mixer)
    assert inbound.count(b"c") == outbound.count(b"d") == 1600
    assert mixer.collect_losses() == []


def test_far_leaps_are_skipped_though_nobody_pops_between_them():
    mixer = Mixer()
    for timestamp in (0, 15_000, 30_000):
        for track in (IN, OUT):
            mixer.feed(track, timestamp, frame(b"a"))
            mixer.feed(track, timestamp + 20, frame(b"a"))
    inbound, _ = heard(mixer)
    assert inbound.count(b"a") == 6 * 160
    assert len(inbound) < 8000


def test_what_is_beyond_the_bound_is_told_whole():
    mixer = Mixer()
    for step in range(3500):  # 70 s, and nobody pops
        mixer.feed(IN, FRAME_MS * step, frame(b"a"))
    [dropped] = mixer.collect_losses()
    assert (dropped.start, dropped.end) == (
        mixer.counts.refused_frames * -160 + 70 * 8000,
        70 * 8000,
    )
    assert dropped.reason == "media-lost"


def test_timestamps_that_fit_nowhere_are_told_for_as_long_as_they_come():
    mixer = Mixer()
    for step in range(50):
        mixer.feed(OUT, (step + 1) * 1_000_000, frame(b"b"))
    mixer.drain()
    [dropped] = mixer.collect_losses()
    assert (dropped.start, dropped.end) == (0, 50 * 160)


def test_a_frame_that_is_sent_twice_is_heard_once_wherever_it_strays():
    mixer = Mixer()
    for timestamp in (0, 22, 22, 40, 60):
        mixer.feed(IN, timestamp, frame(b"a"))
    for timestamp in (0, 7, 7, 14):
        mixer.feed(OUT, timestamp, frame(b"b", 7))
    inbound, outbound = heard(mixer)
    assert inbound == frame(b"a", 80)
    assert outbound == frame(b"b", 21) + frame(b"\xff", 59)
    assert mixer.counts.overlap_samples == 160 + 56


def test_all_that_is_ready_comes_at_once_as_it_would_bit_by_bit():
    at_once, bit_by_bit = Mixer(), Mixer()
    for mixer in (at_once, bit_by_bit):
        for step in range(200):
            for track in (IN, OUT):
                mixer.feed(track, 20 * step, frame(b"a"))
        mixer.feed(IN, 4000, frame(b"b"))
    chunks = at_once.pop_all(1.0)
    assert [len(chunk.audio) for chunk in chunks] == [16_000] * 4
    assert chunks == list(iter(lambda: bit_by_bit.pop(1.0), None))
    assert at_once.pop_all(1.0) == []
    assert at_once.pop_all(7.0) == [bit_by_bit.pop(7.0)] != [None]


def test_a_frame_that_strays_far_for_its_length_and_is_sent_twice_is_heard_once():
    mixer = Mixer()
    for timestamp, byte in ((0, b"a"), (24, b"b"), (24, b"b"), (30, b"c")):
        mixer.feed(IN, timestamp, frame(byte, 15))
    assert tracks(mixer.drain().audio)[0] == frame(b"a", 15) + frame(b"b", 15) + frame(b"c", 15)
    assert mixer.counts.overlap_samples == 120


def test_a_short_frame_that_is_lost_is_filled():
    mixer = Mixer()
    for timestamp in (0, 7, 21, 28):
        mixer.feed(IN, timestamp, frame(b"a", 7))
    assert heard(mixer)[0] == frame(b"a", 14) + frame(b"\xff", 7) + frame(b"a", 14)


def test_a_track_that_sends_is_no_path_that_stands_still():
    mixer = Mixer(wait=0.2)
    mixer.feed(IN, 0, frame(b"a", 2000))
    mixer.feed(OUT, 0, frame(b"b", 1000))
    assert mixer.pop(0.0).end == 8000
    for step in range(1, 20):  # frames come, though none of them is further than the first
        mixer.feed(IN, 20 * step, frame(b"a"))
        if chunk := mixer.pop(0.02 * step):
            break
    assert chunk.end == 16_000
    assert step <= 11


@pytest.mark.parametrize("every", [1, 3, 5, 12])
def test_the_wait_is_as_long_however_seldom_it_is_popped(every):
    mixer = Mixer(wait=0.2)
    mixer.feed(OUT, 0, frame(b"b", 100))
    worst, popped = 0, 0
    for step in range(500):
        mixer.feed(IN, FRAME_MS * step, frame(b"a"))
        if step % every:
            continue
        worst = max(worst, FRAME_MS * (step + 1) - popped // 8)
        while chunk := mixer.pop(step * 0.02):
            popped = chunk.end
    # The wait counts from the pop that first saw the audio, and ends with a pop. Of an interval no
    # more than half the wait counts until it is known that the other track has stopped.
    interval = every * FRAME_MS
    assert worst <= interval + math.ceil(200 / min(interval, 100)) * interval + FRAME_MS


def test_the_last_frame_is_heard_though_none_bears_out_its_leap():
    mixer = Mixer()
    mixer.feed(IN, 0, frame(b"a"))
    mixer.feed(IN, 1_500, frame(b"z"))
    heard = b""
    while chunk := mixer.drain():
        heard += chunk.audio
    assert tracks(heard)[0] == frame(b"a") + frame(b"\xff", 1_480) + frame(b"z")


def test_a_burst_is_popped_in_pieces_of_a_second_at_most():
    mixer = Mixer()
    for step in range(160):
        mixer.feed(IN, FRAME_MS * step, frame(b"a"))
        mixer.feed(OUT, FRAME_MS * step, frame(b"b"))
    spans = []
    while chunk := mixer.pop(0.0):
        spans.append((chunk.start, chunk.end))
    assert spans == [(0, 8000), (8000, 16000), (16000, 24000), (24000, 25600)]


def test_what_is_held_is_bounded_though_nobody_pops():
    mixer = Mixer()
    for step in range(1000):  # a quarter of an hour
        mixer.feed(IN, 900 * step, frame(b"a"))
        mixer.feed(IN, 900 * step + 20, frame(b"a"))
    assert mixer.counts.refused_frames > 0
    assert len(heard(mixer)[0]) <= 3 * MAX_PENDING


@pytest.mark.parametrize("rate", [0.9986, 1.0014, 0.996, 1.004])  # 1438 ms for 1440 was seen
def test_a_clock_that_drifts_is_followed_without_splinters(rate):
    mixer = Mixer()
    source = random.Random(1)
    voice = bytes(source.randrange(0, 0x7F) for _ in range(160))
    heard = b""
    for step in range(2000):  # 40 s
        timestamp = round(FRAME_MS * step * rate) + source.randint(-2, 2)
        mixer.feed(IN, max(0, timestamp), voice)
        mixer.feed(OUT, FRAME_MS * step, voice)
        while chunk := mixer.pop(step * 0.02):
            heard += chunk.audio
    while chunk := mixer.drain():
        heard += chunk.audio
    inbound = tracks(heard)[0].rstrip(b"\xff")
    # No silence was put into the voice and nothing was cut out of it, but a sample at a time.
    assert b"\xff" not in inbound[160:]
    pieces = inbound.split(voice[:2])[1:]
    assert {len(piece) + 2 for piece in pieces} <= {159, 160, 161, 162, 163}
    assert len(inbound) == pytest.approx(2000 * 160 * rate, abs=TOLERANCE)
    assert mixer.collect_losses() == []


def test_a_burst_for_a_time_that_was_skipped_is_late():
    mixer = Mixer()
    mixer.feed(IN, 0, frame(b"a"))
    mixer.feed(OUT, 0, frame(b"b"))
    mixer.pop(0.0)
    mixer.feed(IN, 15_000, frame(b"c"))
    mixer.feed(IN, 15_020, frame(b"c"))
    mixer.feed(OUT, 20, frame(b"d"))
    assert mixer.collect_losses() == [Loss(160, 320, OUT, "late-audio")]


def test_a_whole_minute_of_late_audio_is_told():
    mixer = Mixer(wait=0.2)
    mixer.feed(OUT, 0, frame(b"b"))
    for step in range(3000):
        mixer.feed(IN, FRAME_MS * step, frame(b"a"))
        mixer.pop(step * 0.02)
    for step in range(1, 3000):
        mixer.feed(OUT, FRAME_MS * step, frame(b"b"))
    (late,) = mixer.collect_losses()
    assert (late.track, late.start, late.reason) == (OUT, 160, "late-audio")
    assert late.end > 59 * 8000


def test_a_frame_that_is_late_in_part_keeps_its_rest_in_place():
    mixer = Mixer(wait=0.1)
    for step in range(10):
        mixer.feed(IN, FRAME_MS * step, frame(b"a"))
    mixer.pop(0.0)
    assert mixer.pop(0.11).end == 1600
    for timestamp in (155, 175, 195, 215):
        mixer.feed(OUT, timestamp, frame(b"b"))
    chunk = mixer.drain()
    assert chunk.start == 1600
    assert tracks(chunk.audio)[1] == frame(b"b", 35)
    assert mixer.collect_losses() == [Loss(155 * 8, 1600, OUT, "late-audio")]


def test_a_track_that_goes_on_by_another_clock_is_placed_by_it_and_what_never_came_is_told():
    mixer = Mixer()
    for step in range(10):
        mixer.feed(IN, FRAME_MS * step, frame(b"a"))
    for step in range(100):
        mixer.feed(OUT, FRAME_MS * step, frame(b"b"))
    mixer.feed(IN, 50, frame(b"x"))  # in doubt: it went back, or began anew
    mixer.begin_anew(IN, 2_000 * 8, "paused")
    for step in range(10):
        mixer.feed(IN, FRAME_MS * step, frame(b"c"))
        mixer.feed(OUT, 2_000 + FRAME_MS * step, frame(b"b"))
    inbound, outbound = heard(mixer)
    assert inbound == frame(b"a", 200) + frame(b"\xff", 1_800) + frame(b"c", 200)
    assert outbound == frame(b"b", 2_200)
    assert mixer.collect_losses() == [Loss(1600, 16_000, IN, "paused")]
    assert mixer.counts.restarts == 0


def test_the_clock_of_a_track_that_began_anew_does_not_outlive_its_websocket():
    mixer = Mixer()
    for timestamp in (*range(0, 2_000, 20), *range(0, 1_000, 20)):
        mixer.feed(IN, timestamp, frame(b"a"))
    assert mixer.counts.restarts == 1
    heard(mixer)
    mixer.collect_losses()
    mixer.begin_anew(IN, 3_000 * 8, "media-lost")
    mixer.feed(IN, 0, frame(b"c"))
    mixer.feed(IN, 20, frame(b"c"))
    assert heard(mixer)[0].endswith(frame(b"c", 40))
    assert mixer.counts.restarts == 1


@pytest.mark.parametrize("reason", ["media-lost", None])
def test_a_track_that_goes_on_before_its_audio_has_ended_follows_it(reason):
    mixer = Mixer()
    for step in range(10):
        mixer.feed(IN, FRAME_MS * step, frame(b"a"))
    mixer.begin_anew(IN, 100 * 8, reason)
    mixer.feed(IN, 0, frame(b"c"))
    assert heard(mixer)[0] == frame(b"a", 200) + frame(b"c")
    assert mixer.collect_losses() == []


def test_a_track_that_begins_lacks_nothing_before():
    mixer = Mixer()
    mixer.begin_anew(IN, 100 * 8, None)
    mixer.feed(IN, 0, frame(b"c"))
    assert heard(mixer)[0] == frame(b"\xff", 100) + frame(b"c")
    assert mixer.collect_losses() == []


def test_what_a_track_lacks_at_the_end_is_told_if_it_never_came():
    mixer = Mixer()
    for step in range(10):
        mixer.feed(OUT, FRAME_MS * step, frame(b"b"))
    mixer.feed(IN, 0, frame(b"a"))
    mixer.miss(OUT)
    mixer.miss(IN)
    assert mixer.collect_losses() == [Loss(160, 1600, IN, "media-lost")]
