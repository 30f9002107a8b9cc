"""broker/lost_sides.py: from where each side of a call is lost with its owner."""

import pytest

from broker.lost_sides import lost_from


@pytest.mark.parametrize(
    ("inbound", "outbound", "lost"),
    [
        (10.0, 10.0, {None: 10.0}),
        (10.0, 9.5, {None: 9.5}),  # together, from where the earlier one ends
        (10.0, 9.0, {None: 9.0}),
        (10.0, 8.0, {"inbound": 10.0, "outbound": 8.0}),
        (5.0, 10.0, {"inbound": 5.0, "outbound": 10.0}),
        (10.0, 4.5, {None: 10.0}),  # it was silent
        (10.0, 0.0, {None: 10.0}),  # nothing is known of it
        (0.0, 0.0, {None: 0.0}),
    ],
)
def test_what_is_lost_begins_where_each_side_ends(inbound, outbound, lost):
    ends = {"inbound": inbound, "outbound": outbound}
    assert lost_from(max(ends.values()), ends, 1.0) == lost


def test_positions_may_be_of_any_unit():
    assert lost_from(16_000, {"a": 16_000, "b": 4000}, 8000) == {"a": 16_000, "b": 4000}


def test_a_call_may_be_known_further_than_its_sides():
    assert lost_from(12.0, {"a": 10.0, "b": 9.0}, 1.0) == {"a": 10.0, "b": 9.0}
