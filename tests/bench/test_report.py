"""The comparison says what is wrong, and its table what was measured."""

import pytest

from bench.comparison import Comparison, Spread, faults, in_time
from bench.measures import Bench
from bench.report import table
from bench.servers import OURS, TUTORIAL

GOOD = {
    "calls": 75,
    "on_time": True,
    "closed": True,
    "begun": 100.0,
    "ended": 104.0,
    "frames": 30_000,
    "sent_a_second": 7_500,
    "chunk_p99": 20.0,
    "frame_p50": 34.0,
    "frame_p99": 62.0,
    "us_a_frame": 80.0,
    "spins_a_frame": 0.5,
    "kb_a_call": 100.0,
    "share": 0.6,
    "sent": 48_000,
    **dict.fromkeys(
        ("lost", "misplaced", "foreign", "disordered", "damaged", "refused", "unended"), 0
    ),
}
DEAR = GOOD | {"us_a_frame": 160.0, "spins_a_frame": 1.0, "lost": 480, "misplaced": 12_000}
LATE_LOAD = GOOD | {"on_time": False}
BEHIND = GOOD | {"chunk_p99": 2_000.0}


def comparison() -> Comparison:
    return Comparison(Bench.__new__(Bench))  # it measures nothing here


@pytest.mark.parametrize("amiss", ["lost", "misplaced", "refused", "unended"])
def test_a_frame_that_went_astray_is_a_fault_of_a_server_that_kept_pace(amiss):
    assert faults(GOOD | {amiss: 1}) == [f"1 {amiss}"]
    assert faults(LATE_LOAD | {amiss: 1}) == []
    assert faults(BEHIND | {amiss: 1}) == []


@pytest.mark.parametrize("confused", ["foreign", "disordered", "damaged"])
@pytest.mark.parametrize("run", [GOOD, LATE_LOAD, BEHIND])
def test_audio_that_is_confused_is_a_fault_whoever_was_late(run, confused):
    assert faults(run | {confused: 3}) == [f"3 {confused}"]


def test_a_socket_that_is_left_open_is_a_fault():
    assert faults(GOOD) == []
    assert faults(GOOD | {"closed": False}) == ["sockets left open"]


def test_a_server_keeps_pace_that_hands_on_what_it_gets():
    assert in_time(GOOD)
    assert not in_time(BEHIND)
    assert not in_time(LATE_LOAD)
    assert not in_time(GOOD | {"frames": 28_000})


def test_the_ratio_is_the_median_of_those_within_a_round():
    compared = comparison()
    assert compared.ratios() is None
    for ours, theirs in ((0.5, 1.0), (1.0, 4.0), (2.0, 2.0)):
        run = {"spins_a_frame": ours}
        compared.rounds.append({OURS.name: run, TUTORIAL.name: {"spins_a_frame": theirs}})
    assert compared.ratios() == Spread(2.0, 1.0, 4.0)


def test_the_table_has_what_was_measured_and_says_who_was_late():
    compared = comparison()
    compared.rounds = [{OURS.name: GOOD, TUTORIAL.name: DEAR}] * 3
    compared.growth = {
        1: {OURS.name: GOOD, TUTORIAL.name: GOOD},
        150: {OURS.name: BEHIND, TUTORIAL.name: GOOD},
        300: {OURS.name: LATE_LOAD, TUTORIAL.name: GOOD},
    }
    compared.capacity = {
        OURS.name: {"calls": 120, "load_late": False},
        TUTORIAL.name: {"calls": 400, "load_late": True},
    }
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in table(compared).split("\n")
    ]
    assert rows[0] == ["", "ours", "ours on plain uvicorn", "tutorial's server", "times less"]
    assert {row[0]: row[1:] for row in rows[2:]} == {
        "CPU a frame, 75 calls": ["80 us", "-", "160 us", "2.00 [2.00-2.00]"],
        "delay of a frame, p50 / p99": ["34 / 62 ms", "-", "34 / 62 ms", ""],
        "frames lost": ["0.00%", "-", "1.00%", ""],
        "frames misplaced": ["0.00%", "-", "25.00%", ""],
        "frames foreign": ["0.00%", "-", "0.00%", ""],
        "frames disordered": ["0.00%", "-", "0.00%", ""],
        "memory a live call": ["100 kB", "-", "100 kB", ""],
        "one live call, share of a core": ["60.0%", "-", "60.0%", "1.00"],
        "CPU a frame, 150 calls": ["behind 2.0 s", "-", "80 us", ""],
        "CPU a frame, 300 calls": ["load late", "-", "80 us", ""],
        "most calls in time": ["120", "-", "at least 400", ""],
    }
