"""What becomes of callbacks on their way."""

from rehearsal.twilio.delivery import REPEAT_SECONDS, SWAP_SECONDS, Delivery


def times(delivery: Delivery, count: int = 4) -> list[tuple[float, ...]]:
    return [delivery.times(number) for number in range(count)]


def test_callbacks_come_at_once_and_in_order():
    assert times(Delivery()) == [(0.0,)] * 4
    assert Delivery().in_order


def test_callbacks_come_late():
    assert times(Delivery(delay=3.0)) == [(3.0,)] * 4
    assert not Delivery(delay=3.0).in_order


def test_every_other_one_comes_after_the_next():
    late = (SWAP_SECONDS,)
    assert times(Delivery(out_of_order=True)) == [late, (0.0,), late, (0.0,)]
    assert not Delivery(out_of_order=True).in_order


def test_some_are_lost_and_some_repeated_the_same_ones_each_time():
    assert times(Delivery(lost=1.0)) == [()] * 4
    assert times(Delivery(repeated=1.0)) == [(0.0, REPEAT_SECONDS)] * 4
    some = times(Delivery(lost=0.3, repeated=0.3, seed=1), 200)
    assert times(Delivery(lost=0.3, repeated=0.3, seed=1), 200) == some
    assert {len(one) for one in some} == {0, 1, 2}
