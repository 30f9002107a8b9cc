"""Whether one call is over by Twilio's own word, as the call hears of it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from broker.entries import CallStatus
from broker.errors import HistoryUnavailable
from broker.statuses import Statuses

# How often it is asked for while nothing is heard of the call: the status may have come before
# that, or while NATS was away.
ASK_SECONDS = 10.0


class Outcome:
    """
    How a call ended, by its status callbacks.

    They may come before its media stream ends, after that, or although it never says that it does.

    Attributes:
        status: The final one; None while none has come.
        at: Unix ms at which it was final; 0 if that is not known.
    """

    def __init__(self, statuses: Statuses, account_sid: str, call_sid: str) -> None:
        self.status: str | None = None
        self.at = 0
        self._statuses = statuses
        self._account_sid = account_sid
        self._call_sid = call_sid
        self._on_final: Callable[[str], None] = _nobody
        self._asked_at = -ASK_SECONDS

    @contextmanager
    def watched(self, on_final: Callable[[str], None]) -> Iterator[None]:
        """Call ``on_final`` when the status comes, until the block is left."""
        self._on_final = on_final
        try:
            with self._statuses.watch(self._call_sid, self._hear):
                yield
        finally:
            self._on_final = _nobody  # it would hold the call that holds us

    def may_ask(self, now: float) -> bool:
        """Whether it was not asked for a while, by the loop's clock; if so, it is to be asked."""
        if now - self._asked_at < ASK_SECONDS:
            return False
        self._asked_at = now
        return True

    async def ask(self) -> None:
        """Ask for the status, which may have come before anybody here heard of it."""
        with suppress(HistoryUnavailable):
            if (status := await self._statuses.of(self._call_sid, self._account_sid)) is not None:
                self._hear(status)

    async def keep_asking(self) -> None:
        """Ask until it is known."""
        await self.ask()
        while self.status is None:
            await asyncio.sleep(ASK_SECONDS)
            await self.ask()

    def _hear(self, status: CallStatus) -> None:
        """Take a status; of another account's call with the same name it says nothing."""
        if self.status is None and status.account_sid == self._account_sid:
            self.status, self.at = status.status, status.at
            self._on_final(status.status)


def final_status(account_sid: str, call_sid: str, status: str, at: int | None) -> CallStatus:
    """
    Return Twilio's word that a call is over, as it is told to all containers.

    Args:
        account_sid: The account that owns it.
        call_sid: The call.
        status: How it ended.
        at: Unix ms of it, as Twilio says; None if it does not. It is over by now, at the latest.
    """
    now = time.time_ns() // 1_000_000
    return CallStatus(account_sid, call_sid, status, now if at is None else min(at, now))


def _nobody(_: str) -> None:
    """Tell nobody."""
