"""
How fast Twilio's REST API is asked. Pure: the time comes in as an argument.

Twilio bounds how many requests of an account it works on at once, does not say how many that are,
and answers 429 to one more, which it has not looked at.
Source: https://www.twilio.com/docs/usage/rest-api-best-practices
"""

# Of one process, for all accounts. Each takes 0.1 to 0.3 s: 100 calls are moved in about a second.
IN_FLIGHT = 20
# Seconds between two tries of one request: the first, then twice the one before, to the longest.
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 8.0
# A longer one that we are told to make is made by whoever asks again later.
LONGEST_RETRY_AFTER = 3600.0


class Pace:
    """
    How many requests of one account may be on their way at once.

    Half as many after a 429, one more for each row of answers without: what the account bears is
    found, wherever else it is used. Answers to requests that left before it was halved halve it no
    more: they say the same thing again.
    """

    def __init__(self, most: int = IN_FLIGHT) -> None:
        self._most = most
        self._room = float(most)
        self._halved_at = float("-inf")

    @property
    def room(self) -> int:
        """How many there may be now; always one."""
        return int(self._room)

    def refused(self, sent_at: float, now: float) -> bool:
        """Take note of a 429 to a request of the time ``sent_at``; whether it was news."""
        if sent_at < self._halved_at:
            return False
        self._room = max(1.0, self._room / 2)
        self._halved_at = now
        return True

    def answered(self) -> None:
        """Take note of an answer, whatever it says."""
        self._room = min(float(self._most), self._room + 1 / self._room)


def pause(tries: int, retry_after: float | None, chance: float) -> float:
    """
    Return how long to wait before a request is made again, in seconds.

    Args:
        tries: How many were made, one at least.
        retry_after: What we were told to wait at least.
        chance: From 0 to 1, so that those who failed together do not come back together.
    """
    own = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries - 1, 16))
    return (retry_after or 0.0) + own * (0.5 + chance / 2)


def read_retry_after(text: str | None) -> float | None:
    """Read ``Retry-After``, if it is in seconds; Twilio says no dates there."""
    if text is None or not text.strip().isascii() or not text.strip().isdigit():
        return None
    return min(float(text.strip()[:9]), LONGEST_RETRY_AFTER)
