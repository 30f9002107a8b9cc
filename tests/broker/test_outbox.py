"""broker/outbox.py: what waits for the stream."""

import random

import pytest

from broker.outbox import Outbox, stand_in
from broker.records import Record


def event(kind: str) -> Record:
    return Record("event", "call", {"type": kind})


def test_records_come_out_as_they_went_in(make_final):
    outbox = Outbox()
    records = [event("CallStarted"), make_final(1), make_final(2)]
    for record in records:
        outbox.put(record)
    assert len(outbox) == 3
    assert [outbox.pop() for _ in records] == records


def test_the_oldest_finals_make_room_and_a_gap_stands_in_their_place(make_final):
    outbox = Outbox(capacity=4)
    for record in (event("CallStarted"), *(make_final(number) for number in range(4))):
        outbox.put(record)
    started, gap, *rest = [outbox.pop() for _ in range(len(outbox))]
    assert started.type == "CallStarted"
    assert gap.body == {
        "type": "Gap",
        "start": 0.0,
        "end": 2.0,
        "track": "inbound",
        "reason": "broker-unreachable",
    }
    assert rest == [make_final(2), make_final(3)]
    assert outbox.dropped == 2


def test_losses_of_both_tracks_are_a_gap_of_both(make_final):
    outbox = Outbox(capacity=3)
    for number in range(4):
        outbox.put(make_final(number, ("inbound", "outbound")[number % 2]))
    assert outbox.pop().body["track"] is None


@pytest.mark.proof
def test_however_much_is_put_nothing_is_lost_without_a_gap(rounds, make_final):
    for seed in rounds(sample=50, full=3000):
        source = random.Random(seed)
        outbox = Outbox(capacity=source.randrange(5, 40))
        put, events = [], 0
        for number in range(source.randrange(1, 300)):
            if source.random() < 0.02 and events < 3:
                outbox.put(event("Recogniser"))
                events += 1
            else:
                put.append(number)
                outbox.put(make_final(number))
            assert len(outbox) <= outbox.capacity + events + 1
        taken = [outbox.pop() for _ in range(len(outbox))]
        kept = [int(record.body["start"]) for record in taken if record.kind == "final"]
        gaps = [record.body for record in taken if record.type == "Gap"]
        assert sum(record.type == "Recogniser" for record in taken) == events
        assert len(gaps) <= 1
        assert kept == sorted(kept)
        covered = {
            number
            for gap in gaps
            for number in put
            if gap["start"] <= number and number + 1 <= gap["end"]
        }
        assert covered | set(kept) == set(put)
        assert not covered & set(kept)


def test_events_alone_are_never_dropped():
    outbox = Outbox(capacity=2)
    for number in range(4):
        outbox.put(event(f"event {number}"))
    assert [outbox.pop().type for _ in range(4)] == [f"event {number}" for number in range(4)]
    assert outbox.dropped == 0


def test_a_gap_that_made_room_before_is_part_of_the_next_one(make_final):
    outbox = Outbox(capacity=2)
    for number in range(6):
        outbox.put(make_final(number))
    records = [outbox.pop() for _ in range(len(outbox))]
    gaps = [(one.body["start"], one.body["end"]) for one in records if one.type == "Gap"]
    assert gaps == [(0.0, 4.0)]
    assert outbox.dropped == 4


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        (
            Record("final", "inbound", {"type": "Results", "start": 1.0, "duration": 2.0}),
            {
                "type": "Gap",
                "start": 1.0,
                "end": 3.0,
                "track": "inbound",
                "reason": "broker-unreachable",
            },
        ),
        (
            Record("event", "call", {"type": "CallEnded", "duration": 3.0, "ids": ["x"] * 300}),
            {"type": "CallEnded", "duration": 3.0, "ids": ["x"] * 200},
        ),
        (
            Record("event", "call", {"type": "Recogniser", "reason": "x" * 300}),
            {"type": "Recogniser", "reason": "x" * 200},
        ),
    ],
)
def test_what_is_too_large_is_a_gap_or_an_event_cut_short(record, kept):
    stood_in = stand_in(record)
    assert (stood_in.kind, stood_in.body) == ("event", kept)
