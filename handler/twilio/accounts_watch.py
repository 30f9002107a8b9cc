"""The file of TWILIO_ACCOUNTS, read at the start and whenever it has changed."""

import asyncio
import stat
from pathlib import Path
from typing import Self

import structlog

from broker import supervise
from handler.config import Settings
from handler.errors import SettingsError
from handler.twilio.accounts import Accounts
from handler.twilio.accounts_file import MAX_BYTES, Entry, read_entries

# Between two looks at whether it has changed; each costs a call of the system, in a thread.
LOOK_SECONDS = 5.0

# Which file it is, how long, when it was written, and when anything about it changed.
Version = tuple[int, int, int, int]
GONE = (0, 0, 0, 0)

_log = structlog.get_logger()


class AccountsWatch:
    """
    Keeps accounts as the file has them.

    An async context manager: leaving it ends the watch. It may be written over or replaced; a
    version that cannot be read is told of in the log, and the accounts stay as they were.
    """

    def __init__(self, path: str, accounts: Accounts, *, look: float = LOOK_SECONDS) -> None:
        self._path = Path(path)
        self._accounts = accounts
        self._look = look
        self._seen: Version | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.read()
        self._task = supervise.keep(self._watch, "accounts")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            await supervise.end(self._task)

    async def read(self) -> None:
        """
        Read it, for the first time.

        Raises:
            SettingsError: that cannot be done.
        """
        try:
            await self._read()
        except (OSError, ValueError) as exc:
            raise SettingsError("TWILIO_ACCOUNTS", _said(exc)) from exc

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._look)
            try:
                await self._read()
            except (OSError, ValueError) as exc:
                _log.error(
                    "TWILIO_ACCOUNTS cannot be read: the accounts stay as they were",
                    problem=_said(exc),
                    accounts=len(self._accounts),
                )

    async def _read(self) -> None:
        """Read it if it is another than the last time, whether or not that could be read."""
        entries = await asyncio.to_thread(self._changed)
        if entries is not None:
            self._accounts.replace(entries)
            _log.info("accounts read", accounts=len(entries))

    def _changed(self) -> dict[str, Entry] | None:
        try:
            status = self._path.stat()
        except OSError:
            if self._seen == GONE:
                return None  # told before
            self._seen = GONE
            raise
        version = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if version == self._seen:
            return None
        self._seen = version
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("is no file")
        # What is written meanwhile is of another version: it is read at the next look.
        with self._path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"is longer than {MAX_BYTES >> 20} MiB")
        return read_entries(data)


async def read_accounts(settings: Settings) -> Accounts:
    """
    Return the accounts of the settings and of the file that they name, as it is now.

    Raises:
        SettingsError: it cannot be read.
    """
    accounts = Accounts.of(settings)
    if settings.twilio_accounts is not None:
        await AccountsWatch(settings.twilio_accounts, accounts).read()
    return accounts


def _said(exc: Exception) -> str:
    return exc.strerror or "cannot be read" if isinstance(exc, OSError) else str(exc)
