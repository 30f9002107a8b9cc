"""
Text on lines: how wide it is, where a line may break, where a blank belongs. Pure.

Widths are those of a terminal and of subtitles: a Chinese character takes two columns, a combining
mark none. https://www.unicode.org/reports/tr11/
"""

import unicodedata
from collections.abc import Collection, Iterator
from functools import lru_cache

# Categories of what is drawn upon, or within, the character before it.
_NO_WIDTH = frozenset({"Mn", "Me", "Cf"})
_CLOSING = frozenset({"Pe", "Pf", "Po"})
_OPENING = frozenset({"Ps", "Pi"})
# They go on with what is before them, too: prolonged and repeated sounds, small kana.
_GOING_ON = frozenset("ー々〻ゝゞヽヾぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ")

# An hour of talk asks some million times about characters, and pairs of them: a few thousand.
CHARACTERS = 8192


def width(text: str) -> int:
    """Return how many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def join(before: str, after: str) -> str:
    """Join what is said one after the other: Chinese and Japanese have no blanks."""
    if before and after and _is_unspaced(before[-1]) and _is_unspaced(after[0]):
        return before + after
    return f"{before} {after}".strip(" ")


def wrap(text: str, columns: int, cuts: Collection[int] = ()) -> list[str]:
    """Break a text into lines of so many columns, as :func:`split` does, without blanks at ends."""
    return [line.strip(" ") for line in split(text, columns, cuts) if line.strip(" ")]


def split(text: str, columns: int, cuts: Collection[int] = ()) -> list[str]:
    """
    Split a text into parts that are lines of so many columns, but for blanks at their ends.

    Args:
        text: Without line breaks.
        columns: The widest line.
        cuts: Where words begin: there a line may break in scripts without blanks, too.
    """
    if width(text.rstrip(" ")) <= columns:
        return [text]
    lines: list[str] = []
    line = ""
    for unit in _units(text, frozenset(cuts)):
        if line and width((line + unit).rstrip(" ")) <= columns:
            line += unit
        elif width(unit.rstrip(" ")) <= columns:
            lines += [line] if line else []
            line = unit
        else:
            *whole, line = _chopped(line + unit, columns)
            lines += whole
    return [*lines, line]


@lru_cache(CHARACTERS)
def _columns(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _is_unspaced(character: str) -> bool:
    """Whether it is of a script without blanks whose lines may break anywhere; Korean is not."""
    if unicodedata.category(character) == "So":  # a picture
        return False
    wide = unicodedata.east_asian_width(character) in "WF"
    return wide and not unicodedata.name(character, "").startswith("HANGUL")


def _units(text: str, cuts: Collection[int]) -> Iterator[str]:
    """Yield the parts of a text that stay together."""
    begin = 0
    for at in range(1, len(text)):
        if _may_break(text[at - 1], text[at], is_cut=at in cuts):
            yield text[begin:at]
            begin = at
    yield text[begin:]


@lru_cache(CHARACTERS)
def _may_break(before: str, after: str, *, is_cut: bool) -> bool:
    if after == " ":
        return False
    if before == " ":
        return True
    if not _columns(after) or after in _GOING_ON:
        return False
    kinds = unicodedata.category(before), unicodedata.category(after)
    if kinds[0] in _OPENING or kinds[1] in _CLOSING:
        return False
    return is_cut or _is_unspaced(before) or _is_unspaced(after)


def _chopped(text: str, columns: int) -> Iterator[str]:
    """Cut what is longer than a line, never before a mark that belongs to a character."""
    begin = taken = 0
    for at, character in enumerate(text):
        wide = _columns(character)
        if taken + wide > columns and character != " ":
            yield text[begin:at]
            begin, taken = at, 0
        taken += wide
    yield text[begin:]
