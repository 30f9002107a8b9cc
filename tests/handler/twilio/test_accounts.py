"""handler/twilio/accounts.py: whose calls are taken."""

import tracemalloc

import pytest
from support.credentials import NEEDED
from support.sids import account_sid

from handler.config import Settings
from handler.twilio.accounts import Account, Accounts
from handler.twilio.accounts_file import Entry, read_entries

ONE, TWO, NOBODYS = account_sid(1), account_sid(2), account_sid(3)
KEY = ("SK" + "0" * 32, "secret")
ENTRIES = {TWO: Entry(("two", "old"), ":".join(KEY))}


def test_a_path_without_a_name_is_of_the_account_of_the_settings():
    default = Account(sid=ONE, auth_tokens=("one",))
    accounts = Accounts(default, ENTRIES)
    assert accounts.find(None) == accounts.find(ONE) == default
    assert accounts.find(NOBODYS) is None


def test_a_path_with_a_name_is_of_the_account_in_the_file():
    accounts = Accounts(Account(sid=ONE, auth_tokens=("one",)), ENTRIES)
    assert accounts.find(TWO) == Account(sid=TWO, auth_tokens=("two", "old"), api_key=KEY)


def test_auth_tokens_of_any_account_are_those_of_each_that_is_named():
    """Without TWILIO_ACCOUNT_SID; whose call it is, its start says."""
    accounts = Accounts(Account(auth_tokens=("one", "other")), ENTRIES)
    assert accounts.find(None) == Account(auth_tokens=("one", "other"))
    assert accounts.find(NOBODYS) == Account(sid=NOBODYS, auth_tokens=("one", "other"))
    assert accounts.find(TWO) != Account(sid=TWO, auth_tokens=("one", "other"))


def test_auth_tokens_of_any_account_speak_for_none_that_is_named():
    accounts = Accounts(Account(auth_tokens=("one",)), ENTRIES)
    found = accounts.find(None)
    assert found is not None
    assert [found.owns(sid) for sid in (TWO, NOBODYS, None)] == [False, True, True]
    named = accounts.find(TWO)
    assert named is not None
    assert [named.owns(sid) for sid in (TWO, NOBODYS, None)] == [True, False, False]


@pytest.mark.parametrize(
    ("default", "sid", "named"),
    [
        (Account(sid=ONE, auth_tokens=("one",)), ONE, None),
        (Account(sid=ONE, auth_tokens=("one",)), TWO, TWO),
        (Account(auth_tokens=("one",)), NOBODYS, None),
        (Account(auth_tokens=("one",)), None, None),
        (Account(auth_tokens=("one",)), TWO, TWO),  # the file has tokens of its own for it
        (None, TWO, TWO),
    ],
)
def test_the_path_names_an_account_where_what_names_none_is_not_its(default, sid, named):
    accounts = Accounts(default, ENTRIES)
    assert accounts.name_in_path(sid) == named
    assert accounts.first == TWO


def test_with_a_file_alone_what_names_no_account_is_nobodys():
    environ = {name: value for name, value in NEEDED.items() if name != "TWILIO_AUTH_TOKEN"}
    accounts = Accounts.of(Settings.from_environ({**environ, "TWILIO_ACCOUNTS": "accounts.json"}))
    accounts.replace(ENTRIES)
    assert accounts.find(None) is None
    assert accounts.find(NOBODYS) is None
    assert accounts.find(TWO) is not None
    assert accounts.signed


@pytest.mark.parametrize(
    ("environ", "account"),
    [
        ({}, Account(auth_tokens=(NEEDED["TWILIO_AUTH_TOKEN"],))),
        (
            {"TWILIO_ACCOUNT_SID": ONE, "TWILIO_API_KEY": ":".join(KEY)},
            Account(sid=ONE, auth_tokens=(NEEDED["TWILIO_AUTH_TOKEN"],), api_key=KEY),
        ),
    ],
)
def test_the_settings_name_one_account(environ, account):
    accounts = Accounts.of(Settings.from_environ({**NEEDED, **environ}))
    assert accounts.find(None) == account
    assert accounts.signed
    assert len(accounts) == 0


def test_insecure_is_said_to_be():
    settings = Settings.from_environ({"DEEPGRAM_API_KEY": "any"}, insecure=True)
    assert not Accounts.of(settings).signed


def test_other_accounts_take_the_place_of_all_before():
    accounts = Accounts(None, ENTRIES)
    accounts.replace({ONE: Entry(("one",))})
    assert (len(accounts), accounts.find(TWO)) == (1, None)
    assert accounts.find(ONE) == Account(sid=ONE, auth_tokens=("one",))


def test_no_secret_shows():
    accounts = Accounts(Account(sid=ONE, auth_tokens=("hush-1",), api_key=KEY), ENTRIES)
    found = [accounts, accounts.find(None), accounts.find(TWO), ENTRIES, vars(accounts)]
    assert not [word for word in ("hush-1", "secret", "two") if word in repr(found)]


def test_to_find_one_nobody_looks_at_the_others():
    """A handshake costs the same however many accounts there are."""

    class Entries(dict[str, Entry]):
        def __iter__(self):
            raise AssertionError("one after the other")

    accounts = Accounts(None, Entries(ENTRIES))
    assert accounts.find(TWO) is not None
    assert accounts.find(NOBODYS) is None


def test_an_account_more_costs_some_hundred_bytes():
    """An operator of many subaccounts has 25,000, in a container of half a gigabyte."""
    count = 25_000
    text = ",".join(
        f'"{account_sid(number)}":{{"auth_tokens":["{number:032x}"],'
        f'"api_key":"SK{number:032x}:{number:032x}"}}'
        for number in range(count)
    )
    data = f"{{{text}}}".encode()
    tracemalloc.start()
    try:
        accounts = Accounts(None, read_entries(data))
        assert tracemalloc.get_traced_memory()[0] < 500 * count
    finally:
        tracemalloc.stop()
    assert accounts.find(account_sid(count - 1)) is not None
