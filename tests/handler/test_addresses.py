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
    ("text", "origin"),
    [
        ("https://crm.example.com", "https://crm.example.com"),
        ("https://CRM.example.com", "https://crm.example.com"),
        ("HTTPS://crm.example.com:443", "https://crm.example.com"),
        ("http://crm.example.com:80/", "http://crm.example.com"),
        ("https://crm.example.com.", "https://crm.example.com"),
        ("https://crm.example.com:8443/a/path", "https://crm.example.com:8443"),
        ("http://crm.example.com:443", "http://crm.example.com:443"),
        ("wss://crm.example.com:443/twilio", "https://crm.example.com"),
        ("ws://crm.example.com", "http://crm.example.com"),
        ("https://Bücher.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://[0:0:0:0:0:0:0:1]:80", "http://[::1]"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://a_b:8080", "http://a_b:8080"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_an_origin_has_one_spelling(text, origin):
    assert addresses.origin(text) == origin
    assert addresses.origin(origin) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "crm.example.com",
        "https://",
        "https://a b",
        "https://a]b",
        "https://[",
        "https://a..b",
        "https://crm.example.com:0",
        f"https://{'a' * 64}.example",
        f"https://{'a.' * 127}com",
        "https://a%2fb",
        "https://\u2488.example",
        f"https://{'é' * 64}.example",
    ],
)
def test_what_has_no_origin_is_no_address(text):
    with pytest.raises(ValueError, match=r"address|port"):
        addresses.origin(text)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("calls.example.com", "calls.example.com"),
        ("Calls.Example.com:8080", "calls.example.com:8080"),
        ("[::1]:8080", "[::1]:8080"),
        ("my_service", "my_service"),
    ],
)
def test_a_host_header_is_read(text, host):
    assert addresses.host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "a]b",
        "a b",
        "a/b",
        "u@h",
        "h?q",
        "h#f",
        "h:x",
        "h:70000",
        "a" * 8000,
        "h,i",
        "\xe9",
        ":80",
    ],
)
def test_a_host_header_that_cannot_be_one_is_told(text):
    with pytest.raises(ValueError, match=r"address|port"):
        addresses.host(text)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("", False),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
    ],
)
def test_what_only_this_machine_reaches(text, near):
    assert addresses.is_loopback(text) == near


@pytest.mark.parametrize(
    ("url", "near", "safe"),
    [
        ("https://id.example.com/jwks", False, True),
        ("http://id.example.com/jwks", True, False),
        ("http://127.0.0.1:8000/jwks", True, True),
        ("http://127.0.0.1:8000/jwks", False, False),
        ("https:///jwks", True, False),
        ("ftp://127.0.0.1/jwks", True, False),
    ],
)
def test_where_nobody_changes_what_comes(url, near, safe):
    assert addresses.is_safe(url, near=near) == safe


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://calls.example.com/a", "https://calls.example.com/a"),
        ("htp://u:secret@h", "htp://h"),
        ("wss://u:secret@h:99999", "wss://h:99999"),
        ("u:secret@h", "h"),
        ("https://u:se@cret@h/x", "https://h/x"),
        ("https://h/jwks?key=secret", "https://h/jwks?…"),
        ("https://h/a@b", "https://h/a@b"),
    ],
)
def test_an_address_is_shown_without_what_is_secret(text, shown):
    assert addresses.shown(text) == shown


@pytest.mark.parametrize(
    ("base", "socket", "plain"),
    [
        ("https://h.example", "wss://h.example/twilio", "https://h.example/twilio"),
        (
            "wss://h.example:8443/p/",
            "wss://h.example:8443/p/twilio",
            "https://h.example:8443/p/twilio",
        ),
        ("http://127.0.0.1:80", "ws://127.0.0.1:80/twilio", "http://127.0.0.1:80/twilio"),
        ("ws://[::1]", "ws://[::1]/twilio", "http://[::1]/twilio"),
    ],
)
def test_what_is_under_an_address_has_the_scheme_that_it_is_asked_by(base, socket, plain):
    assert addresses.for_websockets(base, "/twilio") == socket
    assert addresses.for_requests(base, "/twilio") == plain


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("http://a.example", True),
        ("ws://192.168.1.7:8080", True),
        ("https://a.example", False),
        ("wss://a.example", False),
        ("http://127.0.0.1:8080", False),
        ("ws://localhost", False),
    ],
)
def test_what_can_be_read_on_the_way(url, clear):
    assert addresses.is_in_clear(url) is clear


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://h.example/twilio", "wss://H.example:443/twilio/", True),
        ("https://h.example/twilio", "https://h.example/twilio?a=1#rc=3", True),
        ("https://h.example/twilio", "http://h.example/twilio", False),
        ("https://h.example/twilio", "https://h.example/twilio/voice", False),
        ("https://h.example/", "h.example/", False),
        ("no address", "no address", False),
    ],
)
def test_two_addresses_may_lead_to_one_place(one, other, same):
    assert addresses.is_same_place(one, other) is same
