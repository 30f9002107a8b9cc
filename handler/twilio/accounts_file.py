"""
What the file of TWILIO_ACCOUNTS holds: the accounts that calls may come from, by their SIDs. Pure.

    {"AC…": {"auth_tokens": ["…"], "api_key": "SK…:secret"}, "AC…": {"auth_tokens": ["new", "old"]}}

An operator of many subaccounts may have 25,000, so that one is as small as it can be.
"""

import re

import msgspec

from broker.identifiers import ACCOUNT_SID
from handler.twilio_credentials import MAX_TOKENS, read_api_key

MAX_BYTES = 32 * 2**20
_TOKEN = re.compile(r"[!-~]{1,128}")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The secrets of one account. They hold nothing that the collector would have to look at."""

    auth_tokens: tuple[str, ...]
    api_key: str | None = None

    def __repr__(self) -> str:
        return "Entry(…)"  # secrets


def read_entries(data: bytes) -> dict[str, Entry]:
    """
    Read the file.

    Raises:
        ValueError: it is malformed; says where, and repeats nothing of it: any of its texts may be
            a secret in the wrong place.
    """
    try:
        found = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise ValueError(
            'is no JSON like {"AC…": {"auth_tokens": ["…"], "api_key": "SK…:secret"}}'
        ) from exc
    if not found:
        raise ValueError("names no account")
    entries = {}
    for number, (sid, entry) in enumerate(found.items(), 1):
        if not ACCOUNT_SID.fullmatch(sid):
            raise ValueError(f"account {number}: its name is not AC and 32 lower-case hex digits")
        try:
            entries[sid] = _entry(entry)
        except ValueError as exc:
            raise ValueError(f"account {number}, {sid}: {exc}") from exc
    return entries


def _entry(raw: msgspec.Raw) -> Entry:
    try:
        entry = msgspec.json.decode(raw, type=Entry)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise ValueError('is not like {"auth_tokens": ["…"], "api_key": "SK…:secret"}') from exc
    # Without a token nothing could be signed, and nothing unsigned may come in.
    if not 1 <= len(entry.auth_tokens) <= MAX_TOKENS:
        raise ValueError(f"auth_tokens are 1 to {MAX_TOKENS}")
    if not all(map(_TOKEN.fullmatch, entry.auth_tokens)):
        raise ValueError("an auth token is a word of ASCII letters and digits, without blanks")
    if entry.api_key is not None:
        try:
            read_api_key(entry.api_key)
        except ValueError as exc:
            raise ValueError(f"api_key {exc}") from exc
    return entry
