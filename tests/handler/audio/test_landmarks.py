"""handler/audio/landmarks.py: two media streams of one call meet at the same samples."""

import itertools
import random

import pytest

from handler.audio.landmarks import WINDOW, Landmarks, offset
from handler.audio.mulaw import SAMPLE_RATE
from rehearsal import audio
from rehearsal.sample import SPEECH

SIDES = [audio.read(SPEECH / f"{side}.wav") for side in ("caller", "callee")]


def marks_of(tracks, sizes=(160,), seed=1):
    """Return the landmarks of tracks that come in frames of some sizes."""
    chance = random.Random(seed)
    found = []
    for samples in tracks:
        landmarks, start = Landmarks(), 0
        while start < len(samples):
            size = chance.choice(sizes)
            landmarks.feed(start, samples[start : start + size])
            start += size
        found.append(landmarks.found)
    return found


def piece(begins, seconds=8.0):
    return [side[begins : begins + round(seconds * SAMPLE_RATE)] for side in SIDES]


@pytest.mark.parametrize(
    ("sizes", "later"),
    [
        *itertools.product([(160,), (80, 160, 240), (7, 1000)], [0, 1, 159, 160, 12_345, 40_000]),
        ((1,), 159),
    ],
    ids=str,
)
def test_frames_may_be_cut_in_any_way(sizes, later):
    at = 9 * SAMPLE_RATE
    theirs, ours = marks_of(piece(at)), marks_of(piece(at + later, seconds=3.0), sizes)
    assert offset(theirs, ours) == later
    assert offset(ours, theirs) == -later


def test_one_side_that_speaks_is_enough():
    at, silence = 9 * SAMPLE_RATE, b"\xff" * 64_000
    theirs = marks_of([piece(at)[0], silence])
    assert offset(theirs, marks_of([piece(at + 999)[0], silence])) == 999


@pytest.mark.parametrize(("apart", "found"), [(48, True), (160, True), (161, False), (9000, False)])
def test_sides_that_mixers_placed_otherwise_meet_if_they_are_near(apart, found):
    at = 9 * SAMPLE_RATE
    theirs = marks_of(piece(at))
    caller, callee = (
        [marks_of(piece(at + later))[side] for side, later in enumerate(laters)]
        for laters in ((999, 999 + apart), (999 + apart, 999))
    )
    for ours in (caller, callee):
        assert offset(theirs, ours) in ((999, 999 + apart) if found else (None,))


TONE = bytes([0x80, 0x90, 0xA0, 0xFF, 0x20, 0x10, 0x00, 0x08, 0x88, 0x98] * 6400)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ([b"\xff" * 64_000] * 2, [b"\xff" * 64_000] * 2),
        ([TONE, TONE], [TONE[50:], TONE[50:]]),
        (piece(9 * SAMPLE_RATE), piece(60 * SAMPLE_RATE)),
        (piece(9 * SAMPLE_RATE), [b"", b""]),
        (piece(9 * SAMPLE_RATE), piece(9 * SAMPLE_RATE)[::-1]),
    ],
    ids=["silence", "a tone", "other speech", "nothing", "sides changed"],
)
def test_what_may_be_anywhere_is_placed_nowhere(theirs, ours):
    assert offset(marks_of(theirs), marks_of(ours)) is None


def test_a_piece_that_is_played_twice_leads_nobody_astray():
    """Music on hold: what it has more than once says nothing of where it lies."""
    loop = piece(9 * SAMPLE_RATE, 2.0)
    theirs = [side * 3 + rest for side, rest in zip(loop, piece(60 * SAMPLE_RATE, 3), strict=True)]
    ours = [side[SAMPLE_RATE:] for side in theirs]
    assert offset(marks_of(theirs), marks_of(ours)) == SAMPLE_RATE


def test_no_window_spans_a_hole():
    samples = piece(9 * SAMPLE_RATE)[0]
    landmarks = Landmarks()
    landmarks.feed(0, samples[:8000])
    landmarks.feed(8100, samples[8100:])
    whole = marks_of([samples])[0]
    hole = range(8001, 8100 + WINDOW)
    assert landmarks.found == {mark: at for mark, at in whole.items() if at not in hole}


def test_what_is_long_past_is_forgotten():
    landmarks = Landmarks()
    landmarks.feed(0, piece(9 * SAMPLE_RATE)[0])
    landmarks.forget(before=32_000)
    assert min(landmarks.found.values()) >= 32_000
