"""handler/audio/cut.py: a call is cut where nobody speaks."""

import random

import pytest

from handler.audio.cut import HEARD, HURRIED, KEPT_BACK, LONGEST, RESERVING, PauseFinder
from handler.audio.levels import STEP
from handler.audio.mulaw import SILENCE, interleave

SPEECH = bytes(random.Random(1).choices(range(0x10, 0x60), k=80_000))


def cut(inbound, outbound, *, start=0, sizes=(800,)):
    """Return where a call is cut that comes in pieces of some sizes."""
    finder, at, turn, sent = PauseFinder(start), 0, 0, 0
    finder.cut_from(start)
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


@pytest.mark.parametrize(
    ("begins", "length"), [(16_000, 4000), (32_500, 2000), (34_500, 1000), (38_500, 300)]
)
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
    """1.2 s later at the latest the call is cut, however long the search would go on."""
    finder = PauseFinder(0)
    finder.cut_from(0)
    finder.feed(0, interleave(SPEECH[:800], SPEECH[:800]))
    finder.hurry()
    finder.feed(800, interleave(SPEECH[:20_000], SPEECH[:20_000]))
    assert finder.found == 800 + LONGEST - HURRIED
    late = PauseFinder(0)
    late.cut_from(0)
    late.feed(0, interleave(SPEECH[:HURRIED], SPEECH[:HURRIED]))
    late.hurry()  # that changes nothing any more
    late.feed(HURRIED, interleave(SPEECH[:10_000], SPEECH[:10_000]))
    assert late.found == LONGEST


def test_what_was_found_stands():
    finder = PauseFinder(0)
    finder.cut_from(0)
    finder.feed(0, interleave(SILENCE * 8000, SILENCE * 8000))
    finder.feed(8000, interleave(SPEECH[:8000] + SILENCE * 8000, SPEECH[:16_000]))
    assert finder.found == HEARD // 2


def heard(*pieces):
    """Return a search that has heard so much of both sides, and does not know where it may cut."""
    finder, at = PauseFinder(0), 0
    for piece in pieces:
        finder.feed(at, interleave(piece, piece))
        at += len(piece)
    return finder


def test_a_pause_is_taken_that_was_heard_before_it_was_known_whether_it_may_be():
    finder = heard(SPEECH[:8000], SILENCE * 6000, SPEECH[:8000])
    assert finder.found is None
    assert finder.earliest == 11_000  # what comes behind is kept back
    finder.cut_from(4000)
    assert finder.found == finder.earliest == 11_000


def test_of_two_pauses_that_were_heard_the_later_one_is_taken():
    pause = SILENCE * 4000
    finder = heard(SPEECH[:4000], pause, SPEECH[:4000], pause, SPEECH[:4000])
    finder.cut_from(0)
    assert finder.found == 14_000


@pytest.mark.parametrize("has_from", [11_001, 22_000, 30_000])
def test_a_pause_is_not_taken_that_others_have_not_heard(has_from):
    finder = heard(SPEECH[:8000], SILENCE * 6000, SPEECH[:8000])
    finder.cut_from(has_from)
    assert finder.found is None
    assert finder.earliest == max(22_000, has_from)
    rest = SPEECH[:10_000] + SILENCE * 8000
    finder.feed(22_000, interleave(rest, rest))
    assert finder.found == 32_000 + HEARD // 2


@pytest.mark.parametrize("quiet", [2000, 3600, 4800, 5960])
def test_a_pause_that_goes_on_when_it_is_known_where_to_cut_is_heard_to_its_end(quiet):
    finder = heard(SPEECH[:8000], SILENCE * quiet)
    finder.cut_from(0)
    rest = SILENCE * (6000 - quiet) + SPEECH[:800]
    finder.feed(8000 + quiet, interleave(rest, rest))
    assert finder.found == 11_000


@pytest.mark.parametrize("has_from", [9000, 11_000, 11_960])
def test_a_pause_of_which_others_have_a_part_is_cut_in_that_part(has_from):
    finder = heard(SPEECH[:8000], SILENCE * 4000)
    finder.cut_from(has_from)
    finder.feed(12_000, interleave(SPEECH[:800], SPEECH[:800]))
    assert finder.found == max(10_000, has_from)


def test_behind_a_hole_a_search_goes_on_where_the_call_does():
    finder = heard(SPEECH[:8000], SILENCE * 3000)
    finder.feed(50_000, interleave(SPEECH[:800], SPEECH[:800]))
    assert finder.earliest == 50_800
    finder.cut_from(0)
    rest = SILENCE * 6000 + SPEECH[:800]
    finder.feed(50_800, interleave(rest, rest))
    assert finder.found == 53_800


def test_nothing_is_kept_back_for_who_hears_nothing():
    """Nobody will ever know where the call may be cut."""
    pieces = [SPEECH[:4000], SILENCE * 5000] * (RESERVING // 9000 + 1)
    finder = heard(*pieces, SPEECH[:800])
    assert finder.earliest == sum(map(len, pieces)) + 800
    finder.cut_from(0)
    rest = SILENCE * 6000 + SPEECH[:800]
    finder.feed(finder.earliest, interleave(rest, rest))
    assert finder.found == sum(map(len, pieces)) + 3800


def test_nothing_is_kept_back_for_long():
    finder = heard(SPEECH[:8000], SILENCE * 6000, SPEECH[: KEPT_BACK - 3000])
    assert finder.earliest == 11_000
    finder.feed(11_000 + KEPT_BACK, interleave(SPEECH[:STEP], SPEECH[:STEP]))
    assert finder.earliest == 11_000 + KEPT_BACK + STEP
    finder.cut_from(0)
    assert finder.found is None


@pytest.mark.parametrize("seed", range(20))
def test_what_was_given_out_is_never_behind_the_cut(seed):
    """However long pauses are, and whenever it is known from where on it may be cut."""
    source = random.Random(seed)
    both = b"".join(
        SPEECH[: source.randrange(12_000)] + SILENCE * source.randrange(9000) for _ in range(12)
    )
    known_at, has_from = source.randrange(24_000), source.randrange(24_000)
    finder, at, given_out = PauseFinder(0), 0, 0
    while finder.found is None:
        if at >= known_at:
            finder.cut_from(has_from)
        size = source.choice([1, 160, 777])
        finder.feed(at, interleave(both[at : at + size], both[at : at + size]))
        at += size
        assert finder.earliest >= given_out
        given_out = finder.earliest
    assert finder.found >= has_from
