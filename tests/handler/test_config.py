"""handler/config.py: settings from the environment."""

import pytest
from support.credentials import AUTH_TOKEN, DEEPGRAM_KEY, NATS_CREDS, NEEDED, TOKEN_SECRET

from handler.config import Settings, doubts
from handler.errors import SettingsError, SettingsErrors


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


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("media", {"PUBLIC_URL", "TWILIO_AUTH_TOKEN", "DEEPGRAM_API_KEY"}),
        ("subscribers", {"TOKEN_SECRET"}),
    ],
)
def test_a_role_needs_what_guards_its_own_doors_alone(role, names):
    assert names < set(NEEDED)
    environ = {name: value for name, value in NEEDED.items() if name in names}
    settings = Settings.from_environ({**environ, "ROLES": role})
    assert {one.value for one in settings.roles} == {role}
    assert {name for name, _ in doubts(settings)} <= names
    for name in names:
        with pytest.raises(SettingsError) as caught:
            Settings.from_environ({**environ, "ROLES": role, name: ""})
        assert caught.value.name == name


def test_a_process_has_both_roles_if_none_is_named_and_no_unknown_one():
    assert len(Settings.from_environ(NEEDED).roles) == 2
    with pytest.raises(SettingsError, match="media, subscribers"):
        Settings.from_environ({**NEEDED, "ROLES": "reader"})


def test_all_that_is_missing_or_malformed_is_said_at_once():
    """Each would else cost a start of its own."""
    with pytest.raises(SettingsErrors) as caught:
        Settings.from_environ({"PORT": "http", "DEEPGRAM_OPTIONS": "?model=nova-2"})
    names = [line.partition(":")[0] for line in str(caught.value).splitlines()]
    assert sorted(names) == sorted([*NEEDED, "DEEPGRAM_OPTIONS", "PORT"])
    assert caught.value.name == ", ".join(names)


def test_beside_keys_that_are_malformed_no_secret_is_said_to_be_missing():
    environ = {key: value for key, value in NEEDED.items() if key != "TOKEN_SECRET"}
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({**environ, "TOKEN_PUBLIC_KEY": "nonsense"})
    assert caught.value.name == "TOKEN_PUBLIC_KEY"


def test_twilios_api_is_asked_with_a_key_at_the_address_that_is_set():
    assert Settings.from_environ(NEEDED).twilio_api_url == "https://api.twilio.com"
    key, url = f"SK{'0' * 32}", "https://api.dublin.ie1.twilio.com/"
    settings = Settings.from_environ(
        {**NEEDED, "TWILIO_API_KEY": f"{key}:secret", "TWILIO_API_URL": url}
    )
    assert (settings.twilio_api_key, settings.twilio_api_url) == ((key, "secret"), url[:-1])
    near = Settings.from_environ({**NEEDED, "TWILIO_API_URL": "http://127.0.0.1:9"})
    assert near.twilio_api_url == "http://127.0.0.1:9"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize("text", ["ws://gateway.internal:8080/deepgram", "wss://h/", "ws://[::1]"])
def test_a_recogniser_of_ones_own_may_stand_behind_a_path(text):
    settings = Settings.from_environ({**NEEDED, "DEEPGRAM_URL": text})
    assert settings.deepgram_url == text.rstrip("/")


def test_readers_stay_with_a_stopped_call_for_some_seconds_or_not_at_all():
    assert Settings.from_environ(NEEDED).pause_seconds == 8.0
    assert Settings.from_environ({**NEEDED, "PAUSE_SECONDS": "0"}).pause_seconds == 0.0
    assert Settings.from_environ({**NEEDED, "PAUSE_SECONDS": "60m"}).pause_seconds == 3600.0


def test_a_loop_that_is_stuck_ends_the_process_unless_that_is_switched_off():
    assert Settings.from_environ(NEEDED).watchdog_seconds == 30.0
    for text, seconds in (("0", 0.0), ("2s", 2.0), ("1m", 60.0)):
        given = Settings.from_environ({**NEEDED, "WATCHDOG_SECONDS": text})
        assert given.watchdog_seconds == seconds


