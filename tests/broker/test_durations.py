"""broker/durations.py: times as people write them."""

import re

import pytest

from broker import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1.5", 1.5), ("30m", 1800), ("12h", 43_200), ("7d", 604_800)],
)
def test_a_number_is_seconds_unless_a_unit_says_otherwise(text, seconds):
    assert durations.read(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-1", "1w", "1e3", "1 h", "1234567890", "inf"])
def test_what_is_no_time_is_refused_in_words(text):
    with pytest.raises(ValueError, match="is not a time such as 90, 90s, 30m, 12h or 7d"):
        durations.read(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (0.5, "0.5 seconds"),
        (1, "1 second"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (3600, "1 hour"),
        (259_200, "3 days"),
        (366 * 86_400, "366 days"),
    ],
)
def test_a_time_is_said_in_a_unit_that_people_read(seconds, words):
    assert durations.shown(seconds) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3", "'3' (3 seconds) is not between 1 minute and 366 days"),
        ("3s", "'3s' is not between 1 minute and 366 days"),
        ("367d", "'367d' is not between 1 minute and 366 days"),
        ("3x", "is not a time such as"),
    ],
)
def test_a_time_beyond_its_bounds_is_refused_in_units_that_people_read(text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        durations.read_between(text, 60, 366 * 86_400)
    assert durations.read_between("1m", 60, 61) == 60
