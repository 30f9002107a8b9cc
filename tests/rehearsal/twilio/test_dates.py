"""Times as Twilio writes them."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import strategies as some
from support.properties import prove

from rehearsal.twilio.dates import iso8601, rfc2822


def test_times_are_written_in_two_ways():
    at = datetime(2015, 7, 30, 20, 0, 0, 250_000, tzinfo=UTC).timestamp()
    assert rfc2822(at) == "Thu, 30 Jul 2015 20:00:00 +0000"
    assert iso8601(at) == "2015-07-30T20:00:00.250Z"


@pytest.mark.proof
def test_both_say_the_same_time(rounds):
    def holds(at: int) -> None:
        moment = datetime.fromisoformat(iso8601(at / 1000))
        assert round(moment.timestamp() * 1000) in (at, at - 1)  # a float may fall just below
        assert parsedate_to_datetime(rfc2822(at / 1000)).timestamp() == at // 1000

    prove(rounds, some.integers(0, 4_000_000_000_000), holds)