def test_a_process_stays_though_it_is_idle_unless_it_is_told_to_leave():
    assert Settings.from_environ(NEEDED).idle_exit_seconds == 0.0
    given = Settings.from_environ({**NEEDED, "IDLE_EXIT_SECONDS": "5m"})
    assert given.idle_exit_seconds == 300.0


def test_a_nats_of_ones_own_that_would_leave_with_its_records_is_doubted():
    environ = {**NEEDED, "IDLE_EXIT_SECONDS": "5m"}
    for store, names in (("", {"IDLE_EXIT_SECONDS"}), ("/var/lib/partyline", set())):
        settings = Settings.from_environ({**environ, "NATS_STORE": store}, embedded_nats=True)
        found = {name for name, _ in doubts(settings) if name == "IDLE_EXIT_SECONDS"}
        assert found == names


def test_the_agent_of_ecs_is_where_ecs_says():
    assert Settings.from_environ(NEEDED).ecs_agent_uri is None
    url = "http://169.254.170.2/api/0a1b-2c3d"
    assert Settings.from_environ({**NEEDED, "ECS_AGENT_URI": url}).ecs_agent_uri == url


def test_calls_are_forwarded_to_nobody_and_callers_are_told_the_tutorials_sentence():
    settings = Settings.from_environ(NEEDED)
    assert settings.forward_to.of(["+15550001111"]).dial == ()
    assert settings.notice == "This call may be monitored or recorded."
    assert settings.require_ticket is None  # once the webhook is used


def test_a_notice_is_a_text_or_none():
    for text, notice in (("Hello.", "Hello."), ("", ""), (" ", ""), ("none", "")):
        assert Settings.from_environ({**NEEDED, "NOTICE": text}).notice == notice


def test_calls_are_forwarded_as_the_setting_or_a_file_says(tmp_path):
    file = tmp_path / "numbers.json"
    file.write_text('\ufeff{"+15550001111": {"dial": "+15551230000"}}\n')
    for text in ('{"+15550001111": "+15551230000"}', f"@{file}"):
        settings = Settings.from_environ({**NEEDED, "FORWARD_TO": text})
        assert settings.forward_to.of(["+15550001111"]).dial == ("+15551230000",)
        assert settings.forward_to.of(["+15550002222"]).dial == ()


def test_a_file_that_cannot_be_read_is_told_by_its_name(tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff")
    (tmp_path / "empty").write_text("")
    (tmp_path / "large").write_bytes(b" " * (8 * 2**20 + 1))
    for name, words in {
        "missing": "cannot be read: No such file or directory",
        ".": "cannot be read: Is a directory",
        "a\0b": "cannot be read",
        "bytes": "can't decode",
        "empty": "names nobody",
        "large": "larger than 8 MB",
    }.items():
        with pytest.raises(SettingsError) as caught:
            Settings.from_environ({**NEEDED, "FORWARD_TO": f"@{tmp_path}/{name}"})
        assert caught.value.name == "FORWARD_TO"
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "required"),
    [
        ({"FORWARD_TO": "+15551230000"}, True),
        ({"NOTICE": "Hello."}, True),
        ({"NOTICE": "none"}, True),
        ({"NOTICE": ""}, None),  # as deployment tools leave it
        ({"FORWARD_TO": "+15551230000", "REQUIRE_TICKET": "0"}, False),
        ({"REQUIRE_TICKET": "1"}, True),
        ({"REQUIRE_TICKET": "off"}, False),
    ],
)
def test_whoever_sets_up_the_voice_webhook_wants_tickets_unless_told_otherwise(environ, required):
    assert Settings.from_environ({**NEEDED, **environ}).require_ticket is required


def test_insecure_does_without_credentials_of_ours():
    settings = Settings.from_environ({"DEEPGRAM_API_KEY": "key"}, insecure=True)
    assert (settings.twilio_auth_tokens, settings.token_keys) == ((), ())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_on_this_machine_alone_no_public_url_is_needed(host):
    environ = {**NEEDED, "PUBLIC_URL": "", "HOST": host}
    assert Settings.from_environ(environ).public_url is None
    with pytest.raises(SettingsError, match=r"^PUBLIC_URL: missing: set .*HOST=127\.0\.0\.1"):
        Settings.from_environ({**environ, "HOST": "192.168.1.7"})


