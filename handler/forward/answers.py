"""What a receiver's answer means for what was sent to it. Pure."""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum

# However long a receiver asks for.
LONGEST_WAIT = 3600.0
# It says that this very record will never do. What a wrong secret, address or right would be
# answered with (400, 401, 403, 404) is mended by somebody, and is no reason to give anything up.
TOO_LARGE = 413
REFUSALS = frozenset({TOO_LARGE, 422})
GONE = 410


class Verdict(StrEnum):
    """What became of it."""

    TAKEN = "taken"
    REFUSED = "refused"  # this record, for good
    GONE = "gone"  # this call, for good
    FAILED = "failed"  # for now


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What became of one attempt.

    Attributes:
        verdict: What is to be done.
        detail: Why, in words.
        wait: How many seconds the receiver asks to be left alone.
    """

    verdict: Verdict
    detail: str = ""
    wait: float = 0.0


TAKEN = Outcome(Verdict.TAKEN)


def judge(status: int, retry_after: str | None, now: float) -> Outcome:
    """Return what an answer means; ``now`` is the Unix time at which it came."""
    if 200 <= status < 300:
        return TAKEN
    detail = f"HTTP {status}"
    if status == GONE:
        return Outcome(Verdict.GONE, detail)
    # With a time at which to try again it is too large for now: RFC 9110 section 15.5.14.
    if status in REFUSALS and not (status == TOO_LARGE and retry_after is not None):
        return Outcome(Verdict.REFUSED, detail)
    if 300 <= status < 400:  # who can redirect could have the words sent anywhere
        detail += ": redirections are not followed; set FORWARD_URL to where it leads"
    return Outcome(Verdict.FAILED, detail, _wait(retry_after, now))


def _wait(text: str | None, now: float) -> float:
    """Read ``Retry-After``: seconds, or a date (RFC 9110 section 10.2.3); bounded."""
    if text is None:
        return 0.0
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_WAIT)
