"""handler/twilio/accounts_watch.py: a file of accounts that changes while calls come in."""

import json
import os
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.sids import account_sid
from support.timing import LOOK, patience, until

from handler.errors import SettingsError
from handler.twilio import accounts_watch
from handler.twilio.accounts import Accounts
from handler.twilio.accounts_watch import AccountsWatch

CANNOT = "TWILIO_ACCOUNTS cannot be read: the accounts stay as they were"


def text(*numbers: int, word: str = "hush") -> str:
    return json.dumps({account_sid(number): {"auth_tokens": [word]} for number in numbers})


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "accounts.json"
    path.write_text(text(1))
    return path


@asynccontextmanager
async def watching(path: Path):
    accounts = Accounts(None)
    with capture_logs() as lines:
        async with patience(), AccountsWatch(str(path), accounts, look=LOOK):
            yield accounts, lines
    assert "hush" not in str(lines)


def tokens(accounts: Accounts, number: int) -> tuple[str, ...] | None:
    account = accounts.find(account_sid(number))
    return None if account is None else account.auth_tokens


def events(lines) -> list[str]:
    return [line["event"] for line in lines]


async def test_a_file_that_is_written_over_or_replaced_is_read_again(path):
    async with watching(path) as (accounts, lines):
        assert tokens(accounts, 1) == ("hush",)
        path.write_text(text(1, 2))
        await until(lambda: tokens(accounts, 2))
        path.write_text(text(1, 2, word="HUSH"))  # of the same length
        await until(lambda: tokens(accounts, 2) == ("HUSH",))
        other = path.with_suffix(".new")
        other.write_text(text(3))
        other.replace(path)
        await until(lambda: tokens(accounts, 3))
        assert tokens(accounts, 1) is None
    assert events(lines) == ["accounts read"] * 4


async def test_a_link_that_leads_to_another_file_is_followed(tmp_path):
    """As Kubernetes changes a secret."""
    for number in (1, 2):
        (tmp_path / f"{number}.json").write_text(text(number))
    link = tmp_path / "accounts.json"
    link.symlink_to("1.json")
    async with watching(link) as (accounts, _):
        new = tmp_path / "new"
        new.symlink_to("2.json")
        new.replace(link)
        await until(lambda: tokens(accounts, 2))
        assert tokens(accounts, 1) is None


@pytest.mark.parametrize("malformed", ["", "{", "{}", text(1)[:-3], '{"hush": {}}'])
async def test_a_version_that_cannot_be_read_is_told_once_and_the_old_one_stays(path, malformed):
    async with watching(path) as (accounts, lines):
        path.write_text(malformed)
        await until(lambda: CANNOT in events(lines))
        assert tokens(accounts, 1) == ("hush",)
        path.write_text(text(2))
        await until(lambda: tokens(accounts, 2))
    assert events(lines) == ["accounts read", CANNOT, "accounts read"]
    assert lines[1]["accounts"] == 1


async def test_a_file_that_is_gone_or_may_not_be_read_is_told_once_and_read_when_it_is_back(path):
    async with watching(path) as (accounts, lines):
        path.rename(path.with_suffix(".away"))
        await until(lambda: CANNOT in events(lines))
        path.with_suffix(".away").rename(path)
        await until(lambda: len(lines) == 3)
        assert tokens(accounts, 1) == ("hush",)
    assert events(lines) == ["accounts read", CANNOT, "accounts read"]
    assert lines[1]["problem"] == "No such file or directory"


async def test_a_file_that_is_too_long_is_not_read(path, monkeypatch):
    monkeypatch.setattr(accounts_watch, "MAX_BYTES", 2**20)
    async with watching(path) as (accounts, lines):
        path.write_text(text(2) + " " * 2**20)
        await until(lambda: CANNOT in events(lines))
        assert tokens(accounts, 2) is None
    assert lines[1]["problem"] == "is longer than 1 MiB"


@pytest.mark.parametrize("what", ["missing", "directory", "pipe", "malformed"])
async def test_without_a_file_that_can_be_read_nothing_begins(tmp_path, what):
    path = tmp_path / what
    match what:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "malformed":
            path.write_text("hush")
    with pytest.raises(SettingsError) as caught:
        async with watching(path):
            pass
    assert caught.value.name == "TWILIO_ACCOUNTS"
    assert "hush" not in str(caught.value)