def test_as_many_auth_tokens_are_taken_as_there_are_accounts_and_regions():
    environ = {**NEEDED, "TWILIO_AUTH_TOKEN": "a, b,c d\ne"}
    assert Settings.from_environ(environ).twilio_auth_tokens == ("a", "b", "c", "d", "e")
    with pytest.raises(SettingsError, match=r"^TWILIO_AUTH_TOKEN: holds 9 .* TWILIO_ACCOUNTS"):
        Settings.from_environ({**NEEDED, "TWILIO_AUTH_TOKEN": " ".join("abcdefghi")})


@pytest.mark.parametrize("name", ["ALLOWED_ORIGINS", "FRAME_ANCESTORS"])
def test_origins_are_kept_as_browsers_spell_them(name):
    environ = {**NEEDED, name: "https://CRM.example.com:443/, HTTP://Bücher.example *"}
    assert getattr(Settings.from_environ(environ), name.lower()) == (
        "https://crm.example.com",
        "http://xn--bcher-kva.example",
        "*",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "80000"),
        ("MAX_SHARE", "0"),
        ("MAX_SHARE", "101"),
        ("MAX_AWAITED_CALLS", "0"),
        ("MAX_TRANSCRIPTS", "0"),
        ("MAX_ENDED_MEGABYTES", "0"),
        ("PORT", "http"),
        ("PORT", "٨٠"),
        ("PUBLIC_URL", "calls.example.com"),
        ("PUBLIC_URL", "https://calls.example.com/?a=b"),
        ("PUBLIC_URL", "https://calls.example.com/twilio"),
        ("PUBLIC_URL", "https://calls.example.com/#a"),
        ("PUBLIC_URL", "https://user@calls.example.com"),
        ("PUBLIC_URL", "https://[calls.example.com"),
        ("PUBLIC_URL", "https://calls.example.com:44x3"),
        ("PUBLIC_URL", "https://calls..example.com"),
        ("ALLOWED_ORIGINS", "crm.example.com"),
        ("ALLOWED_ORIGINS", "https://crm.example.com/page"),
        ("ALLOWED_ORIGINS", "https://crm.example.com?a=b"),
        ("ALLOWED_ORIGINS", "https://crm.example.com, https://["),
        ("ALLOWED_ORIGINS", "https://*.example.com"),
        ("FRAME_ANCESTORS", "https://crm.example.com/page"),
        ("FRAME_ANCESTORS", "'none'; script-src *"),
        ("NATS_CREDS", "garbage"),
        ("NATS_CA", "/etc/ca.pem"),
        ("DEEPGRAM_URL", "https://api.deepgram.com"),
        ("DEEPGRAM_URL", "wss://api.deepgram.com?model=nova-3"),
        ("DEEPGRAM_URL", "wss://api.deepgram.com/v1/listen"),
        ("DEEPGRAM_URL", "wss://api.deepgram.com/v1"),
        ("DEEPGRAM_URL", "wss://api.eu.deepgram.com/deepgram"),
        ("DEEPGRAM_URL", "ws://gateway.internal:8080/V1/listen/"),
        ("DEEPGRAM_URL", "ws://api.deepgram.com"),
        ("DEEPGRAM_URL", "wss://user:pass@api.deepgram.com"),
        ("DEEPGRAM_API_KEY", "Token abc"),
        ("DEEPGRAM_API_KEY", '"abc"'),
        ("DEEPGRAM_API_KEY", "a b"),
        ("DEEPGRAM_API_KEY", "clé"),
        ("DEEPGRAM_URL", "wss://[::1"),
        ("DEEPGRAM_URL", "wss://api.deepgram.com:0"),
        ("TOKEN_JWKS_URL", "https://[id.example.com/jwks"),
        ("TOKEN_JWKS_URL", "https://id.example.com:99999/jwks"),
        ("DEEPGRAM_OPTIONS", "encoding=linear16"),
        ("CALL_OPTIONS", "*"),
        ("CALL_OPTIONS", "language,encoding"),
        ("TWILIO_ACCOUNT_SID", "AC123"),
        ("TWILIO_API_KEY", "SK123:secret"),
        ("TWILIO_API_URL", "http://api.twilio.com"),
        ("TWILIO_API_URL", "https://api.twilio.com/2010-04-01"),
        ("TWILIO_API_URL", "https://api.twilio.com?a=b"),
        ("TWILIO_API_URL", "https://user:pass@api.twilio.com"),
        ("TWILIO_API_URL", "https://[::1"),
        ("FORWARD_TO", "555-1234"),
        ("FORWARD_TO", '{"+15550001111": {"dial": '),
        ("FORWARD_TO", "@"),
        ("NOTICE", "a" * 1001),
        ("REQUIRE_TICKET", "maybe"),
        ("PAUSE_SECONDS", "61m"),
        ("PAUSE_SECONDS", "-1"),
        ("WATCHDOG_SECONDS", "1"),
        ("WATCHDOG_SECONDS", "61m"),
        ("IDLE_EXIT_SECONDS", "-1"),
        ("IDLE_EXIT_SECONDS", "25h"),
        ("ECS_AGENT_URI", "169.254.170.2/api/1"),
        ("ECS_AGENT_URI", "http:///api/1"),
        ("ECS_AGENT_URI", "http://169.254.170.2/api/1?a=b"),
        ("ECS_AGENT_URI", "http://[169.254.170.2/api/1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "grpc://collector:4317"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http:///v1/traces"),
        ("TWILIO_AUTH_TOKEN", ","),
        ("NATS_URL", "nats://h:42x2"),
        ("NATS_REPLICAS", "6"),
        ("NATS_SHARDS", "0"),
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


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c/otlp/"}, "https://c/otlp/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/spans"}, "http://c:4318/spans"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "True"}, None),
    ],
)
def test_traces_go_where_opentelemetry_s_own_variables_say(given, url):
    assert Settings.from_environ({**NEEDED, **given}).traces_url == url


