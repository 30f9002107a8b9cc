"""handler/environ.py: how single variables are read."""

import pytest

from handler.environ import Reader, parse_duration, split_list
from handler.errors import SettingsError


@pytest.mark.parametrize("environ", [{}, {"A": ""}, {"A": " \n"}])
def test_an_empty_variable_counts_as_not_set(environ):
    read = Reader(environ)
    assert read.optional("A") is None
    assert read.text("A", "default") == "default"
    assert read.whole("A", 7, 0, 9) == 7
    assert read.duration("A", 1.5, 0, 9) == 1.5


def test_blanks_around_a_value_do_not_count():
    read = Reader({"A": " 5 "})
    assert (read.optional("A"), read.text("A", "x"), read.whole("A", 7, 0, 9)) == ("5", "5", 5)


@pytest.mark.parametrize("text", ["-1", "10", "5.0", "five", "\u0665", "0x5", "1" * 10])
def test_what_is_no_whole_number_in_its_range_is_refused_by_name(text):
    with pytest.raises(SettingsError, match=r"^A: .* is not a whole number from 0 to 9$"):
        Reader({"A": text}).whole("A", 7, 0, 9)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("1.5m", 90), ("12h", 43_200), ("7d", 604_800)],
)
def test_times_take_units(text, seconds):
    assert parse_duration(text) == seconds
    assert Reader({"A": text}).duration("A", 0, 0, 10**6) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "-1s", "1w", "1 h", "forever", "1h30m", "\u0663s", "1.", ".5"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="is not a time such as"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "words"), [("1w", "not a time"), ("2h", "not between 1 and 60")])
def test_a_time_that_does_not_do_is_refused_by_name(text, words):
    with pytest.raises(SettingsError, match=f"^A: .*{words}"):
        Reader({"A": text}).duration("A", 1, 1, 60)


@pytest.mark.parametrize(
    ("text", "parts"),
    [("", ()), (" , ,", ()), ("a", ("a",)), (",a", ("a",)), ("a, b\nc,,d ", ("a", "b", "c", "d"))],
)
def test_a_list_is_split_at_commas_and_blanks(text, parts):
    assert split_list(text) == parts
