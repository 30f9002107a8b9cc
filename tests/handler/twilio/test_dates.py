"""handler/twilio/dates.py: times as Twilio writes them."""

from email.utils import formatdate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handler.twilio.dates import MAX_DATE, read_date

NOON = 1_796_040_000


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 30 Nov 2026 12:00:00 +0000",
        "Mon, 30 Nov 2026 12:00:00 GMT",
        "Mon, 30 Nov 2026 12:00:00",
        "30 Nov 2026 12:00:00 -0000",
        "Mon, 30 Nov 2026 04:00:00 -0800",
    ],
)
def test_a_time_is_read_whatever_its_zone(text):
    assert read_date(text) == NOON * 1000


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "soon",
        "2026-11-30T12:00:00.000Z",  # as the callbacks of a stream write it
        "Mon, 30 Nov 2026",
        "Mon, 30 Nov 99999 12:00:00 +0000",
        "Mon, 30 Nov 2026 12:00:00 +0000" + " " * MAX_DATE,
    ],
)
def test_what_is_no_time_says_none(text):
    assert read_date(text) is None


@given(st.integers(0, 4_000_000_000))
def test_what_is_written_is_read(at):
    assert read_date(formatdate(at)) == at * 1000


@given(st.text(max_size=MAX_DATE) | st.from_regex(r"\A[\dA-Za-z:+, -]{0,40}\Z"))
@example("1 Jan 0100 00:00:00 -9999")
def test_of_any_text_comes_a_time_or_none(text):
    at = read_date(text)
    if at is not None:
        assert read_date(formatdate(at / 1000)) == at
