"""handler/calls/handover.py: a call goes from one media stream to another, whole and once."""

import itertools
import random

import pytest
from support.reencoded import coded_anew

from handler.audio.cut import HURRIED, LONGEST
from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.audio.mulaw import SAMPLE_RATE, SILENCE, interleave
from handler.calls.handover import MARGIN, MAX_HELD, Giving, Taking
from rehearsal import audio
from rehearsal.sample import SPEECH

SIDES = [audio.read(SPEECH / f"{side}.wav") for side in ("caller", "callee")]
AT = 9 * SAMPLE_RATE
QUIET = [SILENCE * 40 * SAMPLE_RATE] * 2
LOUD = [b"\x20" * 40 * SAMPLE_RATE] * 2


def pieces(tracks, begins, seconds, *, zero, size=800):
    """Return a piece of a call in chunks, on a clock whose zero lies at ``zero``."""
    for start in range(begins, begins + round(seconds * SAMPLE_RATE), size):
        inbound, outbound = (side[start : start + size] for side in tracks)
        yield Chunk(start - zero, interleave(inbound, outbound))


def joined(chunks):
    """Return the audio of chunks that follow each other, and where it begins and ends."""
    for one, following in itertools.pairwise(chunks):
        assert one.end == following.start
    return b"".join(chunk.audio for chunk in chunks), chunks[0].start, chunks[-1].end


def moved(tracks, theirs, *, later, size, guess=0, listens=True, placed=2.0):
    """
    Move a call whose clock begins at ``AT`` to a media stream that begins ``later``.

    Returns what its owner has sent, where it was cut, and what the successor sends.
    """
    giving, taking = Giving(), Taking()
    sent: list[Chunk] = []
    ours = pieces(theirs, AT + later, 12, zero=AT + later, size=size)
    for chunk in pieces(tracks, AT, 12, zero=AT):
        sent += giving.take(chunk)
        while chunk.end > later and taking.end + later < chunk.end:
            taking.take(next(ours))
        if listens and chunk.end > later:
            giving.listen()
        if taking.offset is None and chunk.end > later + placed * SAMPLE_RATE:
            taking.place(giving.fingerprint.print(), later + guess)
            if taking.offset is None:
                taking.place_by_time(later + guess)
        if taking.begins is not None:
            giving.cut_from(taking.begins)
    assert giving.cut is not None
    assert taking.offset is not None
    return sent, giving.cut, taking.begin(taking.offset, giving.cut)


@pytest.mark.parametrize("size", [160, 800, 777])
@pytest.mark.parametrize("later", [1, 4_000, 17_777])
@pytest.mark.parametrize(("listens", "placed"), [(False, 2.0), (True, 2.0), (True, 3.5)])
def test_the_two_of_them_hear_every_sample_once(later, size, listens, placed):
    how = {"later": later, "size": size, "listens": listens, "placed": placed}
    sent, cut, taken = moved(SIDES, SIDES, guess=3000, **how)
    whole, start, end = joined([*sent, *taken])
    assert (start, sent[-1].end, taken[0].start) == (0, cut, cut)
    inbound, outbound = (side[AT : AT + end] for side in SIDES)
    assert whole == interleave(inbound, outbound)


def test_a_pause_is_taken_that_was_heard_before_the_successor_knew_where_it_is():
    sent, cut, taken = moved(SIDES, SIDES, later=17_777, size=800, placed=5.0)
    whole, start, end = joined([*sent, *taken])
    assert (start, sent[-1].end, taken[0].start) == (0, cut, cut)
    assert cut < 17_777 + 4.5 * SAMPLE_RATE
    inbound, outbound = (side[AT : AT + end] for side in SIDES)
    assert whole == interleave(inbound, outbound)


def test_audio_that_was_coded_anew_is_heard_once_to_5_ms():
    theirs = [coded_anew(side) for side in SIDES]
    sent, cut, taken = moved(SIDES, theirs, later=17_777, size=800)
    joined([*sent, *taken])
    assert (sent[-1].end, taken[0].start) == (cut, cut)
    place = taken[0].start + AT
    inbound, outbound = (side[place - 80 : place + 8080] for side in theirs)
    assert taken[3].audio in interleave(inbound, outbound)


def test_where_nobody_speaks_some_silence_is_heard_twice():
    sent, cut, taken = moved(QUIET, QUIET, later=5_000, size=800, guess=-2000)
    assert (sent[-1].end, taken[0].start) == (cut, cut - MARGIN)
    joined(taken)


