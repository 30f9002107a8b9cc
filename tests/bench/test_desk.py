"""bench/desk: its calls are believable and ours, and small pictures are the same pictures."""

import re
import struct
import zlib
from itertools import islice, pairwise

import numpy as np
import pytest

from bench.desk.png import MOST, encode
from bench.desk.talk import LINES, TOPICS, Talk, sentences

TALKS = [Talk(number) for number in range(50)]


def decode(png: bytes) -> np.ndarray:
    """Read a picture as :func:`encode` writes it, in the obvious way."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        [size] = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert png[at + 8 + size : at + 12 + size] == struct.pack(">I", zlib.crc32(kind + data))
        chunks[kind] = data
        at += 12 + size
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    return palette[rows[:, 1:]]


def test_a_picture_of_few_colours_is_the_same_picture():
    source = np.random.default_rng(1)
    picture = source.integers(0, 256, (MOST, 3), np.uint8)[source.integers(0, MOST, (40, 70))]
    assert np.array_equal(decode(encode(picture)), picture)


def test_a_colour_too_many_becomes_the_nearest():
    often = np.stack([np.arange(MOST)] * 3, axis=1).astype(np.uint8)
    picture = np.concatenate([often, often, [[9, 9, 10]]]).astype(np.uint8).reshape(1, -1, 3)
    shown = decode(encode(picture))
    assert np.array_equal(shown[:, :-1], picture[:, :-1])
    assert shown[0, -1].tolist() == [9, 9, 9]


def test_a_call_is_the_same_each_time_and_no_other_one():
    assert len({talk.customer for talk in TALKS}) == len(TALKS)
    for talk in TALKS:
        assert list(islice(talk.lines(), 60)) == list(islice(Talk(talk.number).lines(), 60))


@pytest.mark.parametrize("talk", TALKS, ids=lambda talk: str(talk.number))
def test_numbers_are_those_that_nobody_has(talk):
    numbers = [talk.facts["from_"], talk.facts["to"]]
    assert sorted(numbers) == sorted([talk.customer, LINES[talk.topic.queue]])
    for number in numbers:
        assert re.fullmatch(r"\+1\d{3}55501\d\d", number)


@pytest.mark.parametrize("talk", TALKS[: len(TOPICS)], ids=lambda talk: talk.topic.about)
def test_lines_follow_each_other_and_grow_word_by_word(talk):
    lines = list(islice(talk.lines(), 60))
    assert all(a.end < b.start for a, b in pairwise(lines))
    assert {line.track for line in lines} == {"inbound", "outbound"}
    for line in lines:
        [whole] = line.result()["channel"]["alternatives"]
        assert whole["transcript"] == line.text
        assert whole["words"][-1]["end"] == pytest.approx(line.end, abs=0.01)
        assert line.result(line.start) is None
        first = line.result(line.start + line.duration / len(line.text.split()) + 0.01)
        assert first["channel"]["alternatives"][0]["transcript"] == line.text.split()[0]


def test_silence_is_added_between_lines():
    calm, usual = Talk(3, rest=2.0), Talk(3)
    pairs = zip(islice(calm.lines(), 9), islice(usual.lines(), 9), strict=True)
    assert [round(a.start - b.start, 6) for a, b in pairs] == [2.0 * number for number in range(9)]


def test_very_short_sentences_are_not_alone():
    assert sentences("Hold on. Yes, there is one. Okay, it says.") == [
        "Hold on. Yes, there is one.",
        "Okay, it says.",
    ]
