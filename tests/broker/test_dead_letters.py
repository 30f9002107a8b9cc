"""broker/dead_letters.py: one letter tells of all that was given up of a call, of nothing twice."""

import pytest
from support.sids import call_sid

from broker.dead_letters import GivenUp, joined

BEGUN = 1_000


def letter(first: int, last: int, records: int, at: int = BEGUN + 9) -> GivenUp:
    return GivenUp(call_sid(1), first, last, records, "refused", "HTTP 422", at)


@pytest.mark.parametrize(
    ("before", "new", "both"),
    [
        (None, letter(2, 3, 2), letter(2, 3, 2)),
        (letter(2, 3, 2), letter(7, 7, 1), letter(2, 7, 3)),
        # As after a kill, since which more may have expired.
        (letter(2, 3, 2), letter(2, 3, 2), None),
        (letter(2, 5, 3), letter(3, 3, 1), None),
        (letter(2, 3, 2), letter(2, 5, 4), letter(2, 5, 4)),
        # It was sent again, and is given up again.
        (letter(2, 9, 4, BEGUN - 1), letter(2, 2, 1), letter(2, 2, 1)),
        (letter(2, 9, 4, BEGUN - 1), letter(2, 12, 11), letter(2, 12, 11)),
        # A call that waited, and was not sent again.
        (letter(2, 3, 2, BEGUN - 1), letter(4, 4, 1), letter(2, 4, 3)),
    ],
)
def test_one_letter_tells_of_all_that_was_given_up_and_of_nothing_twice(before, new, both):
    assert joined(before, new, BEGUN) == both
