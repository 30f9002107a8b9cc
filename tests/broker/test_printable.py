"""broker/printable.py: text of others, as it may be shown."""

import json

import pytest

from broker.printable import escaped, shown

HARMFUL = [*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *"\u2028\u2029\u202e\u2067\udc00"]


@pytest.mark.parametrize("character", HARMFUL)
def test_no_control_character_is_shown_and_none_is_lost_to_a_program(character):
    assert shown(f"a{character}b") in ("a b", "a\ufffdb")
    assert escaped(f"a{character}b") == f"a\\u{ord(character):04x}b"
    text = json.dumps(f"a{character}b", ensure_ascii=False)
    assert json.loads(escaped(text)) == f"a{character}b"


def test_what_ends_a_line_is_a_blank():
    assert shown("a\nb\tc\u2028d\x85e") == "a b c d e"


def test_lines_may_be_kept():
    assert escaped("{\n\t}\x1b\r", keep_lines=True) == "{\n\t}\\u001b\\u000d"


def test_all_else_stays_as_it_is():
    text = "Grüße, 您好 สวัสดี \u200f\u05d5\u00a0🎉"
    assert (shown(text), escaped(text)) == (text, text)
