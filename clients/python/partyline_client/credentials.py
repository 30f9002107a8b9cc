"""The token: given once, or asked for whenever one is needed."""

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
        given: A token; what returns a fresh one, or an awaitable of one, whenever it is called; or
            None for a service that takes everybody.
    """

    def __init__(self, given: str | Ask | None) -> None:
        self._given = given

    @property
    def renewable(self) -> bool:
        """Whether another token can be had."""
        return callable(self._given)

    async def token(self) -> str | None:
        """Return a token, a fresh one if it can be; what the callback raises is raised."""
        if not callable(self._given):
            return self._given
        answer = self._given()
        return answer if isinstance(answer, str) else await answer
