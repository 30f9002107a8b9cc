"""handler/forward/settings.py: what is set, and what is wrong with it."""

import pytest
from support.receivers import KEY, SECRET

from handler.errors import SettingsError
from handler.forward.settings import ForwardSettings, read_secrets, read_since, since_when
from handler.tokens.grants import EVERYTHING

URL = "https://crm.example.com/calls?key=1"
NEEDED = {"FORWARD_URL": URL, "FORWARD_SECRET": SECRET}


def read(insecure: bool = False, **environ: str) -> ForwardSettings:
    return ForwardSettings.from_environ(
        {**NEEDED, **environ}, host_name="machine", insecure=insecure
    )


def test_an_address_and_a_secret_are_enough():
    settings = read()
    assert (settings.url, settings.directory, settings.keys) == (URL, "", (KEY,))
    assert settings.kinds == {"final", "event"}
    assert (settings.grant, settings.name, settings.since) == (EVERYTHING, "main", "all")
    assert settings.broker.servers == ("nats://127.0.0.1:4222",)
    assert settings.broker.instance.startswith("machine_")
    assert read(FLY_MACHINE_ID="fly1").broker.instance.startswith("fly1_")
    assert (settings.metrics_port, read(METRICS_PORT="9000").metrics_port) == (None, 9000)
    shown = repr(settings)
    assert "key=1" not in shown
    assert repr(KEY) not in shown


def test_a_directory_takes_the_transcripts_of_ended_calls_and_needs_no_secret():
    settings = read(FORWARD_URL="file:///var/lib/tran%20scripts", FORWARD_SECRET="")
    assert (settings.url, settings.directory) == ("", "/var/lib/tran scripts")
    assert settings.kinds == {"ended"}


def test_numbers_are_a_grant_as_a_token_has_it_under_a_name_of_their_own():
    settings = read(FORWARD_NUMBERS="+15550100001, +15550100002", FORWARD_NAME="crm")
    assert settings.name == "crm"
    assert settings.grant.allows("CA1", ("+15550100002", None))
    assert not settings.grant.allows("CA1", ("+15550100003",))
    assert not settings.grant.allows("CA1")


def test_without_security_anything_goes_where_it_is_asked_for():
    settings = read(insecure=True, FORWARD_URL="http://10.0.0.7/x", FORWARD_SECRET="")
    assert (settings.url, settings.keys) == ("http://10.0.0.7/x", ())
    assert read(FORWARD_URL="http://127.0.0.1:9/x").url == "http://127.0.0.1:9/x"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FORWARD_URL", "", "missing: set where to"),
        ("FORWARD_URL", "crm.example.com", "is not like https://crm.example.com/calls"),
        ("FORWARD_URL", "https://crm.example.com:x", "has a port that is no number"),
        ("FORWARD_URL", "https://crm.example.com/#a", "is not like"),
        ("FORWARD_URL", "https://crm..example.com/", "is no address of a host"),
        ("FORWARD_URL", "https://u:secret@crm.example.com/", "without a user"),
        ("FORWARD_URL", "http://crm.example.com/", "is without TLS"),
        ("FORWARD_URL", "file://host/a", "is not like file:///var/lib/transcripts"),
        ("FORWARD_URL", "file:a", "is not like file:///var/lib/transcripts"),
        ("FORWARD", "finals", "'finals' is not some of final, event, ended"),
        ("FORWARD", ",", "is not some of"),
        ("FORWARD_SECRET", "", "missing: set whsec_"),
        ("FORWARD_SECRET", ",", "holds no secret"),
        ("FORWARD_SECRET", "hunter2", "is not whsec_ and the base64"),
        ("FORWARD_SECRET", "whsec_%%%", "is not whsec_ and the base64"),
        ("FORWARD_SECRET", "whsec_YWJj", "of 24 to 64 random bytes"),
        ("FORWARD_NUMBERS", "5550100", "'5550100' is not a number"),
        ("FORWARD_NUMBERS", ",", "holds no number"),
        ("FORWARD_NAME", "a.b", "'a.b' is not one word"),
        ("FORWARD_SINCE", "yesterday", "is not a time"),
        ("FORWARD_CONNECTIONS", "0", "is not a whole number from 1 to 256"),
        ("FORWARD_TIMEOUT", "0", "is not between"),
        ("FORWARD_RETRY_SECONDS", "2h", "is not between"),
        ("NATS_URL", "http://x", "must begin with nats://"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_set(name, value, words):
    with pytest.raises(SettingsError) as caught:
        read(**{name: value})
    assert caught.value.name == name
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "u:secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("start", "shown"),
    [
        ("http://crm.example.com/", "http://crm.example.com/…"),
        ("https://crm.example.com:x/", "https://crm.example.com:x/…"),
        ("https://crm..example.com/", "https://crm..example.com/…"),
        ("https://u@crm.example.com/", ""),
        ("https:///", "https:///…"),
        ("https:/", "https:/…"),
        ("crm.example.com/", "crm.example.com/…"),
        ("https://[/", "https://[/…"),
        ("http://crm.example.com?key=", "http://crm.example.com?…"),
    ],
)
def test_what_is_wrong_with_an_address_is_said_without_its_path(start, shown):
    with pytest.raises(SettingsError) as caught:
        read(FORWARD_URL=f"{start}hunter2/hunter2?hunter2#hunter2")
    assert shown in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_directory_takes_no_single_records():
    with pytest.raises(SettingsError, match="FORWARD: a directory takes whole transcripts alone"):
        read(FORWARD_URL="file:///x", FORWARD="final,ended")


def test_two_secrets_stand_beside_each_other_while_one_replaces_the_other():
    assert read_secrets(f"{SECRET}, {SECRET}") == (KEY, KEY)


@pytest.mark.parametrize(
    ("text", "when"), [("all", None), ("now", 1000.0), ("90", 910.0), ("15m", 100.0)]
)
def test_where_to_begin_is_said_in_words_or_as_how_long_ago(text, when):
    assert since_when(read_since(text), 1000.0) == when
