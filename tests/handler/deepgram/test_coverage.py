"""handler/deepgram/coverage.py: what is transcribed, what is lost, what is sent once more."""

import pytest

from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.audio.mulaw import Track, interleave
from handler.deepgram.coverage import REJECTED, UNREACHABLE, UNREADABLE, Coverage
from handler.deepgram.messages import Result

IN, OUT = Track.INBOUND, Track.OUTBOUND


def chunk(start: int, length: int) -> Chunk:
    return Chunk(start, interleave(b"i" * length, b"o" * length))


def final(track: Track, start: float, end: float, *words: tuple[str, float, float]) -> Result:
    written = [{"word": word, "start": begin, "end": until} for word, begin, until in words]
    text = " ".join(word for word, *_ in words)
    body = {
        "type": "Results",
        "start": start,
        "duration": end - start,
        "channel": {"alternatives": [{"transcript": text, "words": written}]},
    }
    return Result(track, start, end, True, False, text, body)


def covering(*chunks: Chunk, capacity: int = 80_000) -> Coverage:
    coverage = Coverage(capacity=capacity)
    for one in chunks:
        coverage.append(one)
    return coverage


def test_nothing_before_the_first_audio_is_ours():
    coverage = covering(chunk(800, 100))
    assert coverage.transcribed_until == {IN: 800, OUT: 800}
    assert (coverage.both_until, coverage.end, coverage.backlog) == (800, 900, 100)
    assert not coverage.settled


def test_audio_is_kept_until_both_tracks_are_transcribed():
    coverage = covering(chunk(0, 100), chunk(100, 100))
    coverage.cover(IN, 200)
    assert (coverage.backlog, coverage.both_until, coverage.settled) == (200, 0, False)
    coverage.cover(OUT, 100)
    assert (coverage.backlog, coverage.after(0)) == (100, chunk(100, 100))
    coverage.cover(OUT, 50)  # finals never go back
    assert coverage.transcribed_until == {IN: 200, OUT: 100}
    coverage.cover_all(200)
    assert (coverage.backlog, coverage.after(0), coverage.settled) == (0, None, True)


@pytest.mark.parametrize(
    ("inbound", "outbound", "sent"),
    [
        (0, 0, b"iiii" + b"oooo"),
        (10, 0, b"\xff\xff" + b"ii" + b"oooo"),
        (0, 11, b"iiii" + b"\xff\xff\xffo"),
        (100, 12, b"\xff" * 4 + b"\xff" * 4),
    ],
)
def test_a_track_is_silent_where_its_finals_have_passed(inbound, outbound, sent):
    coverage = covering(chunk(8, 4))
    coverage.cover(IN, inbound)
    coverage.cover(OUT, outbound)
    assert coverage.unsaid(chunk(8, 4)) == interleave(sent[:4], sent[4:])


def test_a_final_covers_its_track_as_far_as_audio_was_sent():
    coverage = covering(chunk(0, 16_000))
    said = final(IN, 0.0, 1.0, ("Hello", 0.2, 0.6))
    assert coverage.receive(said, 16_000) is said
    assert coverage.transcribed_until == {IN: 8000, OUT: 0}
    coverage.receive(final(OUT, 0.0, 3.0), 12_000)
    assert coverage.transcribed_until == {IN: 8000, OUT: 12_000}


def test_of_a_final_that_repeats_only_the_new_words_are_left():
    coverage = covering(chunk(0, 16_000))
    coverage.receive(final(IN, 0.0, 1.0, ("Hello", 0.2, 0.6)), 16_000)
    fresh = coverage.receive(final(IN, 0.0, 2.0, ("Hello", 0.2, 0.6), ("you", 1.2, 1.5)), 16_000)
    assert fresh is not None
    assert (fresh.transcript, fresh.start, fresh.end) == ("you", 1.0, 2.0)
    assert coverage.receive(final(IN, 0.0, 1.5), 16_000) is None


@pytest.mark.parametrize(
    ("position", "loss", "transcribed"),
    [
        # It was dropped where the finals end: told, so both tracks count as covered up to there.
        (0, Loss(0, 200, None, UNREACHABLE), {IN: 200, OUT: 200}),
        # Part of it was sent, and its finals may still come: only the rest is told.
        (100, Loss(100, 200, None, UNREACHABLE), {IN: 0, OUT: 0}),
        (200, None, {IN: 0, OUT: 0}),  # all of it was sent
    ],
)
def test_what_falls_out_before_it_was_sent_is_lost(position, loss, transcribed):
    coverage = covering(chunk(0, 100), chunk(100, 100), chunk(200, 100), capacity=100)
    assert coverage.collect_dropped(position) == loss
    assert coverage.transcribed_until == transcribed


@pytest.mark.parametrize(
    ("inbound", "outbound", "losses"),
    [
        (0, 0, [Loss(0, 300, None, REJECTED)]),
        (100, 100, [Loss(100, 300, None, REJECTED)]),
        (100, 200, [Loss(100, 300, IN, REJECTED), Loss(200, 300, OUT, REJECTED)]),
        (300, 200, [Loss(200, 300, OUT, REJECTED)]),
        (300, 300, []),
    ],
)
def test_what_was_never_transcribed_is_told_at_the_end(inbound, outbound, losses):
    coverage = covering(chunk(0, 300))
    coverage.cover(IN, inbound)
    coverage.cover(OUT, outbound)
    assert coverage.rest(REJECTED) == losses


def test_what_nobody_will_transcribe_is_not_kept_and_still_told():
    coverage = covering(chunk(0, 300))
    coverage.discard()
    assert (coverage.backlog, coverage.rest(REJECTED)) == (0, [Loss(0, 300, None, REJECTED)])


def test_a_final_that_was_not_read_is_lost_where_it_says_it_lay():
    coverage = covering(chunk(0, 32_000))
    coverage.cover(IN, 8000)
    assert coverage.unread(IN, (0.5, 2.0), 32_000) == Loss(8000, 16_000, IN, UNREADABLE)
    assert coverage.transcribed_until == {IN: 16_000, OUT: 0}
    assert coverage.unread(IN, (1.0, 2.0), 32_000) is None  # it repeats what is known
    assert coverage.unread(OUT, (3.0, 9.0), 32_000) == Loss(24_000, 32_000, OUT, UNREADABLE)


@pytest.mark.parametrize(
    ("track", "start", "loss"),
    [
        (None, 16_000, Loss(8000, 16_000, IN, UNREADABLE)),
        (IN, 16_000, Loss(8000, 16_000, IN, UNREADABLE)),
        (OUT, 16_000, None),
        (None, 8160, None),  # an interim was not read: the finals follow each other
    ],
)
def test_a_final_that_lay_nobody_knows_where_is_lost_where_the_next_one_leaves_a_hole(
    track, start, loss
):
    coverage = covering(chunk(0, 32_000))
    coverage.cover(IN, 8000)
    assert coverage.hole_before(IN, 16_000) is None
    assert coverage.unread(track, None, 32_000) is None
    assert coverage.hole_before(IN, start) == loss
    assert coverage.transcribed_until[IN] == (8000 if loss is None else 16_000)
    assert coverage.hole_before(IN, 32_000) is None  # it is told once


def test_a_new_connection_is_sent_again_what_is_in_doubt():
    coverage = covering(chunk(0, 32_000))
    coverage.unread(None, None, 32_000)
    coverage.begin_anew()
    assert coverage.hole_before(IN, 16_000) is None
