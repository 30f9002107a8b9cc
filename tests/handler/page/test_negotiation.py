"""What whoever asks can take, and what they have."""

import pytest

from handler.page.negotiation import has_it, takes_gzip


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("", False),
        ("gzip, deflate, br", True),
        ("br;q=1.0, GZIP;q=0.5", True),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip ; q=0.000, *", False),
        ("gzip;q=0.001", True),
        ("*", True),
        ("*;q=0", False),
        ("x-gzip", True),
        (";;,,q=", False),
    ],
)
def test_gzip_is_sent_to_who_takes_it(said, taken):
    assert takes_gzip(said) is taken


@pytest.mark.parametrize(
    ("said", "has"),
    [
        ("", False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", W/"a"', True),
        ('"ab"', False),
        ("a", False),
        (" * ", True),
    ],
)
def test_what_is_had_is_known_by_its_tag(said, has):
    assert has_it(said, '"a"') is has
