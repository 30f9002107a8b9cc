"""handler/calls/gaps.py: losses that go on are one."""

from handler.audio.mulaw import Track
from handler.calls.gaps import OpenGaps
from handler.deepgram.recogniser import Lost


def late(start: float, end: float, track: Track = Track.OUTBOUND) -> Lost:
    return Lost(start, end, track, "late-audio")


def test_a_loss_that_goes_on_is_one_and_comes_out_when_it_has_ended():
    gaps = OpenGaps()
    for step in range(50):
        gaps.note(late(step * 0.02, step * 0.02 + 0.02), now=step * 0.02)
        assert gaps.take_ended(step * 0.02) == []
    assert gaps.take_ended(now=2.0) == []
    assert gaps.take_ended(now=3.0) == [late(0.0, 1.0)]
    assert gaps.take_all() == []


def test_other_tracks_and_far_losses_stay_apart():
    gaps = OpenGaps()
    losses = [late(0, 1), late(0, 1, Track.INBOUND), late(5, 6)]
    for lost in losses:
        gaps.note(lost, now=0.0)
    assert gaps.take_all() == losses
