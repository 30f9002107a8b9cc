"""handler/audio/timeline.py: which sample of a track lies where."""

from itertools import pairwise

import pytest

from handler.audio.counts import AudioCounts
from handler.audio.loss import Loss
from handler.audio.mulaw import Track
from handler.audio.timeline import DRIFT_FRAMES, MAX_DRIFT, MAX_FILLED_SPANS, TOLERANCE, Timeline

SILENT = b"\xff"


@pytest.fixture
def counts() -> AudioCounts:
    return AudioCounts()


@pytest.fixture
def timeline(counts) -> Timeline:
    return Timeline(Track.INBOUND, counts)


def test_a_frame_lies_where_its_timestamp_says(timeline, counts):
    assert timeline.place(800, b"a" * 160) == 960
    assert timeline.pop(960) == SILENT * 800 + b"a" * 160
    assert (timeline.position, timeline.end) == (960, 960)
    assert counts == AudioCounts(filled_samples=800)


@pytest.mark.parametrize("stray", [-TOLERANCE + 1, -1, 0, 1, TOLERANCE - 1])
def test_what_begins_near_the_end_continues_it(timeline, stray):
    timeline.place(0, b"a" * 160)
    assert timeline.place(160 + stray, b"b" * 160) == 320
    assert timeline.pop(320) == b"a" * 160 + b"b" * 160


@pytest.mark.parametrize("stray", [-TOLERANCE + 1, -1, 0, 1, TOLERANCE - 1])
def test_a_frame_that_follows_is_joined_on_as_if_it_were_placed(timeline, counts, stray):
    placed = Timeline(Track.INBOUND, counts)
    for one in (timeline, placed):
        one.place(0, b"a" * 160)
    ends = [timeline.follow(at + stray, b"b" * 160) for at in (160, 320)]
    assert ends == [placed.place(at + stray, b"b" * 160) for at in (160, 320)]
    assert (timeline.audio_end, timeline.pop(480)) == (placed.audio_end, placed.pop(480))


@pytest.mark.parametrize(
    ("start", "payload"),
    [
        (0, b"b" * 160),
        (160 - TOLERANCE, b"b" * 160),
        (160 + TOLERANCE, b"b" * 160),
        (480, b"b" * 160),
        (160, b"b" * 99),
    ],
    ids=["the same again", "too early", "too late", "behind a hole", "too short"],
)
def test_of_any_other_frame_nothing_is_taken_before_it_is_judged(timeline, start, payload):
    timeline.place(0, b"a" * 160)
    assert timeline.follow(start, payload) is None
    assert (timeline.end, timeline.audio_end) == (160, 160)


def test_nothing_follows_silence_of_our_own_or_a_clock_that_drifts(timeline):
    timeline.place(0, b"a" * 160)
    timeline.pop(320)
    assert timeline.follow(160, b"b" * 160) is None
    other = Timeline(Track.INBOUND, AudioCounts())
    other.place(0, b"a" * 160)
    at = 160
    while other.follow(at + TOLERANCE - 1, b"b" * 160) is not None:
        at += 160
    assert other.place(at + TOLERANCE - 1, b"b" * 160) == at + 161  # a sample more


def test_the_tolerance_is_less_than_a_short_frame(timeline):
    timeline.place(0, b"a" * 160)
    assert timeline.place(160 + 32, b"b" * 40) == 232
    assert timeline.pop(232) == b"a" * 160 + SILENT * 32 + b"b" * 40


def test_up_to_the_first_hole_a_track_is_whole(timeline):
    timeline.place(0, b"a" * 160)
    assert (timeline.whole_until, timeline.ends_in_audio) == (160, True)
    timeline.place(320, b"c" * 160)
    assert (timeline.whole_until, timeline.end) == (160, 480)
    timeline.place(160, b"b" * 160)
    assert timeline.whole_until == 480


def test_a_hole_is_filled_by_a_late_comer_piece_by_piece(timeline, counts):
    timeline.place(0, b"a" * 160)
    timeline.place(640, b"e" * 160)
    assert counts.filled_samples == 480
    timeline.place(320, b"c" * 160)
    assert (counts.filled_samples, timeline.whole_until) == (320, 160)
    timeline.place(160, b"b" * 480)  # its middle is there already
    assert (counts.filled_samples, counts.overlap_samples) == (0, 160)
    assert timeline.pop(800) == b"a" * 160 + b"b" * 160 + b"c" * 160 + b"b" * 160 + b"e" * 160


def test_of_several_holes_only_the_one_that_is_meant_is_filled(timeline, counts):
    for start in (160, 480, 800):
        timeline.place(start, b"a" * 160)
    timeline.place(320, b"b" * 160)
    assert counts.filled_samples == 320
    hole = SILENT * 160
    assert timeline.pop(960) == hole + b"a" * 160 + b"b" * 160 + b"a" * 160 + hole + b"a" * 160