def test_an_owner_that_nobody_follows_has_lost_nothing():
    giving = Giving()
    sent: list[Chunk] = []
    for chunk in pieces(SIDES, AT, 6, zero=0):
        if chunk.start == AT + 800:
            giving.cut_from(0)
        sent += giving.take(chunk)
    before, behind = (Loss(at, at + 160, None, "late-audio") for at in (AT, AT + 47_000))
    assert giving.lose([behind]) == []
    held, losses = giving.give_up()
    sent += held
    assert losses == [behind]
    audio_sent, start, end = joined(sent)
    assert (start, end) == (AT, AT + 6 * SAMPLE_RATE)
    assert audio_sent == interleave(*(side[start:end] for side in SIDES))
    assert giving.lose([before]) == [before]
    (chunk,) = pieces(SIDES, end, 0.1, zero=0)
    assert giving.take(chunk) == [chunk]


def test_what_was_lost_is_told_by_who_has_it():
    """Before the cut by the owner, once it is sure; behind it by the successor."""
    giving = Giving()
    giving.listen()  # a call that moves is some seconds old
    quiet = [side[: 2 * SAMPLE_RATE] + SILENCE * 4000 + side for side in LOUD]
    for chunk in pieces(quiet, 4000, 2.5, zero=0):
        giving.take(chunk)
    losses = [Loss(at, at + 160, None, "late-audio") for at in (8000, 17_000, 22_000)]
    assert giving.lose(losses) == losses[:2]
    giving.cut_from(0)
    (chunk,) = pieces(LOUD, 3 * SAMPLE_RATE, 0.1, zero=0)
    giving.take(chunk)
    assert giving.cut == 18_000
    assert giving.lose([]) == []
    assert giving.give_up()[1] == losses[2:]


def test_what_was_kept_back_in_vain_is_told():
    giving = Giving()
    giving.listen()
    quiet = [side[: 2 * SAMPLE_RATE] + SILENCE * 4000 + side for side in LOUD]
    sent: list[Chunk] = []
    lost = Loss(22_000, 22_160, None, "late-audio")
    told: list[Loss] = []
    for chunk in pieces(quiet, 0, 6, zero=0):
        sent += giving.take(chunk)
        told += giving.lose([lost] if chunk.start == 22_400 else [])
    assert joined(sent)[1:] == (0, 6 * SAMPLE_RATE)
    assert told == [lost]


def test_a_cut_lies_behind_what_was_sent():
    """However long ago the successor began."""
    giving = Giving()
    sent: list[Chunk] = []
    for chunk in pieces(QUIET, 0, 2, zero=0):
        sent += giving.take(chunk)
    giving.cut_from(0)
    (chunk,) = pieces(QUIET, 16_000, 1, zero=0, size=8000)
    sent += giving.take(chunk)
    assert giving.cut is not None
    assert giving.cut > 16_000
    assert sent[-1].end == giving.cut


@pytest.mark.parametrize("when", ["before", "behind"])
def test_an_owner_with_little_time_waits_for_no_long_pause(when):
    giving = Giving()
    (first, *rest) = pieces(LOUD, 0, 3, zero=0)
    giving.take(first)
    if when == "before":
        giving.hurry()
    giving.cut_from(0)
    if when == "behind":
        giving.hurry()
    for chunk in rest:
        giving.take(chunk)
    assert giving.cut == first.end + LONGEST - HURRIED


def test_what_a_successor_keeps_is_bounded():
    taking = Taking()
    for chunk in pieces(QUIET, 0, 40, zero=0):
        taking.take(chunk)
    taking.place_by_time(0)
    assert taking.begins == 40 * SAMPLE_RATE - MAX_HELD + MARGIN


def test_nothing_is_known_before_anything_came():
    taking = Taking()
    assert (taking.begins, taking.end, taking.length) == (None, 0, 0)
    taking.place_by_time(100)
    assert taking.begins is None


@pytest.mark.parametrize("seed", range(5))
def test_chunks_may_be_of_any_size(seed):
    chance = random.Random(seed)
    size = chance.randrange(1, 8000)
    sent, cut, taken = moved(SIDES, SIDES, later=chance.randrange(20_000), size=size)
    whole, _, end = joined([*sent, *taken])
    assert whole == interleave(*(side[AT : AT + end] for side in SIDES))
    assert sent[-1].end == cut
