"""clients/python/partyline_client/backoff.py: how long a client waits."""

from partyline_client.backoff import Backoff


def test_waits_double_up_to_the_longest():
    backoff = Backoff(first=0.5, longest=15)
    assert [backoff.seconds(failures, 0) for failures in range(1, 8)] == [0.5, 1, 2, 4, 8, 15, 15]


def test_a_wait_is_shortened_by_half_at_most():
    assert [Backoff(first=2).seconds(1, chance) for chance in (0, 0.5, 1)] == [2, 1.5, 1]


def test_however_often_it_fails_the_wait_can_be_told():
    assert Backoff(longest=15).seconds(100_000, 0) == 15
