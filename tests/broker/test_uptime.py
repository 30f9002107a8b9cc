"""broker/uptime.py: a stopwatch that runs while things are as they should be."""

from broker.uptime import Uptime


def test_it_counts_the_time_between_start_and_stop_alone():
    uptime = Uptime()
    assert (uptime.running, uptime.seconds(5.0)) == (False, 0.0)
    uptime.start(10.0)
    uptime.start(11.0)  # it runs already
    assert (uptime.running, uptime.seconds(12.0)) == (True, 2.0)
    uptime.stop(13.0)
    uptime.stop(14.0)
    assert (uptime.running, uptime.seconds(20.0)) == (False, 3.0)
    uptime.start(20.0)
    assert uptime.seconds(21.5) == 4.5
