"""handler/cli/arguments.py: what several commands take."""

import argparse

import pytest
from support.sids import account_sid, call_sid

from handler.cli import arguments


@pytest.mark.parametrize(
    ("read", "good", "bad", "words"),
    [
        (arguments.read_number, "+15551230000", "15551230000", "a number such as +15551230000"),
        (arguments.read_account_sid, account_sid(1), call_sid(1), "AC and 32 lower-case hex"),
        (arguments.read_call_sid, call_sid(1), account_sid(1), "CA and 32 lower-case hex"),
        (arguments.read_service, "wss://a.example", "ftp://a.example", "like https://calls."),
        (arguments.read_service, "http://127.0.0.1:1", "https://a.example:1x", "like https://c"),
    ],
)
def test_what_is_none_is_refused_with_what_one_is_like(read, good, bad, words):
    assert read(good) == good
    with pytest.raises(argparse.ArgumentTypeError, match=f"is not {words}".replace("+", "\\+")):
        read(bad)


def test_a_refused_address_is_shown_without_its_user():
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        arguments.read_service("ftp://user:hush@a.example")
    assert "hush" not in str(caught.value)
