"""
How a webhook is asked, which its URL may say itself: ``https://host/voice#rc=3&rp=all``. Pure.

Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit


class Failure(StrEnum):
    """Why a request failed, as the policy of retries names it."""

    REFUSED = "4xx"
    BROKEN = "5xx"
    CONNECT = "ct"  # no connection, or no TLS, in its time
    READ = "rt"  # no answer in its time, or half a one


@dataclass(frozen=True, slots=True)
class Overrides:
    """
    How a webhook is asked.

    Attributes:
        connect_ms: How long a connection may take.
        read_ms: How long an answer may take.
        retries: How often it is asked again.
        retry_on: After which failures.
    """

    connect_ms: int = 5000
    read_ms: int = 15_000
    retries: int = 1
    retry_on: frozenset[Failure] = frozenset({Failure.CONNECT})


def read_overrides(url: str) -> Overrides:
    """Read the fragment of a URL; what is no override, or out of its bounds, changes nothing."""
    given = dict(parse_qsl(urlsplit(url).fragment))
    usual = Overrides()
    return Overrides(
        connect_ms=_whole(given.get("ct"), 100, 10_000, usual.connect_ms),
        read_ms=_whole(given.get("rt"), 100, 15_000, usual.read_ms),
        retries=_whole(given.get("rc"), 0, 5, usual.retries),
        retry_on=_policy(given.get("rp"), usual.retry_on),
    )


def _whole(text: str | None, least: int, most: int, usual: int) -> int:
    # No number of more digits is within any bounds.
    if text is None or not (text.isascii() and text.isdecimal() and len(text) < 9):
        return usual
    return int(text) if least <= int(text) <= most else usual


def _policy(text: str | None, usual: frozenset[Failure]) -> frozenset[Failure]:
    words = set((text or "").split(","))
    if "all" in words:
        return frozenset(Failure)
    return frozenset(failure for failure in Failure if failure in words) or usual
