"""Signatures are those of Twilio's documentation, and of its own validator."""

import pytest
from hypothesis import strategies as some
from support.properties import prove
from twilio.request_validator import RequestValidator

from rehearsal.twilio.signing import sign, signed_part

TOKEN = "12345"
FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675310",
    "Digits": "1234",
    "From": "+14158675310",
    "To": "+18005551212",
}
TEXTS = some.text(some.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.mark.parametrize(
    ("url", "form", "expected"),
    [
        ("https://example.com/myapp.php?foo=1&bar=2", FORM, "L/OH5YylLD5NRKLltdqwSvS0BnU="),
        ("wss://example.com/media", {}, "7PR3qMkpDyEJtMrVOY/LDyNq8J8="),
        ("wss://example.com/media/", {}, "T+WBXwUXC0/CyoZ1DA+p9ilZORs="),
        ("https://example.com/media", {}, "6HZQ7Cq/dSYDCAiy3qRA6PZfACI="),
    ],
)
def test_signatures_are_those_of_the_documentation(url, form, expected):
    assert sign(TOKEN, url, form.items()) == expected


@pytest.mark.proof
def test_the_official_validator_computes_the_same(rounds):
    url = "https://example.com/twilio/voice?a=1"
    oracle = RequestValidator(TOKEN)

    def holds(form: dict[str, str]) -> None:
        assert sign(TOKEN, url, form.items()) == oracle.compute_signature(url, form)

    prove(rounds, some.dictionaries(TEXTS, TEXTS), holds, full=1000)


def test_values_of_one_name_are_sorted_and_count_once():
    twice = [("b", "2"), ("a", "3"), ("b", "1"), ("b", "2")]
    assert sign(TOKEN, "u", twice) == sign(TOKEN, "ua3b1b2")


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://h.example/voice?a=1#rc=3&rp=all", "https://h.example/voice?a=1"),
        ("https://h.example:8443/voice", "https://h.example/voice"),
        ("http://h.example:8080/voice", "http://h.example:8080/voice"),
        ("https://name:secret@h.example/voice", "https://h.example/voice"),
    ],
)
def test_what_is_signed_of_a_url(url, signed):
    assert signed_part(url) == signed
