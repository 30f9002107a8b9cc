"""handler/addresses.py: addresses as people write them."""

import errno

import pytest

from handler import addresses


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("https://calls.example.com/a", ("https", "calls.example.com", None, "/a")),
        ("wss://[::1]:8080", ("wss", "::1", 8080, "")),
        ("calls.example.com", ("", None, None, "calls.example.com")),
    ],
)
def test_an_address_has_its_parts(text, parts):
    url = addresses.read(text)
    assert (url.scheme, url.hostname, url.port, url.path) == parts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wss://[::1", "is no address"),
        ("wss://h:42x2", "no number from 1 to 65535"),
        ("wss://h:0", "no number from 1 to 65535"),
        ("wss://h:65536", "no number from 1 to 65535"),
    ],
)
def test_one_that_cannot_be_reached_is_refused_in_words(text, words):
    with pytest.raises(ValueError, match=words):
        addresses.read(text)


@pytest.mark.parametrize(
    ("exc", "words"),
    [
        (OSError(errno.EADDRINUSE, "in use"), "another program has it"),
        (OSError(errno.EACCES, "denied"), "set another port, from 1024 on"),
        (OSError(errno.EADDRNOTAVAIL, "not available"), "set HOST to one of its own"),
        (OSError(-2, "Name or service not known"), "Name or service not known; is HOST right?"),
    ],
)
def test_a_port_that_cannot_be_opened_is_said_with_what_to_do(exc, words):
    said = addresses.cannot_listen("127.0.0.1", 80, exc)
    assert said.startswith("cannot listen on 127.0.0.1 port 80: ")
    assert words in said
