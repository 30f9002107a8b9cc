"""Comparing transcripts."""

import pytest

from rehearsal.compare import difference, error_rate, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", "hello world"),
        ("Don\u2019t 'quote' me", "don't quote me"),
        (
            "it's 0, 7, 19, 20, 42 and 100",
            "it's zero seven nineteen twenty forty two and one hundred",
        ),
        ("account 4719", "account four seven one nine"),
        ("05 and 007", "zero five and zero zero seven"),
        ("ten-fold naïve 3rd", "ten fold naïve three rd"),
        ("", ""),
    ],
)
def test_words_are_compared_without_their_dress(text, expected):
    assert " ".join(words(text)) == expected


def test_the_error_rate_counts_words_of_the_reference():
    assert error_rate("one two three four", "One, two, four.") == 0.25
    assert error_rate("twelve dollars", "12 dollars") == 0.0
    assert error_rate("", "") == 0.0
    assert error_rate("", "a word") == 1.0


def test_a_difference_shows_its_places_in_context():
    differs = difference("may I have the street address please", "may I have the street a dress")
    assert differs.rate == 2 / 7
    assert differs.places == ("… the street [address please | a dress]",)


def test_what_is_added_counts_too():
    assert difference("a b c d", "a b x y c d").rate == 0.5
    assert difference("", "anything").rate == 1.0
    assert difference("same words", "Same words.").places == ()
