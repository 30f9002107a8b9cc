"""handler/server/allowance.py: how much a peer may say."""

from handler.server.allowance import Allowance


def test_so_many_at_once_then_so_many_a_second():
    allowance = Allowance(3, 2.0, 10.0)
    assert [allowance.spend(10.0) for _ in range(4)] == [True, True, True, False]
    allowance = Allowance(3, 2.0, 10.0)
    for _ in range(3):
        allowance.spend(10.0)
    assert [allowance.spend(now) for now in (10.5, 11.0, 11.25)] == [True, True, False]


def test_several_that_come_together_count_each():
    allowance = Allowance(3, 2.0, 10.0)
    assert [allowance.spend(10.0, count) for count in (2, 1, 1)] == [True, True, False]


def test_what_is_spent_beyond_it_is_earned_in_time():
    allowance = Allowance(3, 2.0, 10.0)
    assert [(allowance.spend(10.0, 2), allowance.debt) for _ in range(3)] == [
        (True, 0.0),
        (False, 0.5),
        (False, 1.5),
    ]
    allowance.spend(12.0, 0)
    assert allowance.debt == 0.0


def test_silence_earns_no_more_than_the_burst():
    allowance = Allowance(2, 1.0, 0.0)
    assert [allowance.spend(1000.0) for _ in range(3)] == [True, True, False]
