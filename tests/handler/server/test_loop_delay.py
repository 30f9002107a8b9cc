"""handler/server/loop_delay.py: a loop that is late is told as those feel it who wait for it."""

import time

import pytest
from support.timing import until

from handler.server.loop_delay import INTERVAL_SECONDS, MAX_TIMES, LoopDelay, delays


@pytest.mark.parametrize(
    ("late", "told"),
    [
        (0.0, [0.0]),
        (-0.001, [0.0]),  # a clock that rounds
        (0.04, [0.04]),
        (0.25, [0.25, 0.15, 0.05]),
    ],
)
def test_a_late_look_stands_for_those_that_could_not_be_made(late, told):
    assert delays(late, interval=0.1) == pytest.approx(told)


def test_of_a_machine_that_slept_for_an_hour_little_is_told():
    assert len(delays(3600.0)) == MAX_TIMES


async def test_a_loop_that_stood_still_is_told_and_so_are_its_other_turns():
    told: list[float] = []
    with LoopDelay(told.append):
        await until(lambda: told)
        before = len(told)
        time.sleep(2.5 * INTERVAL_SECONDS)  # noqa: ASYNC251  a defect of ours
        await until(lambda: len(told) > before)
        assert max(told[before:]) >= INTERVAL_SECONDS
        assert len(told) - before >= 2
        halted = len(told)
        await until(lambda: len(told) > halted)
    ended = len(told)
    time.sleep(2 * INTERVAL_SECONDS)  # noqa: ASYNC251  what was due meanwhile would be told now
    await until(lambda: True)
    assert len(told) == ended
