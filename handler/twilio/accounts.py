"""Whose calls are taken: Twilio accounts, and the secrets by which each is known."""

from dataclasses import dataclass, field
from typing import Self

from handler.config import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """
    One account of Twilio's.

    Attributes:
        sid: Its accountSid; None for any account whose auth token is the right one.
        auth_tokens: Of which one has signed what comes from it; several while one is replaced.
            None: nothing is signed (``--insecure``).
        api_key: What the REST API is asked with, its SID and its secret; None: an auth token.
    """

    sid: str | None = None
    auth_tokens: tuple[str, ...] = field(default=(), repr=False)
    api_key: tuple[str, str] | None = field(default=None, repr=False)


class Accounts:
    """The accounts that this service works for."""

    def __init__(self, default: Account) -> None:
        self._default = default

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return those that the settings name."""
        return cls(
            Account(
                sid=settings.twilio_account_sid,
                auth_tokens=settings.twilio_auth_tokens,
                api_key=settings.twilio_api_key,
            )
        )

    def find(self, sid: str | None) -> Account | None:
        """
        Return an account, if it is one of ours.

        Args:
            sid: As the path of the request names it; None if it names none.
        """
        if sid in (None, self._default.sid):
            return self._default
        return None
