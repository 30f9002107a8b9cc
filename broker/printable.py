"""
Text of others as it may be shown: on a terminal, in a file that a terminal or a player shows. Pure.

Control characters move cursors, set titles and clear screens; overrides of the direction of writing
let a line read as another one.
"""

import re

_BLANKS = "\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029"
# C0, DEL and C1; separators of lines; overrides, embeddings and isolates of direction; halves of
# characters, which cannot be written at all.
_HARMFUL = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"

_blank = re.compile(f"[{_BLANKS}]")
_harmful = re.compile(f"[{_HARMFUL}]")
_harmful_but_lines = re.compile(f"(?![\t\n])[{_HARMFUL}]")


def shown(text: str) -> str:
    """Return a text for people: what ends or moves lines is a blank, what else does harm a mark."""
    return _harmful.sub("\ufffd", _blank.sub(" ", text))


def escaped(text: str, *, keep_lines: bool = False) -> str:
    r"""
    Return a text for programs, too: what does harm is written ``\u001b``.

    So JSON says the same as before; between its tokens it may have lines.
    """
    return (_harmful_but_lines if keep_lines else _harmful).sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
