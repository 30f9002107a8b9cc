"""The real recogniser, on short recordings of people."""

import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from rehearsal import audio
from rehearsal.compare import error_rate
from rehearsal.recognise import recognise, transcript
from rehearsal.recogniser import Moonshine, _doubled
from rehearsal.segments import Segment

SILENCE = b"\xff"
PAUSE = SILENCE * 6000


@pytest.fixture
def go_forward(speech) -> bytes:
    return audio.read(speech / "psx-goforward.wav")


def said(moonshine: Moonshine, samples: bytes, sizes=None, endpointing=300) -> list[Segment]:
    recogniser = moonshine(channel=0, endpointing=endpointing)
    segments, at = [], 0
    while at < len(samples):
        size = sizes() if sizes else len(samples)
        segments += recogniser.feed(samples[at : at + size])
        at += size
    return segments + recogniser.finish()


def test_short_recordings_are_understood(moonshine, speech):
    texts = {u["file"]: u["text"] for u in json.loads((speech / "utterances.json").read_text())}
    chosen = ["psx-goforward.wav", "psx-something.wav", "cities-1.wav", "cities-6.wav"]
    heard = [transcript(recognise(audio.read(speech / name), moonshine)) for name in chosen]
    assert error_rate(" ".join(texts[name] for name in chosen), " ".join(heard)) < 0.15


def test_finals_tile_from_0_to_the_last_byte_in_silence_too(moonshine, go_forward):
    samples = SILENCE * 30_001 + go_forward + SILENCE * 40_000 + go_forward + SILENCE * 77
    finals = [segment for segment in said(moonshine, samples) if segment.final]
    assert finals[0].start == 0
    assert [s.end for s in finals[:-1]] == [s.start for s in finals[1:]]
    assert finals[-1].end == len(samples)
    assert max(s.end - s.start for s in finals) <= 9 * 8000
    assert max(s.end - s.start for s in finals if not s.words) <= 5 * 8000


def test_interims_precede_a_final_and_words_lie_within_it(moonshine, go_forward):
    segments = said(moonshine, PAUSE + go_forward + PAUSE)
    final = next(segment for segment in segments if segment.final and segment.words)
    interims = [segment for segment in segments if not segment.final]
    assert interims
    assert all(interim.start == final.start and interim.words for interim in interims)
    assert segments.index(interims[-1]) < segments.index(final)
    assert final.speech_final
    times = [time for word in final.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert final.start / 8000 <= times[0] < times[-1] <= final.end / 8000
    assert all(0 < word.confidence <= 1 for word in final.words)


def test_what_is_said_does_not_depend_on_the_sizes_of_the_pieces(moonshine, go_forward):
    samples = PAUSE + go_forward + PAUSE
    source = random.Random(1)
    assert said(moonshine, samples, lambda: source.randrange(1, 2000)) == said(moonshine, samples)


def test_silence_that_was_filled_in_before_changes_no_word(moonshine, go_forward):
    samples = go_forward + PAUSE
    alone = [s for s in said(moonshine, samples) if s.final and s.words]
    shifted = [s for s in said(moonshine, SILENCE * 1247 + samples) if s.final and s.words]
    assert [s.text for s in shifted] == [s.text for s in alone]
    assert [s.end for s in shifted] == [s.end + 1247 for s in alone]
    assert shifted[0].words[0].start == pytest.approx(
        alone[0].words[0].start + 1247 / 8000, abs=2e-3
    )


def test_finishing_ends_a_phrase_and_more_may_follow(moonshine, go_forward):
    recogniser = moonshine(channel=0, endpointing=300)
    before = recogniser.feed(PAUSE + go_forward[:8000]) + recogniser.finish()
    assert any(s.words for s in before if s.final)
    assert recogniser.finish() == []
    after = recogniser.feed(go_forward[8000:] + PAUSE) + recogniser.finish()
    finals = [s for s in before + after if s.final]
    assert [s.end for s in finals[:-1]] == [s.start for s in finals[1:]]
    assert finals[-1].end == 2 * len(PAUSE) + len(go_forward)


def test_a_long_phrase_is_cut_without_an_endpoint(moonshine, speech):
    samples = audio.read(speech / "cities-8.wav")
    finals = [s for s in said(moonshine, samples, endpointing=None) if s.final and s.words]
    assert len(finals) > 1
    assert [s.speech_final for s in finals] == [False] * (len(finals) - 1) + [True]


def test_doubling_the_rate_keeps_the_samples_and_finds_what_lies_between():
    times = np.arange(800) / 8000
    tone = np.sin(2 * np.pi * 440 * times).astype(np.float32)
    doubled = _doubled(tone)
    assert np.array_equal(doubled[::2], tone)
    between = np.sin(2 * np.pi * 440 * (times + 1 / 16_000))
    # At the ends it has nothing to go by.
    assert np.abs(doubled[1::2] - between)[16:-16].max() < 1e-3


def test_words_do_not_depend_on_the_processors_linear_algebra(speech):
    """As numpy picks it for itself, and as for the oldest processor that its OpenBLAS knows."""
    said = [
        subprocess.run(
            [sys.executable, "-m", "rehearsal.cli", "recognise", "--json", "psx-goforward.wav"],
            env={"PATH": os.environ["PATH"], **environ},
            cwd=speech,
            capture_output=True,
            check=True,
        ).stdout
        for environ in ({}, {"OPENBLAS_CORETYPE": "Prescott"})
    ]
    assert said[0] == said[1]


def test_digital_silence_says_nothing_every_three_seconds(moonshine):
    segments = said(moonshine, SILENCE * 60_000)
    assert [(s.end - s.start, s.final, s.words) for s in segments] == [
        (24_000, True, ()),
        (24_000, True, ()),
        (12_000, True, ()),
    ]
