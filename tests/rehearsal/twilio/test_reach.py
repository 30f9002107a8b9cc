"""Where URLs lead, and which are called at all."""

import pytest

from rehearsal.twilio.reach import Reach, is_loopback, may_be_called, port_of

REACH = Reach({"https://calls.example.com": "http://127.0.0.1:8080", "http://b": "https://c:1"})


@pytest.mark.parametrize(
    ("url", "real"),
    [
        ("https://calls.example.com/voice?a=1", "http://127.0.0.1:8080/voice?a=1"),
        ("https://Calls.Example.com:443/voice", "http://127.0.0.1:8080/voice"),
        ("wss://calls.example.com/twilio", "ws://127.0.0.1:8080/twilio"),
        ("ws://b/twilio", "wss://c:1/twilio"),
        ("http://calls.example.com/voice", "http://calls.example.com/voice"),
        ("https://calls.example.com:8443/voice", "https://calls.example.com:8443/voice"),
    ],
)
def test_a_public_name_leads_elsewhere(url, real):
    assert REACH.of(url) == real


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://calls.example.com/voice", True),
        ("wss://calls.example.com/twilio", True),
        ("http://127.0.0.1:8080/voice", True),
        ("ws://localhost/twilio", True),
        ("http://[::1]/voice", True),
        ("http://calls.example.com/voice", False),
        ("ws://10.0.0.1/twilio", False),
        ("ftp://127.0.0.1/", False),
        ("https:///voice", False),
        ("https://h:0/", False),
        ("https://h:x/", False),
        ("https://[h/", False),
        ("", False),
    ],
)
def test_what_has_no_tls_is_called_on_this_machine_alone(url, may):
    assert may_be_called(url) is may


def test_the_port_of_a_url_may_go_without_saying():
    assert [port_of(url) for url in ("wss://h/", "http://h/", "ws://h:81/")] == [443, 80, 81]


def test_names_of_this_machine():
    assert is_loopback("a.localhost")
    assert not is_loopback("localhost.example.com")
