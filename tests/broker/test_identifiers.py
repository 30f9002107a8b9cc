"""broker/identifiers.py: SIDs and numbers are matched whole."""

import pytest

from broker.errors import BadName
from broker.identifiers import E164, STREAM_SID, check_account_sid, check_call_sid, restore_plus

HEX = "0123456789abcdef" * 2


def test_a_sid_is_its_two_letters_and_32_hex_digits():
    assert check_call_sid(f"CA{HEX}") == f"CA{HEX}"
    assert check_account_sid(f"AC{HEX}") == f"AC{HEX}"
    assert STREAM_SID.fullmatch(f"MZ{HEX}")


@pytest.mark.parametrize("sid", ["", "*", f"AC{HEX}x", f"CA{HEX}.x", f"CA{HEX}\n", f"ca{HEX}"])
def test_what_is_no_sid_may_not_become_part_of_a_subject(sid):
    for check in (check_call_sid, check_account_sid):
        with pytest.raises(BadName):
            check(sid)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+15551230000", "+15551230000"),
        (" 15551230000", "+15551230000"),  # a query string, or a form, made it a blank
        (" anonymous", " anonymous"),
        ("15551230000", "15551230000"),
        ("", ""),
    ],
)
def test_a_number_gets_its_plus_sign_back(text, number):
    assert restore_plus(text) == number


@pytest.mark.parametrize("text", ["15551230000", "+0155", "+1", "+" + "1" * 16, "+1555x"])
def test_what_is_no_number_is_none(text):
    assert E164.fullmatch(text) is None
