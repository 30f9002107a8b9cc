"""broker/settings.py: what the environment says of NATS, read one way by every command."""

import pytest

from broker.errors import BadSetting
from broker.settings import NatsSettings, login, parse_servers, user_of, without_logins

CREDENTIALS = "-----BEGIN NATS USER JWT-----\nseed"


@pytest.mark.parametrize("value", ["", "  "])
def test_what_is_not_set_has_a_default(value):
    names = ("NATS_URL", "NATS_CREDS", "SUBJECT_PREFIX", "NATS_REPLICAS")
    for environ in ({}, dict.fromkeys(names, value)):
        settings = NatsSettings.from_environ(environ)
        assert settings == NatsSettings()
        assert settings.servers == ("nats://127.0.0.1:4222",)
        assert (settings.credentials, settings.prefix, settings.replicas) == (
            None,
            "transcripts",
            1,
        )


def test_what_is_set_is_read():
    environ = {
        "NATS_URL": "nats://a, tls://b:4223",
        "NATS_CREDS": f"\n{CREDENTIALS}\n",
        "SUBJECT_PREFIX": "calls-2",
        "NATS_REPLICAS": "3",
    }
    assert NatsSettings.from_environ(environ) == NatsSettings(
        servers=("nats://a", "tls://b:4223"),
        credentials=CREDENTIALS,
        prefix="calls-2",
        replicas=3,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NATS_URL", "nats://h:42x2"),
        ("NATS_URL", ","),
        ("NATS_CREDS", "/etc/nats.creds"),
        ("SUBJECT_PREFIX", "a.b"),
        ("SUBJECT_PREFIX", ">"),
        ("NATS_REPLICAS", "0"),
        ("NATS_REPLICAS", "6"),
        ("NATS_REPLICAS", "three"),
        ("NATS_REPLICAS", "٣"),
    ],
)
def test_a_malformed_one_is_refused_by_name(name, value):
    with pytest.raises(BadSetting) as caught:
        NatsSettings.from_environ({name: value})
    assert caught.value.name == name
    assert str(caught.value) == f"{name}: {caught.value.problem}"


@pytest.mark.parametrize(
    "text", ["nats://h", "nats://h:1", "tls://[::1]:65535", "nats://u:p%40@h:4222", "NATS://h/"]
)
def test_the_url_of_a_server_is_taken_as_it_is(text):
    assert parse_servers(text) == (text,)


@pytest.mark.parametrize(
    "text", ["nats://a,nats://b", "nats://a, nats://b", " nats://a\nnats://b,"]
)
def test_several_are_separated_by_commas_or_blanks(text):
    assert parse_servers(text) == ("nats://a", "nats://b")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "names no server"),
        (" , ", "names no server"),
        ("h:4222", "must begin with nats:// or tls://"),
        ("nats:h", "must begin with nats:// or tls://"),
        ("ws://h", "must begin with nats:// or tls://"),
        ("nats://", "names no host"),
        ("nats://:4222", "names no host"),
        ("nats://u:p@", "names no host"),
        ("nats://h:42x2", "its port is not a number from 1 to 65535"),
        ("nats://h:0", "its port is not a number from 1 to 65535"),
        ("nats://h:65536", "its port is not a number from 1 to 65535"),
        ("nats://h:-1", "its port is not a number from 1 to 65535"),
        (
            "nats://h/transcripts",
            "holds more than a host and a port (a password must be percent-encoded)",
        ),
        ("nats://[::1", "is not a URL"),
        ("nats://a,nats://b:x", "server 2 of 2: its port is not a number from 1 to 65535"),
    ],
)
def test_a_malformed_url_is_refused_in_words(text, problem):
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse_servers(text)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    "text",
    [
        "nats://user:secret@h:42x2",
        "nats://user:sec,secret@h:4222",
        "user:secret@h",
        "nats://user:secret@[h",
        "nats://user:/secret@h",
        "nats://user:#secret@h",
    ],
)
def test_no_error_repeats_a_password(text):
    with pytest.raises(BadSetting) as caught:
        NatsSettings.from_environ({"NATS_URL": text})
    assert "sec" not in str(caught.value)


def test_no_secret_shows_in_the_repr():
    shown = repr(NatsSettings(servers=("nats://u:secret@h",), credentials=CREDENTIALS))
    assert "sec" not in shown
    assert "seed" not in shown


def test_where_servers_are_is_said_without_who_we_are():
    servers = ("nats://u:secret@a:4222", "tls://b", "nats://token@[::1]:1")
    assert without_logins(servers) == "nats://a:4222, tls://b, nats://[::1]:1"


@pytest.mark.parametrize(
    ("servers", "options"),
    [
        (("nats://h",), {}),
        (("nats://u%40x:p%2F@h", "nats://h2"), {"user": "u@x", "password": "p/"}),
        (("nats://u:@h",), {"user": "u", "password": ""}),
        (("nats://a%2Ftoken@h",), {"token": "a/token"}),
        (("nats://h", "nats://u:p@h2"), {}),
    ],
)
def test_who_we_are_comes_from_the_first_url_decoded(servers, options):
    assert login(servers) == options


@pytest.mark.parametrize(
    ("url", "user"),
    [
        ("nats://h", None),
        ("nats://u%40x:p%2F@h", ("u@x", "p/")),
        ("nats://u@h", ("u", "")),
    ],
)
def test_the_user_of_a_url(url, user):
    assert user_of(url) == user
