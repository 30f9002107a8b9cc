"""Whose calls is the service tried with?"""

from dataclasses import dataclass
from typing import Self

from handler.config import Settings
from handler.errors import SettingsError
from handler.findings import Findings
from handler.twilio.accounts import Account
from handler.twilio.accounts_watch import read_accounts

NAME, SETTING = "twilio.accounts", "TWILIO_ACCOUNTS"


@dataclass(frozen=True, slots=True)
class Tried:
    """
    The account that the service is tried with.

    Attributes:
        account: Its secrets; without a SID where the service takes any.
        named: By which SID its doors are named, if they are its own.
        signed: Whether what comes must be signed at all.
        known: How many accounts the file names; None without one.
    """

    account: Account
    named: str | None = None
    signed: bool = True
    known: int | None = None

    @classmethod
    async def of(cls, settings: Settings, wanted: str | None) -> Self:
        """
        Find the account that is wanted, else that of the settings, else the first of the file.

        Raises:
            SettingsError: the file cannot be read, or there is no such account.
        """
        accounts = await read_accounts(settings)
        sid = wanted or settings.twilio_account_sid
        if sid is None and accounts.find(None) is None:
            sid = accounts.first
        account = accounts.find(sid)
        if account is None:
            raise SettingsError(SETTING, f"{sid} is neither in it nor TWILIO_ACCOUNT_SID")
        known = None if settings.twilio_accounts is None else len(accounts)
        return cls(account, accounts.name_in_path(sid), accounts.signed, known)

    def tell(self, findings: Findings) -> None:
        """Say which it is."""
        if self.known is None:
            findings.skipped(NAME, f"{SETTING} is not set")
        else:
            tried = self.account.sid or "the one of TWILIO_AUTH_TOKEN"
            findings.ok(NAME, f"{self.known} can be read; tried with {tried}", accounts=self.known)
