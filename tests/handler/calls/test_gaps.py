"""handler/calls/gaps.py: losses that go on are one, and how a loss is told."""

import pytest

from broker.records import Record
from handler.audio.loss import Loss
from handler.audio.mulaw import Track
from handler.calls.gaps import OpenGaps, gap


def late(start: int, end: int, track: Track | None = Track.OUTBOUND) -> Loss:
    return Loss(start, end, track, "late-audio")


def test_a_loss_that_goes_on_is_one_and_comes_out_when_it_has_ended():
    gaps = OpenGaps()
    for step in range(50):
        gaps.add(late(step * 160, step * 160 + 160), now=step * 0.02)
        assert gaps.pop_ended(step * 0.02) == []
    assert gaps.pop_ended(now=2.0) == []
    assert gaps.pop_ended(now=3.0) == [late(0, 8000)]
    assert gaps.pop_all() == []


def test_what_lies_within_a_second_is_one_loss_whichever_came_first():
    for losses in ([late(0, 800), late(8800, 9600)], [late(8800, 9600), late(0, 800)]):
        gaps = OpenGaps()
        for loss in losses:
            gaps.add(loss, now=0.0)
        assert gaps.pop_all() == [late(0, 9600)]


def test_a_loss_inside_another_changes_nothing():
    gaps = OpenGaps()
    gaps.add(late(0, 8000), now=0.0)
    gaps.add(late(800, 1600), now=0.0)
    assert gaps.pop_all() == [late(0, 8000)]


def test_other_tracks_other_reasons_and_far_losses_stay_apart():
    gaps = OpenGaps()
    losses = [
        late(0, 800),
        late(0, 800, Track.INBOUND),
        Loss(0, 800, Track.OUTBOUND, "media-lost"),
        late(8801, 9600),
    ]
    for loss in losses:
        gaps.add(loss, now=0.0)
    assert gaps.pop_all() == losses


def test_only_what_was_quiet_for_long_enough_has_ended():
    gaps = OpenGaps()
    gaps.add(late(0, 800), now=0.0)
    gaps.add(late(80_000, 80_800), now=1.0)
    assert gaps.pop_ended(now=1.9) == []
    assert gaps.pop_ended(now=2.0) == [late(0, 800)]
    assert gaps.pop_all() == [late(80_000, 80_800)]
    assert gaps.pop_ended(now=9.0) == []


def test_a_gap_tells_of_a_loss_in_seconds():
    assert gap(late(2400, 3201)) == Record(
        "event",
        "call",
        {
            "type": "Gap",
            "start": 0.3,
            "end": 0.4,
            "track": "outbound",
            "reason": "late-audio",
        },
    )
    both = gap(late(0, 8, None))
    assert both is not None
    assert both.body["track"] is None


@pytest.mark.parametrize("samples", range(8))
def test_a_loss_of_less_than_a_gap_can_tell_is_not_told(samples):
    assert gap(late(80_000, 80_000 + samples)) is None


@pytest.mark.parametrize("start", range(80_000, 80_008))
def test_a_gap_that_is_told_has_a_length(start):
    record = gap(late(start, start + 8))
    assert record is not None
    assert record.body["start"] < record.body["end"]
