"""Whose calls are taken: Twilio accounts, and the secrets by which each is known."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from handler.config import Settings
from handler.twilio.accounts_file import Entry
from handler.twilio_credentials import read_api_key


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """
    One account of Twilio's.

    Attributes:
        sid: Its accountSid; None for any account whose auth token is the right one.
        auth_tokens: Of which one has signed what comes from it; several while one is replaced.
            None: nothing is signed (``--insecure``).
        api_key: What the REST API is asked with, its SID and its secret; None: an auth token.
        named: Without a SID: the accounts that it is not, as they have tokens of their own.
    """

    sid: str | None = None
    auth_tokens: tuple[str, ...] = field(default=(), repr=False)
    api_key: tuple[str, str] | None = field(default=None, repr=False)
    named: Container[str] = field(default=(), repr=False, compare=False)

    def owns(self, sid: str | None) -> bool:
        """Whether its tokens may speak for an account."""
        return sid not in self.named if self.sid is None else sid == self.sid


class Accounts:
    """
    The accounts that this service works for: one of the settings, and those of a file.

    To find one costs the same however many there are.
    """

    def __init__(self, default: Account | None, entries: Mapping[str, Entry] | None = None) -> None:
        self._default = default
        self._entries = entries or {}

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return those that the settings name, without those of the file."""
        if settings.twilio_accounts is not None and not settings.twilio_auth_tokens:
            return cls(None)  # what names no account is signed by none
        return cls(
            Account(
                sid=settings.twilio_account_sid,
                auth_tokens=settings.twilio_auth_tokens,
                api_key=settings.twilio_api_key,
            )
        )

    @property
    def signed(self) -> bool:
        """Whether what comes must be signed; not with ``--insecure``."""
        return self._default is None or bool(self._default.auth_tokens)

    def __len__(self) -> int:
        """How many are known by name."""
        return len(self._entries)

    @property
    def first(self) -> str | None:
        """The first that is known by name."""
        return next(iter(self._entries), None)

    def name_in_path(self, sid: str | None) -> str | None:
        """Return how the path names an account; None if what names none is its."""
        if sid in self._entries:
            return sid
        mine = self._default is not None and self._default.sid in (None, sid)
        return None if mine else sid

    def replace(self, entries: Mapping[str, Entry]) -> None:
        """Take these instead of those of the file before it; callable from any thread."""
        self._entries = entries

    def find(self, sid: str | None) -> Account | None:
        """
        Return an account, if it is one of ours.

        Args:
            sid: As the path of the request names it; None if it names none.
        """
        if sid is None:
            return self._default and replace(self._default, named=self._entries)
        if (entry := self._entries.get(sid)) is not None:
            key = None if entry.api_key is None else read_api_key(entry.api_key)
            return Account(sid=sid, auth_tokens=entry.auth_tokens, api_key=key)
        if self._default is not None and self._default.sid in (None, sid):
            return replace(self._default, sid=sid)
        return None
