"""
When to try Deepgram again: which failures pass, how long to wait, and how many may try at once.

Pure: the time comes in as an argument.
Source: https://developers.deepgram.com/docs/errors and the recovery page beside it.
"""

import random
from dataclasses import dataclass

from websockets.exceptions import InvalidStatus

from handler.errors import (
    DeepgramDisconnected,
    DeepgramError,
    DeepgramRejected,
    OptionsRejected,
)

# Of what is the client's fault only these may pass; the same configuration gets the same answer.
# 403 is also a misspelt model name, and 414 a list of keyterms that is too long.
PASSING_STATUS = frozenset({408, 425, 429})
# Our messages or our audio were at fault; the next connection would send the same.
PERMANENT_CLOSE = frozenset({1002, 1003, 1007, 1008})

# What an operator can do about a handshake that was refused.
ADVICE = {
    400: "check DEEPGRAM_OPTIONS: it does not take them",
    401: "check DEEPGRAM_API_KEY: it is wrong, was deleted, or lacks the right to transcribe",
    402: "add credit to the account, in the Deepgram Console",
    403: "check the model in DEEPGRAM_OPTIONS: there is none of that name, or not for this key",
    404: "check DEEPGRAM_URL: there is no /v1/listen",
    405: "take another model in DEEPGRAM_OPTIONS: this one cannot be streamed to",
    414: "shorten DEEPGRAM_OPTIONS: too many keyterms",
    429: "too many connections for the account: lower MAX_CALLS, or ask Deepgram for more",
}
# What may be the fault of the options that a call brought.
OF_OPTIONS = frozenset({400, 403, 405, 413, 414, 422})
CALL_ADVICE = "check the options that this call brought; it goes on with the service's own"
REDIRECTED = "set DEEPGRAM_URL to where it leads: the key goes to no other host than the one set"

# So many attempts at once are no storm: what held them back ends.
WIDE = 32


def judge(
    failure: Exception | tuple[int | None, str | None],
    request_id: str | None,
    *,
    options_of_call: bool = False,
) -> DeepgramError:
    """
    Say of a failure whether another attempt is worth it. The whole table is here.

    Args:
        failure: What the handshake raised, or the code and reason that ended the connection
            unasked; no code when there was no close frame.
        request_id: Deepgram's name for the connection, if it got so far.
        options_of_call: Whether it was asked for what the call brought.
    """
    advice = ""
    if isinstance(failure, tuple):
        code, text = failure
        reason = f"closed with {code or 1006}{': ' + text if text else ''}"
        permanent = code in PERMANENT_CLOSE
    elif isinstance(failure, InvalidStatus):
        status, headers = failure.response.status_code, failure.response.headers
        detail = headers.get("dg-error", "")
        reason = f"HTTP {status}{': ' + detail if detail else ''}"
        request_id = headers.get("dg-request-id") or request_id
        permanent = 400 <= status < 500 and status not in PASSING_STATUS
        if options_of_call and status in OF_OPTIONS:
            return OptionsRejected(reason, request_id, CALL_ADVICE)
        advice = ADVICE.get(status, REDIRECTED if 300 <= status < 400 else "")
    else:
        reason = f"cannot connect: {str(failure) or type(failure).__name__}"
        permanent = False
        advice = "check DEEPGRAM_URL, and that this machine reaches it"
    return (DeepgramRejected if permanent else DeepgramDisconnected)(reason, request_id, advice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """
    How long one call waits between its attempts: exponential, capped, with full jitter.

    Attributes:
        first: Seconds, at most, after the first failure.
        longest: Seconds, at most, after any.
        good: A connection that lived so many seconds was a good one: the next begins afresh.
    """

    first: float = 0.5
    longest: float = 5.0  # Deepgram's examples cap at 10; the breaker spares it storms
    good: float = 5.0

    def failures(self, before: int, lived: float) -> int:
        """Count a failure, after ``before`` others; ``lived`` is 0 if nothing was opened."""
        return 1 if lived >= self.good else before + 1

    def seconds(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row."""
        longest = min(self.longest, self.first * 2.0 ** min(failures - 1, 16))
        return random.uniform(0, longest)  # noqa: S311  not a secret


class Breaker:
    """
    Keeps the calls of one process from storming a Deepgram that is down, or that throttles.

    After ``threshold`` connections in a row that failed, whosever they were, one call at a time may
    try, with growing pauses. The first that succeeds lets two try at once, then four, and so on. A
    connection succeeds with its first result: a host that accepts and drops is down, too.

    Attributes:
        attempts: How many were let.
        reason: Of the last failure.
        answered: Whether Deepgram has taken a handshake, or refused one for good.
        accepted: Whether it took the last one.
    """

    def __init__(self, *, threshold: int = 5, first: float = 0.5, longest: float = 5.0) -> None:
        self.attempts = 0
        self.reason = ""
        self.answered = False
        self.accepted = False
        self._threshold = threshold
        self._first = first
        self._longest = longest
        self._failures = 0
        self._trying = 0
        self._width: int | None = None  # how many may try at once; None for any number
        self._not_before = 0.0

    @property
    def open(self) -> bool:
        """Whether attempts are held back."""
        return self._width is not None

    def admit(self, now: float) -> float:
        """
        Ask for an attempt at ``now`` (seconds).

        Returns 0 if it may be made: then :meth:`failed`, :meth:`succeeded` or :meth:`gave_up` must
        follow. Else how many seconds later to ask again.
        """
        if self._width is not None:
            if now < self._not_before:
                return self._not_before - now
            if self._trying >= self._width:
                return self._first
        self._trying += 1
        self.attempts += 1
        return 0.0

    def failed(self, now: float, reason: str) -> None:
        """Tell of a connection that failed before it was of use, in a way that may pass."""
        self._trying -= 1
        self.reason = reason
        if self._width is not None and now < self._not_before:
            return  # it was on its way when others failed: no news
        self._failures += 1
        if self._failures >= self._threshold:
            self._width = 1
            beyond = min(self._failures - self._threshold, 16)
            self._not_before = now + min(self._longest, self._first * 2.0**beyond)

    def succeeded(self) -> None:
        """Tell of a connection that is of use, or of a refusal for good."""
        self._trying -= 1
        self._failures = 0
        if self._width is not None:
            self._width *= 2
            if self._width > WIDE:
                self._width = None

    def gave_up(self) -> None:
        """Tell that an attempt was cut short: it says nothing of Deepgram."""
        self._trying -= 1


class Trial:
    """What the breaker is told of one attempt: once, whatever is learned of it later."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker: Breaker | None = breaker

    def succeeded(self) -> None:
        """Tell that the connection is of use, or was refused for good."""
        if (breaker := self._settle()) is not None:
            breaker.succeeded()

    def failed(self, now: float, reason: str) -> None:
        """Tell that it failed at ``now`` (seconds) in a way that may pass."""
        if (breaker := self._settle()) is not None:
            breaker.failed(now, reason)

    def gave_up(self) -> None:
        """Tell that nothing is known of it, and nobody is to wait for that."""
        if (breaker := self._settle()) is not None:
            breaker.gave_up()

    def _settle(self) -> Breaker | None:
        breaker, self._breaker = self._breaker, None
        return breaker
