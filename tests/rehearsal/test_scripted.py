"""The recognisers that recognise nothing."""

import json
import random
import zlib

import pytest

from rehearsal.errors import BadScript
from rehearsal.scripted import FixedLines, Line, NamedAudio, Scripted, names, read_script
from rehearsal.segments import Segment

SILENCE = b"\xff"


def sound(seconds: float, seed: int = 1) -> bytes:
    source = random.Random(seed)
    return bytes(source.randrange(1, 127) for _ in range(int(seconds * 8000)))


def word(audio: bytes) -> str:
    return f"{zlib.crc32(audio):08x}"


def said(recogniser, audio: bytes, sizes=None) -> list[Segment]:
    """Everything that is said of some audio, fed in pieces of random sizes."""
    segments, at = [], 0
    while at < len(audio):
        size = sizes() if sizes else len(audio)
        segments += recogniser.feed(audio[at : at + size])
        at += size
    return segments + recogniser.finish()


def finals(segments: list[Segment]) -> list[Segment]:
    return [segment for segment in segments if segment.final]


def test_a_run_of_sound_between_pauses_is_a_word_that_names_its_bytes():
    one, two = sound(0.3, seed=1), sound(0.2, seed=2)
    audio = SILENCE * 1000 + one + SILENCE * 160 + two + SILENCE * 8000
    segments = said(NamedAudio(endpointing=300), audio)
    assert [segment.text for segment in finals(segments) if segment.words] == [
        f"{word(one)} {word(two)}"
    ]
    [final] = [segment for segment in finals(segments) if segment.words]
    assert final.speech_final
    assert [(w.start, w.end) for w in final.words] == [(0.125, 0.425), (0.445, 0.645)]


def test_both_zeros_of_mulaw_are_silence_and_short_ones_belong_to_a_word():
    run = sound(0.1) + b"\x7f" * 159 + sound(0.1)
    assert names(b"\x7f" * 500 + run + b"\xff\x7f" * 80) == [word(run)]


def test_long_sound_is_a_word_every_half_second_exactly():
    run = sound(1.2)
    assert names(SILENCE * 77 + run) == [
        word(run[:4000]),
        word(run[4000:8000]),
        word(run[8000:]),
    ]


def test_words_are_the_same_wherever_on_the_stream_they_are():
    run = sound(1.7)
    assert (
        len({tuple(names(SILENCE * lead + run + SILENCE * 200)) for lead in range(0, 400, 7)}) == 1
    )


def test_finals_tile_to_the_last_byte_and_are_a_second_long_at_most():
    audio = sound(2.3) + SILENCE * 20_000 + sound(0.7, seed=2) + SILENCE * 301
    segments = finals(said(NamedAudio(endpointing=300), audio))
    assert segments[0].start == 0
    assert [s.end for s in segments[:-1]] == [s.start for s in segments[1:]]
    assert segments[-1].end == len(audio)
    assert max(s.end - s.start for s in segments) <= 8000
    assert [w.text for s in segments for w in s.words] == names(audio)


def test_what_is_said_does_not_depend_on_the_sizes_of_the_pieces():
    audio = sound(1.4) + SILENCE * 5000 + sound(0.6, seed=3) + SILENCE * 9001
    whole = said(NamedAudio(endpointing=200), audio)
    lines = [Line(0, 0.2, 1.1, "one two three"), Line(0, 1.3, 3.0, "four"), Line(0, 9, 10, "five")]
    fixed = said(FixedLines(lines), audio)
    for seed in range(20):
        sizes = random.Random(seed)
        pieces = lambda sizes=sizes: sizes.randrange(1, 3000)  # noqa: E731
        assert said(NamedAudio(endpointing=200), audio, pieces) == whole
        assert said(FixedLines(lines), audio, pieces) == fixed


def test_interims_restate_the_open_segment_while_there_are_words():
    audio = sound(0.4) + SILENCE * 160 + sound(0.4, seed=2) + SILENCE * 16_000
    segments = said(NamedAudio(endpointing=300), audio)
    interims = [segment for segment in segments if not segment.final]
    # A word stands 20 ms behind its end; the next interim is at least 300 ms away.
    assert [(s.start, s.end, len(s.words)) for s in interims] == [(0, 3360, 1), (0, 5760, 1)]


def test_finishing_ends_the_open_word_and_more_may_follow():
    one, two = sound(0.1, seed=1), sound(0.1, seed=2)
    recogniser = NamedAudio(endpointing=None)
    recogniser.feed(one)
    assert recogniser.finish() == finals(said(NamedAudio(endpointing=None), one))
    assert recogniser.finish() == []
    recogniser.feed(two)
    [final] = recogniser.finish()
    assert (final.start, final.end, final.text) == (800, 1600, word(two))


def test_fixed_lines_come_when_the_audio_has_passed_them():
    lines = [Line(0, 1.5, 2.5, "Hello there."), Line(1, 0, 1, "Not here.")]
    recogniser = Scripted(lines)(channel=0, endpointing=300)
    assert [s.end for s in recogniser.feed(bytes(15_999))] == [8000]
    interim, final = recogniser.feed(bytes(8001))
    assert (interim.final, interim.text) == (False, "Hello")
    assert (final.start, final.end, final.text) == (8000, 20_000, "Hello there.")
    assert final.speech_final
    assert [(w.start, w.end) for w in final.words] == [(1.5, 2.0), (2.0, 2.5)]


def test_fixed_finals_tile_when_lines_overlap():
    lines = [Line(0, 0.0, 1.0, "a"), Line(0, 0.5, 1.0, "b"), Line(0, 0.2, 0.9, "c")]
    segments = finals(said(FixedLines(lines), bytes(12_345)))
    assert [s.end for s in segments[:-1]] == [s.start for s in segments[1:]]
    assert [s.text for s in segments if s.words] == ["c", "a", "b"]
    assert segments[-1].end == 12_345


def test_a_script_is_read_by_channel():
    script = {"0": [{"start": 1, "end": 2.5, "text": "Hi."}], "1": []}
    assert read_script(json.dumps(script)) == [Line(0, 1.0, 2.5, "Hi.")]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", '{"0": [1]}', '{"x": [{"start": 0, "end": 1, "text": ""}]}']
    + [f'{{"0": [{{"start": {span}, "text": "x"}}]}}' for span in ('2, "end": 1', '0, "end": 1e9')]
    + ['{"0": [{"start": 0, "end": NaN, "text": "x"}]}', "[" * 100_000],
)
def test_a_bad_script_is_refused(text):
    with pytest.raises(BadScript):
        read_script(text)
