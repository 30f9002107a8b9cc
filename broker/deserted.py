"""
Which calls of other processes are to be ended for them, and when. Pure.

A call without an owner waits for another one as long as it outlives the loss of its media stream;
but not if Twilio says that it is over. Of an owner that lives the same word is heard: it answers
in the call's entry. One that does not is dead, and its lease does not know it yet.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from broker.entries import CallEntry, CallStatus

# How long an owner may take to answer, beyond the time between two of its signs of life: a pause of
# its loop, a write that is tried again. Where these are rare, that time is not waited for.
ANSWER_SECONDS = 3.0
LONGEST_REFRESH = 5.0
# How often it is asked whether a call without an owner is over, as we may not have heard of it.
ASK_SECONDS = 10.0
# How a call ends that is over by Twilio's word, whichever it is.
COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Due:
    """
    A call that is to be ended.

    Attributes:
        entry: What the registry says of it.
        status: How it ended by Twilio's word; None if it has waited for long enough.
        silent: Its owner has a lease, and does not answer.
        over_at: Unix ms at which it was over; 0 if that is not known.
    """

    entry: CallEntry
    status: str | None
    silent: bool
    over_at: int = 0

    @property
    def reason(self) -> str:
        """Why its record says that it has ended."""
        return self.entry.abandoned if self.status is None else COMPLETED


@dataclass(slots=True)
class _Wait:
    """How long a call has waited, in seconds; of one claim."""

    epoch: str
    ownerless: float = 0.0
    unanswered: float = 0.0
    ask_in: float = 0.0
    status: str | None = None
    over_at: int = 0


class Deserted:
    """The calls of others that wait for an owner, or for an answer of theirs."""

    def __init__(self, instance: str, grace: float, lease_refresh: float) -> None:
        """
        Begin without any.

        Args:
            instance: This process, whose own calls are known to it.
            grace: How long a call without an owner waits for one, in seconds.
            lease_refresh: How often an owner gives a sign of life, in seconds.
        """
        self._instance = instance
        self._grace = grace
        self._silence = min(lease_refresh, LONGEST_REFRESH) + ANSWER_SECONDS
        self._waits: dict[str, _Wait] = {}

    def hear(self, status: CallStatus, entry: CallEntry | None) -> None:
        """Note that a call is over, if it is listed as ``entry`` says."""
        if entry is not None and entry.account_sid == status.account_sid:
            wait = self._go_on(entry, self._waits)
            wait.status, wait.over_at = status.status, status.at

    def look(
        self,
        ownerless: Iterable[CallEntry],
        listed: Callable[[str], CallEntry | None],
        elapsed: float,
    ) -> list[Due]:
        """
        Count time; returns the calls that have waited for long enough.

        Args:
            ownerless: The calls whose owner gives no sign of life.
            listed: What the registry says of a call.
            elapsed: Seconds since the last look in which an owner could be heard.
        """
        alone = {entry.call_sid: entry for entry in ownerless if entry.owner != self._instance}
        waits, self._waits = self._waits, {}
        with_owner = map(listed, waits.keys() - alone.keys())
        due = [self._look_alone(entry, waits, elapsed) for entry in alone.values()]
        due += [self._look_owned(entry, waits, elapsed) for entry in with_owner if entry]
        return [call for call in due if call is not None]

    def to_ask(self, ownerless: Iterable[CallEntry]) -> list[CallEntry]:
        """Return the calls without an owner of which it is to be asked whether they are over."""
        asked = []
        for entry in ownerless:
            wait = self._go_on(entry, self._waits)
            if wait.status is None and wait.ask_in <= 0 and entry.owner != self._instance:
                wait.ask_in = ASK_SECONDS
                asked.append(entry)
        return asked

    def _look_alone(self, entry: CallEntry, waits: dict[str, _Wait], elapsed: float) -> Due | None:
        wait = self._go_on(entry, waits)
        wait.ownerless += elapsed
        wait.ask_in -= elapsed
        status = wait.status or entry.call_status
        if status is None and wait.ownerless < self._grace:
            return None
        return Due(entry, status, silent=False, over_at=wait.over_at)

    def _look_owned(self, entry: CallEntry, waits: dict[str, _Wait], elapsed: float) -> Due | None:
        if entry.owner == self._instance or entry.call_status is not None:
            return None  # ours, or answered
        wait = self._go_on(entry, waits)
        if wait.status is None:  # it has an owner again
            del self._waits[entry.call_sid]
            return None
        wait.unanswered += elapsed
        if wait.unanswered < self._silence:
            return None
        return Due(entry, wait.status, silent=True, over_at=wait.over_at)

    def _go_on(self, entry: CallEntry, waits: dict[str, _Wait]) -> _Wait:
        """Keep a call's time, unless it was claimed since: whoever did that knows better."""
        wait = waits.get(entry.call_sid)
        if wait is None or wait.epoch != entry.epoch:
            wait = _Wait(entry.epoch)
        self._waits[entry.call_sid] = wait
        return wait
