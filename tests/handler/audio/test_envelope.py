"""handler/audio/envelope.py: two media streams of one call meet where they are as loud."""

import pytest
from support.reencoded import coded_anew

from handler.audio.envelope import envelope, offset
from handler.audio.levels import STEP
from handler.audio.mulaw import SAMPLE_RATE
from rehearsal import audio
from rehearsal.sample import SPEECH

SIDES = [audio.read(SPEECH / f"{side}.wav") for side in ("caller", "callee")]
AT = 9 * SAMPLE_RATE


def piece(begins, seconds=8.0):
    return tuple(side[begins : begins + round(seconds * SAMPLE_RATE)] for side in SIDES)


def envelopes(tracks):
    return tuple(envelope(samples) for samples in tracks)


def test_an_envelope_goes_from_silence_to_the_loudest():
    assert list(envelope(b"\xff" * STEP + b"\x80" * STEP + b"\xff" * 39)) == [0, 239]


@pytest.mark.parametrize("later", [0, 40, 4_000, 24_017])
@pytest.mark.parametrize("guess", [-70, 0, 70])
def test_audio_that_was_coded_anew_is_placed_within_a_step(later, guess):
    theirs = envelopes(piece(AT))
    ours = envelopes([coded_anew(samples) for samples in piece(AT + later)])
    found = offset(theirs, ours, later // STEP + guess, 100)
    assert found is not None
    assert abs(found * STEP - later) <= STEP
    assert offset(ours, theirs, -(later // STEP), 100) == -found


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ((b"\xff" * 64_000,) * 2, (b"\xff" * 64_000,) * 2),
        ((b"\x90" * 64_000,) * 2, (b"\x90" * 64_000,) * 2),
        (piece(AT), piece(60 * SAMPLE_RATE)),
        (piece(AT, 0.5), piece(AT, 0.5)),
        ((b"", b""), (b"", b"")),
    ],
    ids=["silence", "a hum", "other speech", "too short", "nothing"],
)
def test_what_may_be_anywhere_is_placed_nowhere(theirs, ours):
    assert offset(envelopes(theirs), envelopes(ours), 0, 100) is None
