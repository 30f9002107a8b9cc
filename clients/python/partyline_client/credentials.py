"""The token: given once, or asked for again and again before it ends."""

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable

Ask = Callable[[], str | Awaitable[str]]

# A token is renewed so long before it ends, or at three quarters of what is left of it.
EARLY_SECONDS = 60.0
EARLY_PART = 0.25


def expiry(token: str) -> float | None:
    """Return the Unix time at which a JWT ends; None if it does not say so. It is not verified."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        end = claims["exp"]
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return None
    return float(end) if type(end) in (int, float) else None


def renew_in(token: str, now: float) -> float | None:
    """
    Return after how many seconds a token is to be renewed; None if nothing is known, or it is late.

    A clock that is wrong does no harm: the service says when a token has ended.
    """
    end = expiry(token)
    if end is None or end <= now:
        return None
    left = end - now
    return left - min(EARLY_SECONDS, left * EARLY_PART)


class Credentials:
    """
    What opens the service.

    Args:
        given: A token, what returns a fresh one whenever it is called, or None for a service that
            takes everybody.
    """

    def __init__(self, given: str | Ask | None) -> None:
        self._ask = given if callable(given) else None
        self._token = given if isinstance(given, str) else None
        # Connections that need another token at the same time ask for one.
        self._asking = asyncio.Lock()

    @property
    def renewable(self) -> bool:
        """Whether another token can be had."""
        return self._ask is not None

    async def current(self, now: float) -> tuple[str | None, bool]:
        """
        Return a token for a new connection, and whether it was asked for just now.

        What the callback raises is raised.
        """
        async with self._asking:
            if self._ask is None or (self._token is not None and not _is_late(self._token, now)):
                return self._token, False
            return await self._fresh(), True

    async def instead_of(self, token: str | None) -> str | None:
        """Return another token than this one, which has ended or will soon; as above."""
        async with self._asking:
            return await self._fresh() if self._token in (None, token) else self._token

    def spoil(self, token: str | None) -> None:
        """Keep a token no longer: it was refused."""
        if self.renewable and self._token == token:
            self._token = None

    async def _fresh(self) -> str | None:
        if self._ask is not None:
            answer = self._ask()
            self._token = answer if isinstance(answer, str) else await answer
        return self._token


def _is_late(token: str, now: float) -> bool:
    end = expiry(token)
    return end is not None and end <= now
