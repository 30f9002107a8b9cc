"""handler/cli/mint_token.py: tokens made with the service's secret, read as it reads it."""

import time
from urllib.parse import parse_qsl

import jwt
import pytest
from support.credentials import NEEDED, TOKEN_SECRET
from support.sids import call_sid

from handler.cli.mint_token import main
from handler.config import Settings
from handler.errors import SettingsError
from handler.tokens.grants import Rules
from handler.tokens.tokens import verify

OLD = TOKEN_SECRET[::-1]
CALL = call_sid(1)


@pytest.fixture
def mint(monkeypatch, capsys):
    """Return what runs the command with a secret: exit code, output, errors."""

    def run(secret: str | None, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.delenv("TOKEN_SECRET", raising=False)
        monkeypatch.delenv("TOKEN_AUDIENCE", raising=False)
        if secret is not None:
            monkeypatch.setenv("TOKEN_SECRET", secret)
        code = main(list(arguments))
        printed = capsys.readouterr()
        return code, printed.out.strip(), printed.err

    return run


@pytest.mark.parametrize(
    "secret",
    [TOKEN_SECRET, f",{TOKEN_SECRET}", f" {TOKEN_SECRET} , {OLD}", f"{TOKEN_SECRET}\n{OLD}"],
)
def test_the_service_takes_what_is_minted_with_the_same_variable(mint, secret):
    code, token, errors = mint(secret)
    assert (code, errors) == (0, "")
    keys = Settings.from_environ({**NEEDED, "TOKEN_SECRET": secret}).token_keys
    assert verify(token, keys, time.time(), Rules()).allows("CA" + "0" * 32, ())
    assert jwt.decode(token, TOKEN_SECRET, algorithms=["HS256"])["calls"] == ["*"]


@pytest.mark.parametrize("secret", [",x", "short", ", ,", f"{TOKEN_SECRET},short"])
def test_what_the_service_refuses_mints_nothing_for_the_same_reason(mint, secret):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({**NEEDED, "TOKEN_SECRET": secret})
    code, token, errors = mint(secret)
    assert (code, token) == (2, "")
    assert errors.startswith(f"partyline token: {caught.value}")


@pytest.mark.parametrize("secret", [None, "", " "])
def test_without_a_secret_it_says_what_to_set(mint, secret):
    code, token, errors = mint(secret)
    assert (code, token) == (2, "")
    assert errors.startswith("partyline token: TOKEN_SECRET: missing: set")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("7d", 604_800)]
)
def test_how_long_it_is_good_for_is_said_as_in_the_settings(mint, text, seconds):
    before = time.time()
    _, token, _ = mint(TOKEN_SECRET, "--ttl", text)
    expires = jwt.decode(token, TOKEN_SECRET, algorithms=["HS256"])["exp"]
    assert int(before + seconds) <= expires <= time.time() + seconds


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://calls.example.com", "https://calls.example.com/"),
        ("wss://example.com/calls", "https://example.com/calls/"),
    ],
)
def test_a_link_opens_one_call_alone_and_for_as_long_as_is_said(mint, monkeypatch, url, page):
    monkeypatch.setenv("PUBLIC_URL", url)
    code, link, errors = mint(TOKEN_SECRET, "--share", CALL, "--ttl", "10m")
    assert (code, errors) == (0, "")
    address, _, fragment = link.partition("#")
    said = dict(parse_qsl(fragment))
    claims = jwt.decode(said.pop("token"), TOKEN_SECRET, algorithms=["HS256"])
    assert (address, said) == (page, {"call": CALL})
    assert claims["calls"] == [CALL]
    assert "numbers" not in claims
    assert claims["exp"] <= time.time() + 600


def test_a_link_needs_the_address_of_the_service_and_opens_no_call_more(mint, monkeypatch, capsys):
    monkeypatch.delenv("PUBLIC_URL", raising=False)
    code, link, errors = mint(TOKEN_SECRET, "--share", CALL)
    assert (code, link) == (2, "")
    assert errors.startswith("partyline token: PUBLIC_URL: missing: set it")
    for more in (["--call", CALL], ["--number", "+15551230000"]):
        with pytest.raises(SystemExit) as caught:
            mint(TOKEN_SECRET, "--share", CALL, *more)
        assert caught.value.code == 2
        assert "without --call and --number" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0", "0.5s", "-1", "1w", "soon"])
def test_a_time_that_is_none_is_refused_in_words(mint, capsys, text):
    with pytest.raises(SystemExit) as caught:
        mint(TOKEN_SECRET, f"--ttl={text}")
    assert caught.value.code == 2
    assert f"argument --ttl: {text!r}" in capsys.readouterr().err


@pytest.mark.parametrize(("age", "ttl"), [(None, "60d"), ("7d", "8d"), ("1h", "61m")])
def test_what_the_service_would_refuse_for_its_age_is_not_minted(mint, monkeypatch, age, ttl):
    if age is not None:
        monkeypatch.setenv("TOKEN_MAX_AGE", age)
    code, token, errors = mint(TOKEN_SECRET, "--ttl", ttl)
    assert (code, token) == (2, "")
    assert errors.startswith("partyline token: TOKEN_MAX_AGE: --ttl is ")
    assert "the service takes no token for more than" in errors


def test_the_longest_that_the_service_takes_is_minted(mint, monkeypatch):
    assert mint(TOKEN_SECRET, "--ttl", "30d")[0] == 0
    monkeypatch.setenv("TOKEN_MAX_AGE", "60d")
    assert mint(TOKEN_SECRET, "--ttl", "60d")[0] == 0
    monkeypatch.setenv("TOKEN_MAX_AGE", "soon")
    code, _, errors = mint(TOKEN_SECRET)
    assert (code, errors.startswith("partyline token: TOKEN_MAX_AGE: 'soon' is not")) == (2, True)
