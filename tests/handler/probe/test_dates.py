"""handler/probe/dates.py: what another machine's clock said."""

import pytest

from handler.probe.dates import Reading, read


def test_a_date_is_read():
    assert read("Fri, 27 Nov 2026 22:13:20 GMT", 1.0, 2.0) == Reading(1795817600.0, 1.0, 2.0)


@pytest.mark.parametrize("date", [None, "", "tomorrow", "Fri, 27 Nov 99999 22:13:20 GMT"])
def test_what_is_none_is_left_out(date):
    assert read(date, 1.0, 2.0) is None
