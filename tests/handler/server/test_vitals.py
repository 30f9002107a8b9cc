"""handler/server/vitals.py: the counts of a process."""

from handler.server.vitals import Vitals


def test_a_process_begins_with_none():
    assert Vitals() == Vitals(loop_stalls=0, accept_pauses=0)
