"""What a webhook's URL says of how it is asked."""

import pytest

from rehearsal.twilio.overrides import Failure, Overrides, read_overrides


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("", Overrides()),
        ("#rc=3&rp=all", Overrides(retries=3, retry_on=frozenset(Failure))),
        ("#ct=100&rt=15000", Overrides(connect_ms=100, read_ms=15_000)),
        ("#rp=5xx,rt", Overrides(retry_on=frozenset({Failure.BROKEN, Failure.READ}))),
        ("#rc=0", Overrides(retries=0)),
        ("#rc=6&ct=99&rt=15001&rp=6xx", Overrides()),
        ("#rc=-1&ct=1e3&rt=&rp=", Overrides()),
        ("#rc=000000003", Overrides()),
        ("#section", Overrides()),
    ],
)
def test_overrides_within_their_bounds_hold(fragment, expected):
    assert read_overrides(f"https://h.example/voice{fragment}") == expected
