"""handler/subscribers/lines.py: how wide a text is, and where its lines break."""

import pytest

from handler.subscribers.lines import join, width, wrap


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("Hello", 5),
        ("您好", 4),
        ("สวัสดี", 4),
        ("e\u0301", 1),
        ("ｱ", 1),
        ("\uff21", 2),
        ("🎉", 2),
        ("\u200d", 0),
    ],
)
def test_a_text_is_as_wide_as_its_columns(text, columns):
    assert width(text) == columns


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("one two three", ["one two", "three"]),
        ("one  two", ["one  two"]),
        ("a verylongword b", ["a verylo", "ngword b"]),
        ("一二三四五六", ["一二三四", "五六"]),
        ("一二三四。五", ["一二三", "四。五"]),
        ("一二三「四五", ["一二三", "「四五"]),
        ("一二三カード", ["一二三", "カード"]),
        ("ab一二三四", ["ab一二三", "四"]),
        ("가나 다라마", ["가나", "다라마"]),
        ("e\u0301" * 10, ["e\u0301" * 8, "e\u0301" * 2]),
    ],
)
def test_a_line_breaks_where_its_script_lets_it(text, lines):
    assert wrap(text, 8) == lines


def test_a_line_may_break_where_a_word_begins():
    assert wrap("onetwothree", 8) == ["onetwoth", "ree"]
    assert wrap("onetwothree", 8, {3, 6}) == ["onetwo", "three"]
    assert wrap("onetwo.three", 7, {3, 6}) == ["onetwo.", "three"]


@pytest.mark.parametrize(
    ("before", "after", "joined"),
    [
        ("One.", "Two.", "One. Two."),
        ("您好。", "请问", "您好。请问"),
        ("안녕", "고객", "안녕 고객"),
        ("はい", "OK", "はい OK"),
        ("🎉", "🎉", "🎉 🎉"),
        ("", "x", "x"),
        ("x", "", "x"),
    ],
)
def test_what_is_said_in_a_row_is_joined_as_its_script_has_it(before, after, joined):
    assert join(before, after) == joined
