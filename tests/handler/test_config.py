"""handler/config.py: settings from the environment."""

import pytest
from support.credentials import AUTH_TOKEN, DEEPGRAM_KEY, NATS_CREDS, NEEDED, TOKEN_SECRET

from handler.config import Settings, deepgram_options
from handler.errors import SettingsError


def test_the_needed_settings_suffice():
    settings = Settings.from_environ(NEEDED)
    assert settings.port == 8080
    assert settings.twilio_auth_tokens == (AUTH_TOKEN,)
    assert settings.nats_urls == ("nats://127.0.0.1:4222",)
    assert [key.algorithm for key in settings.token_keys] == ["HS256"]


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_one_is_named_and_says_what_to_set(name):
    environ = {key: value for key, value in NEEDED.items() if key != name}
    for incomplete in (environ, {**environ, name: " "}):
        with pytest.raises(SettingsError) as caught:
            Settings.from_environ(incomplete)
        assert caught.value.name == name
        assert "missing: set" in str(caught.value)


def test_readers_stay_with_a_stopped_call_for_some_seconds_or_not_at_all():
    assert Settings.from_environ(NEEDED).pause_seconds == 8.0
    assert Settings.from_environ({**NEEDED, "PAUSE_SECONDS": "0"}).pause_seconds == 0.0
    assert Settings.from_environ({**NEEDED, "PAUSE_SECONDS": "60m"}).pause_seconds == 3600.0


def test_insecure_does_without_credentials_of_ours():
    settings = Settings.from_environ({"DEEPGRAM_API_KEY": "key"}, insecure=True)
    assert (settings.twilio_auth_tokens, settings.token_keys) == ((), ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "80000"),
        ("PORT", "http"),
        ("PORT", "٨٠"),
        ("PUBLIC_URL", "calls.example.com"),
        ("PUBLIC_URL", "https://calls.example.com/?a=b"),
        ("PUBLIC_URL", "https://calls.example.com/twilio"),
        ("PUBLIC_URL", "https://[calls.example.com"),
        ("PUBLIC_URL", "https://calls.example.com:44x3"),
        ("NATS_CREDS", "garbage"),
        ("DEEPGRAM_URL", "https://api.deepgram.com"),
        ("DEEPGRAM_URL", "wss://api.deepgram.com?model=nova-3"),
        ("DEEPGRAM_URL", "wss://[::1"),
        ("DEEPGRAM_URL", "wss://api.deepgram.com:0"),
        ("TOKEN_JWKS_URL", "https://[id.example.com/jwks"),
        ("TOKEN_JWKS_URL", "https://id.example.com:99999/jwks"),
        ("DEEPGRAM_OPTIONS", "encoding=linear16"),
        ("DEEPGRAM_OPTIONS", "callback=https://example.com"),
        ("DEEPGRAM_OPTIONS", "utterance_end_ms=999"),
        ("DEEPGRAM_OPTIONS", "keywords=a:1"),
        ("DEEPGRAM_OPTIONS", "model=nova-2&keyterm=a"),
        ("DEEPGRAM_OPTIONS", "diarize=true&diarize_model=latest"),
        ("DEEPGRAM_OPTIONS", "model"),
        ("TWILIO_ACCOUNT_SID", "AC123"),
        ("PAUSE_SECONDS", "61m"),
        ("PAUSE_SECONDS", "-1"),
        ("TWILIO_AUTH_TOKEN", "a,b,c"),
        ("TWILIO_AUTH_TOKEN", ","),
        ("NATS_URL", "nats://h:42x2"),
        ("NATS_REPLICAS", "6"),
        ("NATS_URL", "ws://127.0.0.1:4222"),
        ("SUBJECT_PREFIX", "a.b"),
        ("SUBJECT_PREFIX", ">"),
        ("TOKEN_SECRET", "short"),
        ("TOKEN_PUBLIC_KEY", "nonsense"),
        ("MAX_CALLS", "0"),
        ("RETENTION", "forever"),
        ("RETENTION", "1s"),
        ("CHUNK_MS", "10"),
        ("LOG_LEVEL", "chatty"),
    ],
)
def test_a_malformed_one_stops_with_its_name(name, value):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({**NEEDED, name: value})
    assert caught.value.name == name
    assert str(caught.value).startswith(f"{name}: ")


def test_options_are_merged_over_ours():
    options = deepgram_options("model=nova-3-medical&keyterm=a&keyterm=b&endpointing=500")
    assert options.count(("keyterm", "a")) == 1
    assert ("model", "nova-3-medical") in options
    assert ("model", "nova-3") not in options
    assert ("endpointing", "500") in options
    assert ("multichannel", "true") in options


def test_times_take_units():
    assert Settings.from_environ({**NEEDED, "RETENTION": "30d"}).retention == 30 * 86_400
    assert Settings.from_environ({**NEEDED, "DRAIN_SECONDS": "1.5m"}).drain_seconds == 90


def test_no_secret_shows_in_the_repr():
    environ = {
        **NEEDED,
        "NATS_CREDS": NATS_CREDS,
        "NATS_URL": "nats://user:pass@host:4222",
    }
    shown = repr(Settings.from_environ(environ))
    secrets = (AUTH_TOKEN, DEEPGRAM_KEY, TOKEN_SECRET, "SUAAA", "pass")
    assert not [secret for secret in secrets if secret in shown]


def test_each_process_has_a_name_of_its_own():
    environ = {**NEEDED, "FLY_MACHINE_ID": "e28650-9ef6"}
    names = {Settings.from_environ(environ).instance for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("e286509ef6_") for name in names)
