"""The subscribers of this process: who is let in, how many there are, and what ends them."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from broker.broker import Broker
from handler.config import Settings
from handler.errors import AtCapacity, EndCode, Forbidden, SubscriberError, TooSlow
from handler.refusals import refusals
from handler.server.allowance import Allowance
from handler.server.connection import ELSEWHERE_ON_FLY
from handler.subscribers.access import Access
from handler.subscribers.call_reader import could_be_read
from handler.subscribers.calls_list import CallsList
from handler.subscribers.ends import Ends
from handler.subscribers.places import Places, Room, share
from handler.subscribers.subscriptions import MAX_SUBSCRIPTIONS
from handler.subscribers.transcript_turns import TranscriptTurns
from handler.subscribers.unknown_calls import UnknownCalls
from handler.tokens.grants import Grant

# What every subscriber comes to in time; the other ends are told to an operator.
EXPECTED_ENDS = frozenset({EndCode.CALL_ENDED, EndCode.LEAVING, EndCode.TOKEN})
# What one token may have, however small its share is: the tabs of some people; what one socket may
# ask for; some transcripts.
LEAST_SUBSCRIBERS = 10
LEAST_TRANSCRIPTS = 3
# Messages of all sockets of a bearer: many tabs that come back at once; then 3 % of a CPU.
HEARD_AT_ONCE = 5000
HEARD_A_SECOND = 200.0


@dataclass(slots=True)
class Subscribers:
    """
    What all endpoints for subscribers share, and their counts.

    Attributes:
        settings: The settings of the service.
        broker: Where records come from.
        calls_list: The live calls.
        access: Who may read.
        leaving: Set when subscribers are to come back elsewhere.
        places: Of sockets and streams that are open.
        unknown_calls: Those that somebody waits for.
        transcripts: Those that are being made.
        ends: Watches for what ends subscribers from outside.
        refused: Requests that were refused: no token that opens anything, a foreign page, no room.
        limited: Of what was refused or ended, how much because a token had its share.
        too_slow: Subscribers that were cut off because they took less than came.
        deliveries: Records and interims that were sent.
        skipped_interims: Interims that were out of date before their subscriber came for them.
    """

    settings: Settings
    broker: Broker
    calls_list: CallsList
    access: Access
    leaving: asyncio.Event
    places: Places = field(init=False)
    unknown_calls: UnknownCalls = field(init=False)
    transcripts: TranscriptTurns = field(init=False)
    ends: Ends = field(init=False)
    refused: int = 0
    limited: int = 0
    too_slow: int = 0
    deliveries: int = 0
    skipped_interims: int = 0
    _said: dict[str | None, Allowance] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = self.settings
        self.places = self._shared_out(settings.max_subscribers, LEAST_SUBSCRIBERS)
        self.unknown_calls = UnknownCalls(
            self._shared_out(settings.max_awaited_calls, MAX_SUBSCRIPTIONS)
        )
        self.transcripts = TranscriptTurns(
            self._shared_out(settings.max_transcripts, LEAST_TRANSCRIPTS)
        )
        self.ends = Ends(self.leaving)

    def _shared_out(self, in_all: int, least: int) -> Places:
        return Places(in_all, share(in_all, self.settings.max_share, least))

    @contextmanager
    def admitted(self, grant: Grant) -> Iterator[None]:
        """
        Count a subscriber in for as long as it stays.

        Raises:
            AtCapacity: there are as many as may be, or this process is leaving.
            SubscriberError: with 4429; those of the same token, or sub, are as many as may be.
        """
        if self.leaving.is_set():
            raise AtCapacity("draining")
        match self.places.room(grant.bearer):
            case Room.FULL:
                raise AtCapacity("no room here")
            case Room.SHARE_TAKEN:
                raise SubscriberError(
                    EndCode.TOO_MUCH,
                    f"{self.places.each} sockets and streams are open with this token, or others "
                    "with its sub: close one, or use a token with another sub",
                )
        self.places.take(grant.bearer)
        try:
            yield
        finally:
            self.places.give_back(grant.bearer)
            if not self.places.has(grant.bearer):
                self._said.pop(grant.bearer, None)

    async def check_could_be_read(self, call_sid: str, grant: Grant) -> None:
        """
        Refuse a token that can never see a call.

        Raises:
            Forbidden: it cannot.
            CallRefused: with 4429.
        """
        if not await could_be_read(self.broker, call_sid, grant, self.unknown_calls):
            raise Forbidden

    async def wait_to_be_heard(self, bearer: str | None) -> None:
        """
        Wait until one more message of a bearer may be obeyed: others have their turn first.

        All of its sockets together are heard no faster than is cheap; what they say is not lost.
        """
        debt = 0.0
        if bearer is not None:
            now = time.monotonic()
            said = self._said.setdefault(bearer, Allowance(HEARD_AT_ONCE, HEARD_A_SECOND, now))
            said.spend(now)
            debt = said.debt
        await asyncio.sleep(debt)

    @property
    def elsewhere(self) -> dict[str, str]:
        """Headers of an answer that there is no room: Fly.io's proxy asks another machine."""
        return ELSEWHERE_ON_FLY if self.settings.on_fly else {"retry-after": "2"}


class Admission:
    """
    One subscriber's admission: what its token allows meanwhile, and what ends it from outside.

    A context manager around the subscriber's work, as :class:`asyncio.Timeout` is.
    """

    def __init__(self, subscribers: Subscribers, grant: Grant) -> None:
        self._subscribers = subscribers
        self._timeout = asyncio.timeout(None)
        self._end: SubscriberError | None = None
        self.grant = grant

    async def __aenter__(self) -> Self:
        """Begin to watch for the end of the token, and of this process."""
        await self._timeout.__aenter__()
        self._subscribers.ends.add(self)
        return self

    async def __aexit__(self, *exc_info: Any) -> None:  # noqa: ANN401, PYI036  as the timeout's
        """
        Stop watching.

        Raises:
            SubscriberError: with 4401 or 1012. The last records went out before.
        """
        self._subscribers.ends.discard(self)
        try:
            await self._timeout.__aexit__(*exc_info)
        except TimeoutError as exc:
            raise self._end or exc from None

    @property
    def expires(self) -> float:
        """When the token ends, in Unix seconds."""
        return self.grant.expires

    def end(self, error: SubscriberError) -> None:
        """End it, unless it ends already."""
        if self._end is None:
            self._end = error
            self._timeout.reschedule(0)

    def renew(self, grant: Grant) -> None:
        """Take a fresh token in place of the last one."""
        self.grant = grant
        self._subscribers.ends.look()

    def note_end(self, error: SubscriberError) -> None:
        """Count and log an end that an operator may want to know of."""
        if isinstance(error, TooSlow):
            self._subscribers.too_slow += 1
            refusals.note("subscriber cut off: too slow", error.code, since=error.since)
        elif error.code not in EXPECTED_ENDS:
            self._subscribers.limited += error.code is EndCode.TOO_MUCH
            refusals.note("subscriber refused", error.code, reason=error.reason)
