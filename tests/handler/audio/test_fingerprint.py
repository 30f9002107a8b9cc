"""handler/audio/fingerprint.py: media streams of one call are placed by what they sound like."""

import msgspec
import pytest
from support.reencoded import coded_anew

from handler.audio.fingerprint import KEPT, Fingerprint, Print, place
from handler.audio.mixer import Chunk
from handler.audio.mulaw import SAMPLE_RATE, SILENCE, interleave
from rehearsal import audio
from rehearsal.sample import SPEECH

SIDES = [audio.read(SPEECH / f"{side}.wav") for side in ("caller", "callee")]
AT = 9 * SAMPLE_RATE


def taken(tracks, begins, seconds, *, size=800, zero=0, asked=False):
    """Return the fingerprint of a piece of a call, on a clock whose zero lies at ``zero``."""
    fingerprint = Fingerprint()
    for start in range(begins, begins + round(seconds * SAMPLE_RATE), size):
        inbound, outbound = (side[start : start + size] for side in tracks)
        fingerprint.feed(Chunk(start - zero, interleave(inbound, outbound)))
        if asked:
            fingerprint.print()
    return fingerprint.print()


@pytest.mark.parametrize("early", [-7000, 0, 7000])
@pytest.mark.parametrize("later", [0, 1, 12_345])
def test_equal_samples_are_placed_exactly(later, early):
    theirs = taken(SIDES, AT, 8)
    ours = taken(SIDES, AT + later, 4, size=777, zero=AT + later)
    assert place(theirs, ours, AT + later + early) == AT + later


def test_samples_that_were_coded_anew_are_placed_within_a_step():
    theirs = taken(SIDES, AT, 8)
    ours = taken([coded_anew(side) for side in SIDES], AT + 12_345, 4, size=777, zero=AT + 12_345)
    found = place(theirs, ours, AT + 12_345 + 5000)
    assert found is not None
    assert abs(found - (AT + 12_345)) <= 40


@pytest.mark.parametrize("later", [0, 12_345])
def test_equal_samples_are_placed_before_much_was_heard(later):
    theirs = taken(SIDES, AT, 3)
    ours = taken(SIDES, AT + later, 0.5, zero=AT + later)
    assert place(theirs, ours, AT + later + 5000, early=True) == AT + later


def test_what_may_come_again_is_not_believed_early():
    """Music comes again: ours have heard a second time what theirs have not yet."""
    theirs, ours = taken(SIDES, AT, 4), taken(SIDES, AT, 0.5, zero=AT)
    assert place(theirs, ours, AT + 2 * SAMPLE_RATE) == AT
    assert place(theirs, ours, AT + 2 * SAMPLE_RATE, early=True) is None


def test_how_loud_it_is_says_nothing_early():
    theirs = taken(SIDES, AT, 8)
    ours = taken([coded_anew(side) for side in SIDES], AT, 4, zero=AT)
    assert place(theirs, ours, AT, early=True) is None
    assert place(theirs, ours, AT) is not None


def test_silence_is_placed_nowhere():
    silent = [SILENCE * 20 * SAMPLE_RATE] * 2
    assert place(taken(silent, AT, 8), taken(silent, AT, 4), 0) is None


def test_what_came_at_quite_another_time_is_not_believed():
    assert place(taken(SIDES, AT, 8), taken(SIDES, AT, 4, zero=AT), AT + 6 * SAMPLE_RATE) is None


def test_speech_says_where_it_lies_and_silence_does_not():
    assert taken(SIDES, AT, 4).says_much
    assert not taken([SILENCE * 20 * SAMPLE_RATE] * 2, AT, 4).says_much


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("size", [100, 750, 30_000])
def test_it_is_the_same_in_whatever_pieces_a_call_comes_and_whoever_asks(size, asked):
    whole = taken(SIDES, AT, 3.75, size=10_000)
    assert taken(SIDES, AT, 3.75, size=size, asked=asked) == whole


def test_only_the_newest_is_kept():
    found = taken(SIDES, AT, 30)
    assert found.end == AT + 30 * SAMPLE_RATE
    assert found.end - found.start == KEPT
    assert min(position for marks in found.marks for position in marks.values()) >= found.start
    assert len(msgspec.msgpack.encode(found)) < 32_000


def test_steps_begin_anew_behind_a_hole():
    fingerprint = Fingerprint()
    fingerprint.feed(Chunk(0, SILENCE * 1600))
    fingerprint.feed(Chunk(8000, SILENCE * 1650))
    found = fingerprint.print()
    assert (found.start, found.end) == (8000, 8825)
    assert found.envelopes == (bytes(20), bytes(20))


def test_it_travels():
    found = taken(SIDES, AT, 2)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Print) == found


def test_nothing_was_heard_yet():
    assert Fingerprint().print() == Print(0, 0, ({}, {}), (b"", b""))
