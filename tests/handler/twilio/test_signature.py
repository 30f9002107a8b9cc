"""handler/twilio/signature.py, with Twilio's own validator as the oracle."""

import hashlib
import hmac

import pytest
from starlette.datastructures import FormData
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
    assert url in urls[:4]
    assert signature.matching_url(signed, urls, ["other", TOKEN]) == url


def test_a_base_url_may_have_a_path_and_a_port():
    urls = signature.candidates("https://example.com:8443/calls/", "/twilio")
    assert "wss://example.com:8443/calls/twilio" in urls
    assert "wss://example.com/calls/twilio" in urls


@pytest.mark.parametrize(
    ("public_url", "host", "stream_url"),
    [
        ("https://calls.example.com", "", "wss://calls.example.com:443/twilio"),
        ("https://calls.example.com:443", "", "wss://calls.example.com/twilio"),
        ("wss://calls.example.com", "", "https://calls.example.com:443/twilio/"),
        ("http://calls.example.com", "", "ws://calls.example.com:80/twilio"),
        ("https://Calls.Example.com", "", "wss://Calls.Example.com/twilio"),
        ("https://Calls.Example.com", "", "wss://calls.example.com:443/twilio"),
        ("https://calls.example.com", "Calls.example.com", "wss://Calls.example.com/twilio"),
        ("https://calls.example.com", "Calls.example.com:443", "wss://Calls.example.com/twilio"),
        ("https://bücher.example", "", "wss://xn--bcher-kva.example/twilio"),
        ("https://u:p@[0:0::1]:8443", "", "wss://[::1]:8443/twilio"),
    ],
)
def test_a_stream_url_may_be_spelled_in_more_than_one_way(public_url, host, stream_url):
    urls = signature.candidates(public_url, "/twilio", host)
    assert signature.matching_url(signature.sign(TOKEN, stream_url), urls, [TOKEN]) == stream_url


@pytest.mark.parametrize("host", ["evil.example.com", "calls.example.com.evil.example", "[", ""])
def test_a_host_header_adds_no_other_name(host):
    ours = signature.candidates("https://calls.example.com", "/twilio")
    assert signature.candidates("https://calls.example.com", "/twilio", host) == ours


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


def test_a_signature_is_compared_in_a_time_that_says_nothing_of_where_it_is_wrong(monkeypatch):
    """With every candidate, by the comparison that the standard library makes for this."""
    compared = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    urls = signature.candidates("https://example.com", "/media")
    right = signature.sign(TOKEN, urls[0])
    assert signature.matching_url(right, urls, [TOKEN, "other"]) == urls[0]
    wanted = [
        (signature.sign(key, url).encode(), right.encode())
        for key in (TOKEN, "other")
        for url in urls
    ]
    assert compared == wanted


def test_a_form_is_put_in_order_once_however_many_urls_and_tokens_are_tried(monkeypatch):
    """It may have hundreds of fields, and whoever forges one need sign nothing."""
    urls = signature.candidates("https://example.com", "/voice", schemes=("https",))
    right = signature.sign("c", urls[-1], VOICE.items())
    ordered = []

    def in_order(found):
        ordered.append(1)
        return sorted(found)

    monkeypatch.setattr(signature, "sorted", in_order, raising=False)
    assert signature.matching_url(right, urls, "abc", VOICE.items()) == urls[-1]
    assert ordered == [1]


VOICE = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675310",
    "Digits": "1234",
    "From": "+14158675310",
    "To": "+18005551212",
}


def test_a_form_is_signed_as_twilio_s_own_example_is():
    """Source: https://www.twilio.com/docs/usage/security#validating-requests."""
    url = "https://example.com/myapp.php?foo=1&bar=2"
    assert signature.sign(TOKEN, url, VOICE.items()) == "L/OH5YylLD5NRKLltdqwSvS0BnU="
    urls = signature.candidates(
        "https://example.com", "/myapp.php", query="foo=1&bar=2", schemes=signature.WEBHOOK_SCHEMES
    )
    given = "L/OH5YylLD5NRKLltdqwSvS0BnU="
    assert signature.matching_url(given, urls, ["other", TOKEN], VOICE.items()) == url


@pytest.mark.parametrize(
    "fields",
    [
        [("CallerCity", ""), ("From", "+1"), ("from", "x"), ("Z", ""), ("a", " ")],
        [("Digits", "2"), ("Name", "Jörg & Søn"), ("Digits", "1"), ("Digits", "2")],
        [("\U0001f600", "a"), ("\uffff", "b"), ("", "c")],
        [],
    ],
    ids=str,
)
def test_blank_repeated_and_foreign_fields_are_signed_as_twilio_s_own_validator_does(fields):
    theirs = RequestValidator(TOKEN).compute_signature("https://h/voice", FormData(fields))
    assert signature.sign(TOKEN, "https://h/voice", fields) == theirs


def test_a_webhook_is_looked_for_under_https_alone():
    urls = signature.candidates(
        "https://calls.example.com", "/twilio/voice", schemes=signature.WEBHOOK_SCHEMES
    )
    assert {url.partition(":")[0] for url in urls} == {"https"}
    laptop = signature.candidates(
        "http://127.0.0.1:8080", "/twilio/voice", schemes=signature.WEBHOOK_SCHEMES
    )
    assert "http://127.0.0.1:8080/twilio/voice" in laptop


@pytest.mark.parametrize(
    ("query", "good"),
    [
        ({"bodySHA256": hashlib.sha256(b"{}").hexdigest()}, True),
        ({"bodySHA256": hashlib.sha256(b"{}").hexdigest().upper()}, True),
        ({"bodySHA256": hashlib.sha256(b"[]").hexdigest()}, False),
        ({"bodySHA256": "é\ud800"}, False),
        ({}, False),
    ],
)
def test_a_body_that_is_no_form_is_vouched_for_by_the_query(query, good):
    assert signature.is_of_body(query, b"{}") is good
