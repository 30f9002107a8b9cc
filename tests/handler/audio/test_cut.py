"""handler/audio/cut.py: a call is cut where nobody speaks."""

import random

import pytest

from handler.audio.cut import LONGEST, PAUSE, PauseFinder
from handler.audio.mulaw import SILENCE, interleave

SPEECH = bytes(random.Random(1).choices(range(0x10, 0x60), k=40_000))


def found(start, inbound, outbound, sizes=(800,)):
    """Return where a call is cut that comes in pieces of some sizes, and how far it was fed."""
    finder, at, turn = PauseFinder(start), 0, 0
    while finder.found is None and at < len(inbound):
        size = sizes[turn % len(sizes)]
        finder.feed(at, interleave(inbound[at : at + size], outbound[at : at + size]))
        at, turn = at + size, turn + 1
    return finder.found


@pytest.mark.parametrize("sizes", [(800,), (160, 1), (8000,)], ids=str)
def test_the_first_pause_of_both_sides_is_taken(sizes):
    quiet = SILENCE * 4000
    inbound = SPEECH[:8000] + quiet + SPEECH[:8000]
    outbound = SPEECH[:9600] + quiet + SPEECH[:6400]
    assert found(0, inbound, outbound, sizes) == 9600 + PAUSE


def test_a_pause_begins_where_the_search_does():
    both = SILENCE * 16_000
    assert found(1000, both, both) == 1000 + PAUSE


def test_a_pause_within_a_word_is_none():
    closed = SPEECH[:4000] + SILENCE * 1200 + SPEECH[:4000] + SILENCE * 4000
    assert found(0, closed, closed) == 9200 + PAUSE


def test_line_noise_is_a_pause():
    noise = bytes(random.Random(2).choices([0xFE, 0xFF, 0x7E, 0x7D, 0xFC], k=8000))
    assert found(0, SPEECH[:4000] + noise, SPEECH[:4000] + noise) == 4000 + PAUSE


def test_who_speaks_without_a_pause_is_cut_where_it_is_quietest():
    softly = bytes(sign | 0x20 for sign in SPEECH[:PAUSE])
    both = SPEECH[:12_000] + softly + SPEECH[:30_000]
    assert abs(found(0, both, both) - (12_000 + PAUSE // 2)) <= 80


def test_it_is_known_in_time_in_any_case():
    finder = PauseFinder(0)
    finder.feed(0, interleave(SPEECH[: LONGEST - 100], SPEECH[: LONGEST - 100]))
    early = finder.found
    finder.feed(LONGEST - 100, interleave(SPEECH[:100], SPEECH[:100]))
    in_time = finder.found
    finder.feed(LONGEST, interleave(SILENCE * 8000, SILENCE * 8000))
    assert early is None
    assert in_time is not None
    assert finder.found == in_time
