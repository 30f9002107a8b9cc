"""What another machine's clock said. Pure."""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """
    A ``Date``, against our clock.

    Attributes:
        theirs: Unix time, cut to the second.
        sent: Unix time here when they were asked.
        received: And when they had answered.
    """

    theirs: float
    sent: float
    received: float


def read(date: str | None, sent: float, received: float) -> Reading | None:
    """Read a ``Date`` header; None if there is none, or none that can be read."""
    try:
        theirs = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return None
    return Reading(theirs, sent, received)
