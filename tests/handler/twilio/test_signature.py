"""handler/twilio/signature.py, with Twilio's own validator as the oracle."""

import pytest
from twilio.request_validator import RequestValidator

from handler.twilio import signature

TOKEN = "12345"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("wss://example.com/media", "7PR3qMkpDyEJtMrVOY/LDyNq8J8="),
        ("wss://example.com/media/", "T+WBXwUXC0/CyoZ1DA+p9ilZORs="),
        ("https://example.com/media", "6HZQ7Cq/dSYDCAiy3qRA6PZfACI="),
    ],
)
def test_signatures_are_those_that_twilio_makes(url, expected):
    assert signature.sign(TOKEN, url) == expected
    assert RequestValidator(TOKEN).compute_signature(url, {}) == expected


@pytest.mark.parametrize("scheme", ["wss", "https"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_four_forms_of_the_public_url_are_accepted(scheme, slash):
    url = f"{scheme}://calls.example.com/twilio{slash}"
    signed = RequestValidator(TOKEN).compute_signature(url, {})
    urls = signature.candidates("https://calls.example.com", "/twilio")
    assert len(urls) == 4
    assert signature.matching_url(signed, urls, ["other", TOKEN]) == url


def test_a_base_url_may_have_a_path_and_a_port():
    urls = signature.candidates("https://example.com:8443/calls/", "/twilio")
    assert "wss://example.com:8443/calls/twilio" in urls
    assert "wss://example.com/calls/twilio" in urls


def test_a_laptop_without_tls_is_signed_as_it_stands():
    assert "ws://127.0.0.1:8080/twilio" in signature.candidates("http://127.0.0.1:8080", "/twilio")


@pytest.mark.parametrize("given", ["", "wrong", "7PR3qMkpDyEJtMrVOY/LDyNq8J9=", "é\ud800"])
def test_any_other_signature_is_refused(given):
    urls = signature.candidates("https://example.com", "/media")
    assert signature.matching_url(given, urls, [TOKEN]) is None


def test_another_token_or_host_is_refused():
    urls = signature.candidates("https://example.com", "/media")
    assert signature.matching_url(signature.sign("other", urls[0]), urls, [TOKEN]) is None
    elsewhere = signature.sign(TOKEN, "wss://evil.example.com/media")
    assert signature.matching_url(elsewhere, urls, [TOKEN]) is None