def test_a_hole_that_is_popped_in_part_stays_open_for_the_rest(timeline, counts):
    timeline.place(480, b"d" * 160)
    assert timeline.pop(160) == SILENT * 160
    assert timeline.whole_until == 160
    timeline.place(0, b"a" * 480)
    assert timeline.losses == [Loss(0, 160, Track.INBOUND, "late-audio")]
    assert counts.late_samples == 160
    assert timeline.pop(640) == b"a" * 320 + b"d" * 160


def test_what_is_popped_beyond_the_end_is_silence_and_ends_in_none(timeline, counts):
    timeline.place(0, b"a" * 160)
    assert timeline.pop(240) == b"a" * 160 + SILENT * 80
    assert (counts.filled_samples, timeline.ends_in_audio) == (80, False)


def test_overlap_keeps_what_came_first(timeline, counts):
    timeline.place(0, b"a" * 320)
    timeline.place(160, b"b" * 320)
    assert timeline.pop(480) == b"a" * 320 + b"b" * 160
    assert counts.overlap_samples == counts.unplaced_samples == 160


def test_a_frame_that_is_sent_twice_is_placed_once_wherever_it_continued(timeline, counts):
    timeline.place(0, b"a" * 160)
    timeline.place(170, b"b" * 160)
    assert timeline.place(170, b"b" * 160) == 320
    assert counts.overlap_samples == 160


def test_late_audio_is_told_and_neighbours_are_one_loss(timeline, counts):
    timeline.pop(480)
    for start in (0, 160, 320):
        timeline.place(start, b"a" * 160)
    assert timeline.losses == [Loss(0, 480, Track.INBOUND, "late-audio")]
    assert counts.late_samples == counts.unplaced_samples == 480
    assert timeline.pop(640) == SILENT * 160


def test_losses_of_other_reasons_and_places_stay_apart(timeline):
    timeline.drop(0, 160, "late-audio")
    timeline.drop(160, 320, "media-lost")
    timeline.drop(80, 240, "media-lost")
    timeline.drop(240, 400, "media-lost")
    timeline.drop(160, 200, "media-lost")
    assert [(loss.start, loss.end, loss.reason) for loss in timeline.losses] == [
        (0, 160, "late-audio"),
        (160, 320, "media-lost"),
        (80, 400, "media-lost"),
    ]


def test_what_comes_for_a_time_that_was_skipped_is_late(timeline):
    timeline.place(0, b"a" * 160)
    timeline.pop(160)
    timeline.skip(8000)
    assert timeline.place(4000, b"b" * 160) == 8000
    assert timeline.losses == [Loss(4000, 4160, Track.INBOUND, "late-audio")]
    timeline.place(8000, b"c" * 160)
    assert timeline.pop(8160) == b"c" * 160


@pytest.mark.parametrize(("step", "length"), [(161, 161), (159, 159)])
def test_a_clock_that_runs_apart_is_followed_a_sample_at_a_time(timeline, counts, step, length):
    timeline.place(0, b"a" * 160)
    ends = [timeline.place(step * number, b"a" * 160) for number in range(1, 40 * DRIFT_FRAMES)]
    lengths = {after - before for before, after in pairwise(ends)}
    assert lengths == {160, length}
    assert counts.slipped_samples > 0
    # What continues the track is never so far that it would be a hole or a cut.
    assert MAX_DRIFT < abs(ends[-1] - 160 - step * (40 * DRIFT_FRAMES - 1)) < TOLERANCE
    assert timeline.losses == []


def test_a_hole_begins_the_drift_anew(timeline, counts):
    for number in range(MAX_DRIFT // 2):
        timeline.place(161 * number, b"a" * 160)
    for number in range(1, MAX_DRIFT // 2):
        timeline.place(100_000 + 161 * number, b"a" * 160)
    assert counts.slipped_samples == 0


def test_a_frame_from_before_all_spans_that_are_remembered_is_an_overlap(timeline, counts):
    for number in range(MAX_FILLED_SPANS + 1):
        timeline.place(320 * number + 160, b"a" * 160)
        timeline.pop(320 * number + 320)
    timeline.place(0, b"z" * 160)
    timeline.place(320, b"z" * 160)
    assert (counts.overlap_samples, counts.late_samples) == (160, 160)
    assert timeline.losses == [Loss(320, 480, Track.INBOUND, "late-audio")]


def test_its_audio_ends_where_the_last_sample_from_twilio_does():
    line = Timeline(Track.INBOUND, AudioCounts())
    assert line.audio_end == 0
    line.place(800, b"a" * 160)
    line.pop(2000)
    assert (line.audio_end, line.end) == (960, 2000)
