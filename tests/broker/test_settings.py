"""broker/settings.py: addresses and credentials, read one way by all who read them."""

import re

import pytest
from support.credentials import CERTIFICATE, NATS_CREDS

from broker.settings import (
    read_authorities,
    read_credentials,
    read_megabytes,
    read_prefix,
    read_replicas,
    read_retention,
    read_servers,
    read_shards,
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
        ("nats://nats_1.default.svc.cluster.local.", ("nats://nats_1.default.svc.cluster.local.",)),
        ("nats://bücher.example", ("nats://bücher.example",)),
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
        ("nats://nats..example.com", "a host that is no name"),
        (f"nats://{'a' * 64}.example.com", "a host that is no name"),
        ("nats://u:secret@h*st^", "a host that is no name"),
        ("nats://$NATS_HOST:4222", "a host that is no name"),
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


@pytest.mark.parametrize(
    "text", [CERTIFICATE, CERTIFICATE.replace("\n", "\\n"), f"# ours\n{CERTIFICATE * 2}"]
)
def test_authorities_are_certificates_in_a_text_or_in_one_line(text):
    assert read_authorities(text).count(CERTIFICATE) == text.count("BEGIN")


@pytest.mark.parametrize("text", ["/etc/ca.pem", CERTIFICATE[:40], CERTIFICATE.replace("M", "?")])
def test_what_holds_no_certificate_is_refused(text):
    with pytest.raises(ValueError, match="is not the text of a certificate in PEM"):
        read_authorities(text)


@pytest.mark.parametrize("text", [NATS_CREDS, f"# ours\n{NATS_CREDS}", NATS_CREDS.strip()])
def test_credentials_are_the_text_of_a_file(text):
    assert read_credentials(text) == text


def test_credentials_may_come_from_windows():
    assert read_credentials(NATS_CREDS.replace("\n", "\r\n")) == NATS_CREDS


@pytest.mark.parametrize(
    "text",
    [
        "/etc/nats.creds",
        NATS_CREDS.partition("\n\n")[0],  # no seed
        NATS_CREDS.partition("\n\n")[2],  # no JWT
        NATS_CREDS.replace("eyJh.", ""),
        NATS_CREDS.replace("\nSUAA", "\nSU1A"),
        NATS_CREDS.replace("\nSUA", "\nSU"),
        NATS_CREDS.replace("\nSU", "\nSA"),  # an account's
        NATS_CREDS.partition("A\n------END USER")[0],
        NATS_CREDS.replace("\n", " "),
    ],
)
def test_credentials_that_no_server_could_take_are_refused_and_not_repeated(text):
    with pytest.raises(ValueError, match=r"^is not the text of a \.creds file") as raised:
        read_credentials(text)
    assert "AAAA" not in str(raised.value)


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


def test_shards_are_a_number_of_streams():
    assert [read_shards(text) for text in ("1", "8", "64")] == [1, 8, 64]
    for text in ("0", "65", "-1", "", "two", "\u0663"):
        with pytest.raises(ValueError, match="are 1 to 64"):
            read_shards(text)


def test_what_is_kept_and_how_long_has_bounds():
    assert (read_retention("7d"), read_megabytes("16")) == (604_800, 16)
    with pytest.raises(ValueError, match=r"'3' \(3 seconds\) is not between 1 minute and 366 days"):
        read_retention("3")
    for text in ("15", "-1", "1e3", "many", ""):
        with pytest.raises(ValueError, match="is not a whole number of megabytes, 16 or more"):
            read_megabytes(text)


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


@pytest.mark.parametrize(("text", "shards"), [("15", 1), ("63", 4), ("x", 4), ("-1", 1)])
def test_each_of_the_streams_needs_its_share(text, shards):
    with pytest.raises(ValueError, match=f"{16 * shards} or more"):
        read_megabytes(text, shards)
    assert read_megabytes(str(16 * shards), shards) == 16 * shards