@pytest.mark.parametrize(
    "name", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"]
)
def test_a_protocol_of_traces_that_is_not_spoken_is_told(name):
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", name: "grpc"}
    with pytest.raises(SettingsError, match="http/protobuf"):
        Settings.from_environ({**NEEDED, **given})


def test_what_calls_may_set_for_themselves_is_nothing_unless_it_is_named():
    assert Settings.from_environ({**NEEDED, "CALL_OPTIONS": ""}).call_options == frozenset()
    given = Settings.from_environ({**NEEDED, "CALL_OPTIONS": "language, keyterm"})
    assert given.call_options == {"language", "keyterm"}


def test_bounds_of_times_are_said_in_units_that_people_read():
    for name, value, words in (
        ("RETENTION", "3", "'3' (3 seconds) is not between 1 minute and 366 days"),
        ("LEASE_SECONDS", "2h", "'2h' is not between 2 seconds and 1 hour"),
        ("DRAIN_SECONDS", "2d", "'2d' is not between 1 second and 1 day"),
        ("MAX_STREAM_SECONDS", "25h", "'25h' is not between 0 seconds and 1 day"),
    ):
        with pytest.raises(SettingsError) as caught:
            Settings.from_environ({**NEEDED, name: value})
        assert str(caught.value) == f"{name}: {words}"


def test_times_take_units():
    assert Settings.from_environ({**NEEDED, "RETENTION": "30d"}).retention == 30 * 86_400
    assert Settings.from_environ({**NEEDED, "DRAIN_SECONDS": "1.5m"}).drain_seconds == 90
    assert Settings.from_environ({**NEEDED, "MAX_STREAM_SECONDS": "55m"}).max_stream_seconds == 3300
    assert Settings.from_environ(NEEDED).max_stream_seconds == 0


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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("TOKEN_JWKS_URL", "http://id.example.com/jwks?key=the-secret"),
        ("TWILIO_API_URL", "https://user:the-secret@h"),
        ("TWILIO_API_KEY", "SK:the-secret"),
        ("DEEPGRAM_URL", "wss://user:the-secret@h"),
        ("DEEPGRAM_URL", "wss://user:the-secret@h:99999"),
        ("PUBLIC_URL", "https://user:the-secret@h?x"),
        ("PUBLIC_URL", "https://user:the-secret@h"),
        ("ALLOWED_ORIGINS", "https://user:the-secret@h/x"),
    ],
)
def test_no_part_of_a_secret_is_shown_of_an_address_that_is_refused(name, text):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({**NEEDED, name: text})
    assert caught.value.name == name
    assert "the-secret" not in str(caught.value)


