"""handler/audio/levels.py: how loud mu-law is."""

from handler.audio.levels import LEVELS, STEP, loudness
from rehearsal.audio import decode_sample


def test_levels_are_the_distance_from_zero():
    assert LEVELS.tolist() == [abs(decode_sample(code)) for code in range(256)]


def test_loudness_is_the_mean_of_each_whole_step():
    samples = b"\xff" * STEP + b"\x80\x00" * (STEP // 2) + b"\x80" * (STEP - 1)
    assert loudness(samples).tolist() == [0, 32124]
    assert loudness(b"").tolist() == []
