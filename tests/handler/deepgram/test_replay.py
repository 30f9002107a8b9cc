"""handler/deepgram/replay.py: audio that may be needed again; where a connection's times lie."""

import pytest

from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.deepgram.replay import ReplayBuffer, SentAudio


def chunk(start: int, length: int) -> Chunk:
    return Chunk(start, bytes(range(length)) * 2 if length < 128 else bytes(2 * length))


def dropped(start: int, end: int) -> Loss:
    return Loss(start, end, None, "recogniser-unreachable")


def test_audio_is_found_by_position_and_cut_there():
    buffer = ReplayBuffer(capacity=1000)
    buffer.append(Chunk(0, b"aAbBcC"))
    buffer.append(Chunk(3, b"dDeE"))
    assert buffer.after(0) == Chunk(0, b"aAbBcC")
    assert buffer.after(1) == Chunk(1, b"bBcC")
    assert buffer.after(3) == Chunk(3, b"dDeE")
    assert buffer.after(5) is None


def test_a_leap_of_the_call_is_seen_by_the_start():
    buffer = ReplayBuffer(capacity=1000)
    buffer.append(chunk(0, 10))
    buffer.append(chunk(500, 10))
    assert buffer.after(10).start == 500


def test_what_was_heard_is_released():
    buffer = ReplayBuffer(capacity=1000)
    for start in (0, 100, 200):
        buffer.append(chunk(start, 100))
    buffer.release(150)
    assert (buffer.size, buffer.end) == (200, 300)
    assert buffer.after(0).start == 100


def test_what_does_not_fit_is_lost_once_and_from_what_was_not_heard():
    buffer = ReplayBuffer(capacity=300)
    for start in range(0, 1000, 100):
        buffer.append(chunk(start, 100))
    assert buffer.size == 300
    assert buffer.collect_dropped(50) == dropped(50, 700)
    assert buffer.collect_dropped(50) is None


def test_what_was_heard_before_it_fell_out_is_not_lost():
    buffer = ReplayBuffer(capacity=200)
    for start in range(0, 500, 100):
        buffer.append(chunk(start, 100))
    assert buffer.collect_dropped(300) is None


def test_times_are_moved_by_the_first_byte_and_by_each_leap():
    sent = SentAudio()
    sent.add(Chunk(80_000, bytes(2 * 8000)))
    sent.add(Chunk(88_000, bytes(2 * 8000)))
    sent.add(Chunk(800_000, bytes(2 * 8000)))
    assert sent.starts_at(0.5) == pytest.approx(10.5)
    assert sent.ends_at(2.0) == pytest.approx(12.0)
    assert sent.starts_at(2.0) == pytest.approx(100.0)
    assert sent.ends_at(2.5) == pytest.approx(100.5)
    assert (sent.samples, sent.end) == (24_000, 808_000)


def test_times_are_moved_by_the_same_until_the_call_makes_a_leap():
    sent = SentAudio()
    assert sent.starts_at(1.5) == sent.ends_at(1.5) == 1.5
    for start in (80_000, 88_000):
        sent.add(Chunk(start, bytes(2 * 8000)))
        assert sent.starts_at(1.5) == sent.ends_at(1.5) == 11.5
    sent.add(Chunk(800_000, bytes(2 * 8000)))
    assert (sent.starts_at(1.5), sent.ends_at(1.5)) == (11.5, 11.5)
    assert (sent.starts_at(2.5), sent.ends_at(2.5)) == (100.5, 100.5)


def test_nothing_sent_moves_nothing():
    assert (SentAudio().starts_at(1.5), SentAudio().end) == (1.5, 0)


def test_what_was_sent_and_never_heard_is_lost_when_the_connection_is():
    buffer = ReplayBuffer(capacity=200)
    for start in range(0, 500, 100):
        buffer.append(chunk(start, 100))
        assert (
            buffer.collect_dropped(start + 100) is None
        )  # sent at once, so nothing is missing yet
    assert buffer.collect_dropped(50) == dropped(50, 300)


def test_what_was_heard_after_all_is_not_lost():
    buffer = ReplayBuffer(capacity=200)
    for start in range(0, 500, 100):
        buffer.append(chunk(start, 100))
    buffer.release(300)
    assert buffer.collect_dropped(0) is None


def test_what_was_never_sent_has_no_leap():
    sent = SentAudio()
    assert sent.end == 0
    assert (sent.starts_at(1.5), sent.ends_at(1.5)) == (1.5, 1.5)


def test_releasing_what_is_released_changes_nothing():
    buffer = ReplayBuffer(capacity=1000)
    buffer.append(chunk(0, 100))
    buffer.append(chunk(100, 100))
    buffer.release(100)
    buffer.release(50)
    assert (buffer.size, buffer.after(0).start) == (100, 100)
