"""Comparing transcripts: word error rate against a text, and word by word. Pure."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

import jiwer

ONES = [
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
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
# Letters with apostrophes inside, or digits.
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|[0-9]+")
CONTEXT = 2  # words shown before a difference


def words(text: str) -> list[str]:
    """Return the words of a text as they are compared: lower case, numbers spelled out."""
    spelled: list[str] = []
    for word in _WORD.findall(text.lower().replace("\u2019", "'")):
        spelled += _spell(word) if word[0].isdigit() else [word]
    return spelled


def _spell(digits: str) -> list[str]:
    """Spell a number up to 100 as it is read, others digit by digit."""
    if digits == "100":
        return ["one", "hundred"]
    if len(digits) > 2 or (digits[0] == "0" and digits != "0"):
        return [ONES[int(digit)] for digit in digits]
    number = int(digits)
    if number < len(ONES):
        return [ONES[number]]
    tens, ones = TENS[number // 10 - 2], number % 10
    return [tens, ONES[ones]] if ones else [tens]


def error_rate(reference: str, recognised: str) -> float:
    """Return the word error rate of what was recognised against the reference text."""
    expected, found = words(reference), words(recognised)
    if not expected:
        return 1.0 if found else 0.0  # there is no share of nothing
    return float(jiwer.wer(" ".join(expected), " ".join(found)))


@dataclass(frozen=True, slots=True)
class Difference:
    """
    How two transcripts differ.

    Attributes:
        rate: Words that differ, as a share of the first's.
        places: Each difference in words: ``… context [first | second]``.
    """

    rate: float
    places: tuple[str, ...]


def difference(first: str, second: str) -> Difference:
    """Compare two transcripts word by word."""
    one, two = words(first), words(second)
    places, count = [], 0
    for kind, a, b, c, d in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        count += max(b - a, d - c)
        before = [*(["…"] if a > CONTEXT else []), *one[max(0, a - CONTEXT) : a]]
        places.append(" ".join([*before, f"[{' '.join(one[a:b])} | {' '.join(two[c:d])}]"]))
    return Difference(count / len(one) if one else float(bool(two)), tuple(places))
