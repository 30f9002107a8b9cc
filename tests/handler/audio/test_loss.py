"""handler/audio/loss.py: one shape for every loss."""

from handler.audio.loss import Loss
from handler.audio.mulaw import Track


def test_a_loss_moves_to_another_clock_as_it_is():
    loss = Loss(160, 320, Track.OUTBOUND, "late-audio")
    assert loss.moved(8000) == Loss(8160, 8320, Track.OUTBOUND, "late-audio")
    assert loss.moved(0) == loss
