"""broker/settings.py: addresses and credentials, read one way by all who read them."""

import re

import pytest

from broker.settings import (
    read_credentials,
    read_prefix,
    read_replicas,
    read_servers,
    user_of,
    without_password,
)


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("nats://a:4222", ("nats://a:4222",)),
        ("nats://a, tls://b:1", ("nats://a", "tls://b:1")),
        ("nats://a nats://b,,nats://c ", ("nats://a", "nats://b", "nats://c")),
        ("nats://[::1]:4222", ("nats://[::1]:4222",)),
        ("nats://user:p%40ss@a", ("nats://user:p%40ss@a",)),
    ],
)
def test_servers_are_separated_by_commas_or_blanks(text, servers):
    assert read_servers(text) == servers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no server"),
        (" , ,", "names no server"),
        ("nats://h:42x2", "no number from 1 to 65535"),
        ("nats://h:99999", "no number from 1 to 65535"),
        ("nats://h:0", "no number from 1 to 65535"),
        ("nats://h/transcripts", "more than a host and a port"),
        ("nats://[::1", "is no address"),
        ("nats://", "names no host"),
        ("nats://:4222", "names no host"),
        ("ws://h", "must begin with nats:// or tls://"),
        ("nats.example.com", "must begin with nats:// or tls://"),
        ("nats://good, nats://u:secret@h:42x2", "server 2 of 2 has a port"),
        ("nats://u:sec,secret@h:4222", "server 1 of 2 has a port"),
        ("nats://u:sec/secret@h:4222", "must be percent-encoded"),
        ("nats://u:sec#secret@h:4222", "must be percent-encoded"),
        ("u:secret@h", "must begin with"),
        ("nats://u:secret@[h", "is no address"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused_in_words_without_its_password(text, words):
    with pytest.raises(ValueError, match=re.escape(words)) as raised:
        read_servers(text)
    assert "sec" not in str(raised.value)


def test_credentials_are_the_text_of_a_file():
    text = "-----BEGIN NATS USER JWT-----\neyJ\n"
    assert read_credentials(text) == text
    with pytest.raises(ValueError, match=r"is not the text of a \.creds file"):
        read_credentials("/etc/nats.creds")


def test_a_prefix_is_one_token_of_a_subject():
    assert read_prefix("calls_2") == "calls_2"
    for text in ("a.b", "", ">", "x" * 33):
        with pytest.raises(ValueError, match="is not one token"):
            read_prefix(text)


def test_a_cluster_keeps_from_one_to_five_copies():
    assert [read_replicas(text) for text in "12345"] == [1, 2, 3, 4, 5]
    for text in ("0", "6", "", "three", "\u0663"):
        with pytest.raises(ValueError, match="are 1 to 5"):
            read_replicas(text)


@pytest.mark.parametrize(
    ("url", "user", "shown"),
    [
        ("nats://h:1", None, "nats://h:1"),
        ("nats://u@h", ("u", ""), "nats://h"),
        ("nats://u:p%40%2Fw@h", ("u", "p@/w"), "nats://h"),
        ("h", None, "h"),
    ],
)
def test_who_an_address_says_we_are_is_decoded_and_never_shown(url, user, shown):
    assert (user_of(url), without_password(url)) == (user, shown)
