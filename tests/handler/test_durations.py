"""handler/durations.py: times as people write them."""

import pytest

from handler import durations


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
