"""Calls whose every word is known by name and place, and whether a transcript has them all."""

import re
from dataclasses import dataclass
from typing import Any

from bench.load import voices
from rehearsal.audio import SAMPLE_RATE
from rehearsal.scripted import name

# A word that somebody cut in two, and what is heard of one beside a gap: nearer than this.
NEAR = 0.6


@dataclass(frozen=True)
class Said:
    """A word of a call: its name, and where it lies in its recording, in seconds."""

    word: str
    start: float
    end: float


@dataclass(frozen=True)
class Side:
    """What one side of a call says."""

    audio: bytes
    words: tuple[Said, ...]


def talk(seed: int, seconds: float) -> Side:
    """Return a side: words of 200 to 400 ms, no two alike, with pauses of 50 to 800 ms."""
    return side(voices.talk(seed, seconds))


def side(audio: bytes) -> Side:
    """Return a side by its audio: each word is named by its samples, and lies between silences."""
    words = (
        Said(name(found[0]), found.start() / SAMPLE_RATE, found.end() / SAMPLE_RATE)
        for found in re.finditer(rb"[^\xff]+", audio)
    )
    return Side(audio, tuple(words))


def heard(records: list[dict[str, Any]], track: str) -> list[tuple[str, float]]:
    """Return the words of one side in a transcript, and where each begins on the call clock."""
    return [
        (word["word"], word["start"])
        for record in records
        if record["type"] == "Results" and record["track"] == track
        for word in record["channel"]["alternatives"][0]["words"]
    ]


def gaps(records: list[dict[str, Any]], track: str) -> list[tuple[float, float]]:
    return [
        (record["start"], record["end"])
        for record in records
        if record["type"] == "Gap" and record["track"] in (None, track)
    ]


def faults(
    records: list[dict[str, Any]], sides: dict[str, Side], *, seams: bool = True
) -> list[str]:
    """
    Return what is wrong with a transcript: words lost outside of gaps, doubled, or made up.

    Args:
        records: All records of a call, in order.
        sides: What was said, by track.
        seams: Whether a word may be cut in two where one container has followed another that died.
    """
    found = []
    if [record["seq"] for record in records] != list(range(1, len(records) + 1)):
        found.append("seq is not dense")
    ends = [record["type"] for record in records].count("CallEnded")
    if ends != 1 or records[-1]["type"] != "CallEnded":
        found.append(f"{ends} ends")
    for track, side in sides.items():
        found += _faults_of(heard(records, track), gaps(records, track), track, side, seams=seams)
    return found


def _faults_of(
    words: list[tuple[str, float]],
    lost: list[tuple[float, float]],
    track: str,
    side: Side,
    *,
    seams: bool,
) -> list[str]:
    said = {one.word: one for one in side.words}
    known = [(word, start) for word, start in words if word in said]
    if not known:
        return [f"{track}: nothing was heard"]
    # Recordings begin some time behind the call clock's zero, the same for all of a call's words.
    zero = sorted(start - said[word].start for word, start in known)[len(known) // 2]

    def beside_a_gap(start: float, end: float) -> bool:
        return any(begins - NEAR < end and start < ends + NEAR for begins, ends in lost)

    found = []
    times = [word for word, _ in known]
    found += [f"{track}: {word} twice" for word in set(times) if times.count(word) > 1]
    for one in side.words:
        start, end = one.start + zero, one.end + zero
        if one.word not in times and not beside_a_gap(start, end):
            near = [word for word, at in words if word not in said and start - NEAR < at < end]
            if not (seams and near):
                found.append(f"{track}: {one.word} at {start:.2f} s lost")
    if not seams:
        made_up = [f"{word} at {start:.2f} s" for word, start in words if word not in said]
        found += [f"{track}: {one} was not said" for one in made_up]
    return found
