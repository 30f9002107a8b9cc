"""Comparing transcripts: word error rate against a text, and word by word. Pure."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

import jiwer

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def words(text: str) -> list[str]:
    """Return the words of a text as they are compared: lower case, numbers spelled out."""
    found = re.findall(r"[a-z']+|[0-9]+", text.lower().replace("\u2019", "'"))
    spelled: list[str] = []
    for word in found:
        spelled += _spelled(word) if word.isdecimal() else [word.strip("'")]
    return [word for word in spelled if word]


def _spelled(digits: str) -> list[str]:
    """Spell a number up to 99 as one, a longer one digit by digit."""
    if len(digits) > 2:
        return [_ONES[int(digit)] for digit in digits]
    number = int(digits)
    if number < len(_ONES):
        return [_ONES[number]]
    tens, ones = _TENS[number // 10 - 2], number % 10
    return [tens, _ONES[ones]] if ones else [tens]


def error_rate(reference: str, heard: str) -> float:
    """Return the word error rate of what was heard against the reference text."""
    return float(jiwer.wer(" ".join(words(reference)), " ".join(words(heard))))


@dataclass(frozen=True, slots=True)
class Difference:
    """
    How two transcripts differ.

    Attributes:
        rate: Words that differ, as a share of the first's.
        places: Each difference in words.
    """

    rate: float
    places: tuple[str, ...]


def difference(first: str, second: str) -> Difference:
    """Compare two transcripts word by word."""
    one, two = words(first), words(second)
    places, count = [], 0
    for kind, a, b, c, d in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if kind != "equal":
            count += max(b - a, d - c)
            context = " ".join(one[max(0, a - 2) : a])
            places.append(f"… {context} [{' '.join(one[a:b])} | {' '.join(two[c:d])}]".strip())
    return Difference(count / max(1, len(one)), tuple(places))
