"""handler/audio/cut.py: a call is cut where nobody speaks."""

import random

import pytest

from handler.audio.cut import HEARD, HURRIED, LONGEST, PauseFinder
from handler.audio.levels import STEP
from handler.audio.mulaw import SILENCE, interleave

SPEECH = bytes(random.Random(1).choices(range(0x10, 0x60), k=80_000))


def cut(inbound, outbound, *, start=0, sizes=(800,)):
    """Return where a call is cut that comes in pieces of some sizes."""
    finder, at, turn, sent = PauseFinder(start), 0, 0, 0
    while finder.found is None and at < len(inbound):
        size = sizes[turn % len(sizes)]
        finder.feed(at, interleave(inbound[at : at + size], outbound[at : at + size]))
        at, turn = at + size, turn + 1
        assert finder.earliest >= sent
        sent = finder.earliest
    assert finder.found is not None
    assert finder.found == finder.earliest
    return finder.found


@pytest.mark.parametrize("sizes", [(800,), (160, 1), (8000,)], ids=str)
def test_the_first_pause_of_both_sides_is_taken(sizes):
    quiet = SILENCE * 9000
    inbound = SPEECH[:3000] + quiet + SPEECH[:8000]
    outbound = SPEECH[:4200] + quiet + SPEECH[:6800]
    assert cut(inbound, outbound, sizes=sizes) == 4200 + HEARD // 2


def test_a_pause_begins_where_the_search_does():
    both = SILENCE * 16_000
    assert cut(both, both, start=1000) == 1000 + HEARD // 2


def test_a_pause_within_a_word_is_none():
    closed = SPEECH[:2000] + SILENCE * 1200 + SPEECH[:1000] + SILENCE * 8000
    assert cut(closed, closed) == 4200 + HEARD // 2


def test_line_noise_is_a_pause():
    noise = bytes(random.Random(2).choices([0xFE, 0xFF, 0x7E, 0x7D, 0xFC], k=8000))
    assert cut(SPEECH[:4000] + noise, SPEECH[:4000] + noise) == 4000 + HEARD // 2


@pytest.mark.parametrize(("begins", "length"), [(16_000, 4000), (33_000, 2000), (35_500, 1000), (38_500, 300)])
def test_the_longer_a_pause_was_waited_for_the_shorter_it_may_be_and_its_middle_is_taken(
    begins, length
):
    both = SPEECH[:begins] + SILENCE * length + SPEECH[:30_000]
    middle = begins + length // 2
    assert abs(cut(both, both) - middle) <= STEP


def test_a_pause_that_goes_on_is_not_cut_at_its_beginning():
    both = SPEECH[:38_000] + SILENCE * 4000
    assert cut(both, both) == 38_000 + (LONGEST - 38_000) // 2
    both = SPEECH[:30_000] + SILENCE * 8000
    assert cut(both, both) == 30_000 + HEARD // 2


@pytest.mark.parametrize("sizes", [(800,), (8000, 333)], ids=str)
def test_who_speaks_without_any_pause_is_cut_in_time(sizes):
    assert cut(SPEECH, SPEECH, sizes=sizes) == LONGEST


def test_who_is_in_a_hurry_is_content_with_less():
    """0.4 s later at the latest the call is cut, however long the search would go on."""
    finder = PauseFinder(0)
    finder.feed(0, interleave(SPEECH[:800], SPEECH[:800]))
    finder.hurry()
    finder.feed(800, interleave(SPEECH[:20_000], SPEECH[:20_000]))
    assert finder.found == 800 + LONGEST - HURRIED
    late = PauseFinder(0)
    late.feed(0, interleave(SPEECH[:HURRIED], SPEECH[:HURRIED]))
    late.hurry()  # that changes nothing any more
    late.feed(HURRIED, interleave(SPEECH[:8000], SPEECH[:8000]))
    assert late.found == LONGEST


def test_what_was_found_stands():
    finder = PauseFinder(0)
    finder.feed(0, interleave(SILENCE * 8000, SILENCE * 8000))
    finder.feed(8000, interleave(SPEECH[:8000] + SILENCE * 8000, SPEECH[:16_000]))
    assert finder.found == HEARD // 2
