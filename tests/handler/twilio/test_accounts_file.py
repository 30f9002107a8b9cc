"""handler/twilio/accounts_file.py: what a file of accounts holds, or what is wrong with it."""

import json

import pytest
from support.sids import account_sid

from handler.twilio.accounts_file import MAX_TOKENS, Entry, read_entries

ONE, TWO = account_sid(1), account_sid(2)
KEY = f"SK{'0' * 32}:hush-key"


def test_accounts_are_read_by_their_sids():
    file = {ONE: {"auth_tokens": ["a", "b"], "api_key": KEY}, TWO: {"auth_tokens": ["c"]}}
    assert read_entries(json.dumps(file).encode()) == {
        ONE: Entry(("a", "b"), KEY),
        TWO: Entry(("c",)),
    }


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({}, "is not like"),
        ({"auth_token": "hush"}, "is not like"),
        ({"auth_tokens": "hush"}, "is not like"),
        ({"auth_tokens": ["hush"], "name": "hush"}, "is not like"),
        ("hush", "is not like"),
        (None, "is not like"),
        ({"auth_tokens": []}, f"auth_tokens are 1 to {MAX_TOKENS}"),
        ({"auth_tokens": ["hush"] * (MAX_TOKENS + 1)}, "auth_tokens are 1 to"),
        ({"auth_tokens": ["hush", ""]}, "an auth token is a word"),
        ({"auth_tokens": ["hush hush"]}, "an auth token is a word"),
        ({"auth_tokens": ["hush…"]}, "an auth token is a word"),
        ({"auth_tokens": ["hush"], "api_key": "hush"}, "api_key is not like SK…:secret"),
    ],
)
def test_of_a_malformed_account_its_place_is_said_and_no_secret(entry, problem):
    file = {ONE: {"auth_tokens": ["hush"]}, TWO: entry}
    with pytest.raises(ValueError, match=f"^account 2, {TWO}: {problem}") as caught:
        read_entries(json.dumps(file).encode())
    assert "hush" not in str(caught.value)


def test_of_a_name_that_is_none_its_place_is_said_and_it_is_not_repeated():
    """It may be the auth token."""
    with pytest.raises(ValueError, match=r"^account 1: its name is not AC") as caught:
        read_entries(json.dumps({"hush": {"auth_tokens": [ONE]}}).encode())
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"hush", b'{"AC', b"[]", b"\xff", b'{"a":"\xff"}', b"null"])
def test_a_file_that_is_none_is_refused_in_words(data):
    with pytest.raises(ValueError, match=r"is no JSON like|account 1: its name"):
        read_entries(data)


def test_a_file_that_is_nested_without_end_is_refused():
    data = f'{{"{ONE}":{"[" * 100_000}'.encode()
    with pytest.raises(ValueError, match="is no JSON like"):
        read_entries(data)
    with pytest.raises(ValueError, match="is not like"):
        read_entries(f'{{"{ONE}":{"[" * 500 + "]" * 500}}}'.encode())


def test_a_file_without_an_account_is_refused():
    with pytest.raises(ValueError, match="names no account"):
        read_entries(b"{}")


def test_no_secret_shows():
    assert "hush" not in repr(Entry(("hush",), "hush"))