HEX = "0123456789abcdef"
TOKEN = HEX * 2
KEY = (HEX * 3)[:40]
REAL = {**NEEDED, "TWILIO_AUTH_TOKEN": TOKEN, "DEEPGRAM_API_KEY": KEY}


@pytest.mark.parametrize("name", ["TWILIO_AUTH_TOKEN", "DEEPGRAM_API_KEY"])
@pytest.mark.parametrize(
    "text",
    [
        *("…", "...", f"{TOKEN[:8]}…", f"{TOKEN[:8]}...", "xxxxxxxx", "XXXX", "****", "____"),
        *("your_auth_token", "your-api-key", "YOUR AUTH TOKEN", "YourAuthToken", "yourkey"),
        *("auth_token", "TWILIO_AUTH_TOKEN", "api-key", "DEEPGRAM_API_KEY", "apikey"),
        *(
            "<token>",
            "{{token}}",
            "${TOKEN}",
            "$TOKEN",
            "[key]",
            "changeme",
            "change-me",
            "CHANGE_ME",
        ),
        *("placeholder", "example", "my_example", "todo", "replace-this", "paste_it_here"),
        *(
            "clé",
            "\u201cabc\u201d",
            '"abc"',
            f"'{TOKEN}'",
            "abc\u00a0def",
            "a\x1bb",
            "\N{ZERO WIDTH SPACE}a",
        ),
    ],
)
def test_what_no_account_has_for_a_secret_is_refused_and_not_shown(name, text):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({**NEEDED, name: text})
    assert caught.value.name == name
    assert TOKEN[:8] not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"FORWARD_TO": '{"*": {"options": "language=de&tag=a"}}'}, {"CALL_OPTIONS"}),
        (
            {
                "FORWARD_TO": '{"*": {"options": "language=de&tag=a"}}',
                "CALL_OPTIONS": "language,tag",
            },
            set(),
        ),
        ({}, set()),
        ({"TWILIO_AUTH_TOKEN": f"{TOKEN},{TOKEN[::-1]}"}, set()),
        ({"TWILIO_AUTH_TOKEN": TOKEN[1:]}, {"TWILIO_AUTH_TOKEN"}),
        ({"TWILIO_AUTH_TOKEN": f"{TOKEN} {TOKEN}0"}, {"TWILIO_AUTH_TOKEN"}),
        ({"TWILIO_AUTH_TOKEN": TOKEN.upper()}, {"TWILIO_AUTH_TOKEN"}),
        ({"TWILIO_AUTH_TOKEN": f"SK{TOKEN}"}, {"TWILIO_AUTH_TOKEN"}),
        ({"DEEPGRAM_API_KEY": KEY[1:]}, {"DEEPGRAM_API_KEY"}),
        ({"DEEPGRAM_API_KEY": "eyJhb.eyJz-_.c2ln"}, set()),
        ({"DEEPGRAM_API_KEY": "any", "DEEPGRAM_URL": "ws://127.0.0.1:9"}, set()),
        (
            {"DEEPGRAM_API_KEY": "any", "DEEPGRAM_URL": "wss://api.eu.deepgram.com"},
            {"DEEPGRAM_API_KEY"},
        ),
        ({"PUBLIC_URL": "http://calls.example.com"}, {"PUBLIC_URL"}),
        ({"PUBLIC_URL": "ws://calls.example.com"}, {"PUBLIC_URL"}),
        ({"PUBLIC_URL": "http://192.168.1.7:8080"}, {"PUBLIC_URL"}),
        ({"PUBLIC_URL": "wss://calls.example.com"}, set()),
        ({"PUBLIC_URL": "http://127.0.0.1:8080"}, set()),
        ({"PUBLIC_URL": "http://localhost:8080"}, set()),
        ({"IDLE_EXIT_SECONDS": "29"}, {"IDLE_EXIT_SECONDS"}),
        ({"IDLE_EXIT_SECONDS": "30"}, set()),
    ],
)
def test_what_may_be_right_all_the_same_is_doubted_by_the_name_of_its_setting(changes, names):
    found = dict(doubts(Settings.from_environ({**REAL, **changes})))
    assert set(found) == names
    assert TOKEN[1:8] not in str(found)
