"""handler/audio/lateness.py: how far what is heard lags behind what is said."""

import pytest

from handler.audio.lateness import FORGOTTEN, Lateness
from handler.audio.mulaw import SAMPLE_RATE

PIECE = SAMPLE_RATE // 10


def heard(seconds, begins=100.0):
    """Take so much audio, which comes in time."""
    lateness = Lateness()
    for number in range(1, round(seconds * 10) + 1):
        lateness.note(number * PIECE, begins + number / 10)
    return lateness


def test_what_comes_in_time_is_not_late():
    assert heard(10).at(110.0) == 0


def test_of_what_never_came_nothing_is_said():
    assert Lateness().at(1e6) == 0


def test_where_a_path_stands_still_what_was_heard_last_is_as_late_as_that_lasts():
    lateness = heard(10)
    assert lateness.at(113.5) == 3.5 * SAMPLE_RATE
    lateness.note(10 * SAMPLE_RATE + PIECE, 113.6)  # what was held back comes now
    assert abs(lateness.at(113.6) - 3.5 * SAMPLE_RATE) < PIECE
    lateness.note(13.6 * SAMPLE_RATE, 113.6)
    assert lateness.at(113.6) < PIECE


def test_a_beginning_that_was_late_is_seen_by_what_comes_sooner():
    lateness = Lateness()
    lateness.note(PIECE, 103.1)  # of 100.1
    assert lateness.at(103.1) == 0
    lateness.note(5 * SAMPLE_RATE, 105.0)
    assert lateness.at(107.0) == 2 * SAMPLE_RATE


def test_a_lag_outlasts_minutes():
    lateness = heard(10)
    for second in range(11, 300):
        lateness.note(second * SAMPLE_RATE, 104.0 + second)
    forgotten = 299 * FORGOTTEN
    assert lateness.at(403.0) == pytest.approx((4 - forgotten) * SAMPLE_RATE, rel=0.01)


def test_a_clock_that_runs_behind_ours_is_no_lag():
    lateness = Lateness()
    for second in range(3600):
        lateness.note(second * SAMPLE_RATE, second * (1 + 0.9 * FORGOTTEN))
    assert lateness.at(3599 * (1 + 0.9 * FORGOTTEN)) < PIECE
