"""broker/keeping.py: what a stream that is too small keeps, in figures."""

import math

import pytest

from broker.keeping import Keeping

HOUR, MB = 3600.0, 2**20
CONFIG = {"name": "T", "max_age": 72 * 3600 * 10**9, "max_bytes": 64 * MB}
STATE = {"messages": 5, "bytes": 3 * MB, "num_subjects": 3}


def test_it_is_read_from_what_a_server_says():
    keeping = Keeping.of(CONFIG, STATE, HOUR)
    assert keeping == Keeping("T", 3 * MB, 64 * MB, 72 * HOUR, HOUR, 3)


@pytest.mark.parametrize("limit", [None, 0, -1])
def test_what_has_no_limit_keeps_for_ever(limit):
    keeping = Keeping.of({"name": "T", "max_age": limit, "max_bytes": limit}, STATE, HOUR)
    assert (keeping.kept, keeping.short, keeping.full) == (math.inf, False, False)


def test_an_empty_stream_says_nothing_against_its_retention():
    keeping = Keeping.of(CONFIG, {"messages": 0}, 0.0)
    assert (keeping.rate, keeping.kept) == (0.0, 72 * HOUR)
    assert not keeping.short


def test_at_its_rate_a_stream_may_keep_less_than_it_should():
    keeping = Keeping("T", 3 * MB, 64 * MB, 72 * HOUR, HOUR)
    assert keeping.rate == 3 * MB / HOUR
    assert keeping.kept == pytest.approx(64 / 3 * HOUR)
    assert keeping.short
    assert not keeping.full
    assert keeping.words() == (
        "T holds 3 of 64 MB, of the last 1.0 h; at that rate (0.874 kB/s) a record is kept for "
        "21.3 h, and RETENTION is 3 days: that takes MAX_MEGABYTES 216 or more (`partyline "
        "provision --megabytes`), or a shorter RETENTION"
    )


def test_of_several_streams_each_says_what_all_must_hold():
    keeping = Keeping.of(CONFIG, STATE, HOUR, shards=4)
    assert "MAX_MEGABYTES 864 or more" in keeping.words()


def test_a_stream_that_is_large_enough_is_not_short():
    keeping = Keeping("T", 3 * MB, 217 * MB, 72 * HOUR, HOUR)
    assert (keeping.kept, keeping.short) == (72 * HOUR, False)


@pytest.mark.parametrize(
    ("retention", "oldest", "known"),
    [
        (72 * HOUR, 3599.0, False),
        (72 * HOUR, HOUR, True),
        (HOUR, 359.0, False),
        (HOUR, 360.0, True),
    ],
)
def test_a_young_stream_says_nothing_of_its_rate(retention, oldest, known):
    keeping = Keeping("T", 60 * MB, 64 * MB, retention, oldest)
    assert (keeping.rate > 0) is known


def test_a_full_stream_says_all_whatever_its_age():
    keeping = Keeping("T", 64 * MB - 100, 64 * MB, 72 * HOUR, 600.0)
    assert keeping.full
    assert keeping.kept == pytest.approx(600, abs=1)
    assert keeping.short


def test_a_stream_that_is_full_of_what_may_go_is_not_short():
    keeping = Keeping("T", 64 * MB - 100, 64 * MB, HOUR, HOUR)
    assert (keeping.full, keeping.short) == (True, False)
