"""handler/cli/probe.py: to whom a token goes, and what it opens."""

import time

import pytest
from support.credentials import TOKEN_SECRET

from handler.cli import probe
from handler.tokens import grants, tokens


@pytest.fixture
def planned(monkeypatch):
    monkeypatch.setenv("TOKEN_SECRET", TOKEN_SECRET)
    return lambda *argv: probe._plan(probe._parser("partyline probe").parse_args(argv))


@pytest.mark.parametrize(
    "url",
    [
        "http://calls.example.com",
        "ws://192.0.2.1:8080",
        "https://user:hush@calls.example.com",
        "https://calls.example.com/?a=b",
    ],
)
def test_no_token_goes_where_others_can_read_it_and_no_user_is_repeated(url, planned, capsys):
    with pytest.raises(SystemExit):
        planned(url)
    said = capsys.readouterr().err
    assert "hush" not in said
    assert "https://" in said


def test_the_token_that_it_makes_opens_its_own_call_alone(planned):
    plan = planned("http://127.0.0.1:8080")
    opens = tokens.verify(plan.token, [grants.secret_key(TOKEN_SECRET)], time.time())
    assert opens.calls == {plan.call_sid}
