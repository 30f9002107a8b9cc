"""Tickets of media streams: made, asked for, and spent, once for all processes."""

import asyncio
import os
import time
from collections.abc import Awaitable
from typing import Self, TypeVar

import structlog

from broker import supervise
from broker.broker import Broker
from broker.errors import HistoryUnavailable, NotWritten
from broker.statuses import STATUS_SECONDS
from handler.config import Settings
from handler.errors import TicketRefused
from handler.parameters import TICKET, plain
from handler.twilio import tickets
from handler.twilio.accounts import Account
from handler.twilio.start import StartDetails
from handler.twilio.tickets import NONCE_BYTES, STREAM, TICKET_SECONDS, Scope, Ticket

# What a ticket is good for beside that: a media stream that is to take a live call from the one
# that has it; one that goes on with a call whose media stream is dead.
SUCCESSOR, RESTART = "successor", "restart"
PURPOSES = (STREAM, SUCCESSOR, RESTART)
# How far apart the clocks of two containers may be: a ticket is known as spent for longer than it
# is good anywhere.
CLOCK_ALLOWANCE = 60
# How long a webhook waits for NATS, and how long a media stream does. Twilio waits for neither.
PROMISE_SECONDS = 0.5
SPEND_SECONDS = 1.0
# Whoever uses the webhook once in a week keeps streams without a ticket out.
REQUIRED_SECONDS = 7 * 86_400
RENEW_SECONDS = 3600.0
# A call may go on when its stream has stopped, after it was on hold, say: for so long only Twilio's
# word of its end counts, which is kept as long.
ENDED_SECONDS = STATUS_SECONDS
OVER = "of a call that is over"
# Tickets that are remembered; each was made by us for a call.
MAX_REMEMBERED = 20_000

T = TypeVar("T")

_log = structlog.get_logger()


class Tickets:
    """
    The tickets of this process.

    An async context manager. NATS knows which tickets are spent; while it is away this process goes
    by its own memory, so that no call is lost: then a ticket opens one stream in each container.

    Attributes:
        issued: How many were made.
        refused: How many media streams had none that was good, and needed one or brought one.
    """

    def __init__(self, settings: Settings, broker: Broker) -> None:
        self.issued = 0
        self.refused = 0
        self._setting = settings.require_ticket
        self._broker = broker
        self._spent = _Memory()
        self._promised = _Memory()
        self._alone = False  # NATS was away when it was needed last
        self._used = False  # the webhook, here
        self._used_again = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = supervise.keep(self._tell_use, "tickets")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            await supervise.end(self._task)

    @property
    def required(self) -> bool:
        """Whether a media stream needs one."""
        if self._setting is not None:
            return self._setting
        return self._used or self._broker.registry.tickets_required

    def note_use(self) -> None:
        """The voice webhook has answered a call: streams without a ticket are not ours any more."""
        if self._setting is None:
            if not self.required:
                _log.warning(
                    "media streams need a ticket from now on",
                    advice="the voice webhook is used; if TwiML Bins are to go on beside it, set "
                    "REQUIRE_TICKET=0",
                )
            self._used = True
            self._used_again.set()

    async def issue(self, account: Account, scope: Scope, idempotency_token: str | None) -> str:
        """
        Make a ticket.

        Args:
            account: Whose call it is.
            scope: What it is to be good for.
            idempotency_token: Whoever asks with it again gets the same ticket, from whichever
                container.
        """
        auth_token, *_ = _auth_tokens(account)
        expiry = int(time.time()) + TICKET_SECONDS
        if idempotency_token:
            nonce = tickets.repeated_nonce(auth_token, scope, idempotency_token)
            expiry = await self._promise(nonce, expiry)
            if expiry <= time.time():  # asked again much later than Twilio does
                return await self.issue(account, scope, None)
        else:
            nonce = tickets.nonce_of(os.urandom(NONCE_BYTES))
        self.issued += 1
        return tickets.write(auth_token, scope, Ticket(scope.purpose, nonce, expiry))

    async def admit(self, start: StartDetails, account: Account) -> str | None:
        """
        Let a media stream in, and spend its ticket; returns what the ticket is good for.

        Raises:
            TicketRefused: it has none and needs one, or has one that opens nothing.
        """
        try:
            return await self._admit(start, account)
        except TicketRefused:
            self.refused += 1
            raise

    async def _admit(self, start: StartDetails, account: Account) -> str | None:
        text = _given(start)
        if text is None:
            if await self._is_required():
                raise TicketRefused("missing")
            return None
        scopes = [Scope(purpose, start.account_sid, start.call_sid) for purpose in PURPOSES]
        ticket = tickets.check(text, _auth_tokens(account), scopes, time.time())
        spent, over = await asyncio.gather(
            self._spend(ticket), self.is_over(start.call_sid, start.account_sid)
        )
        if over or not spent:
            raise TicketRefused(OVER if over else "spent")
        return ticket.purpose

    async def _is_required(self) -> bool:
        """Whether a stream needs one; NATS is asked while our view is old, as at the start."""
        if self.required or self._setting is not None or self._broker.registry.fresh:
            return self.required
        return await self._ask(self._broker.tickets.required(), SPEND_SECONDS) is True

    async def is_over(self, call_sid: str, account_sid: str) -> bool:
        """
        Whether a call can have no further media stream: what was seen of it is sent once more.

        While NATS is away, none is over.
        """
        question = asyncio.gather(
            self._broker.statuses.of(call_sid, account_sid),
            self._broker.stored_calls.ended_at(call_sid, account_sid),
        )
        status, ended_at = await self._ask(question, PROMISE_SECONDS) or (None, None)
        long_ago = (time.time() - ENDED_SECONDS) * 1000
        return status is not None or (ended_at is not None and ended_at < long_ago)

    async def _promise(self, nonce: str, expiry: int) -> int:
        """Return when a ticket ends that others may make, too."""
        known = self._promised.get(nonce)
        if known is not None:
            return known
        ttl = TICKET_SECONDS + CLOCK_ALLOWANCE
        question = self._broker.tickets.promise(nonce, expiry, ttl=ttl)
        stored = await self._ask(question, PROMISE_SECONDS)
        # What was answered to another request meanwhile stands.
        return self._promised.setdefault(nonce, expiry if stored is None else stored)

    async def _spend(self, ticket: Ticket) -> bool:
        nonce, expiry = ticket.nonce, ticket.expiry
        if self._spent.get(nonce) is not None:
            return False
        self._spent.setdefault(nonce, expiry)  # before anything is waited for
        ttl = max(0, expiry - int(time.time())) + CLOCK_ALLOWANCE
        question = self._broker.tickets.spend(nonce, expiry, ttl=ttl)
        return await self._ask(question, SPEND_SECONDS) is not False

    async def _ask(self, question: Awaitable[T], seconds: float) -> T | None:
        """Ask NATS, for so long; None if it does not answer."""
        try:
            async with asyncio.timeout(seconds):
                answer = await question
        except (NotWritten, HistoryUnavailable, TimeoutError) as exc:
            if not self._alone:
                _log.warning(
                    "tickets are checked by this process alone while NATS is away",
                    error=str(exc) or type(exc).__name__,
                )
            self._alone = True
            return None
        self._alone = False
        return answer

    async def _tell_use(self) -> None:
        """Tell all processes that the webhook is used, at most once an hour."""
        while True:
            await self._used_again.wait()
            self._used_again.clear()
            backoff = supervise.Backoff(1.0, 60.0)
            while True:
                try:
                    await self._broker.tickets.require(ttl=REQUIRED_SECONDS)
                    break
                except NotWritten:
                    await backoff.pause()
            await asyncio.sleep(RENEW_SECONDS)


def stream_name(ticket: str) -> str:
    """
    Return how Twilio is to name the media stream that a ticket is for.

    It is of this ticket alone: a call may be sent here again, while its stream is alive.
    """
    return f"partyline-{ticket[:8]}"


def _given(start: StartDetails) -> str | None:
    """Return the ticket of a stream, however its parameter is spelled; "" if it cannot be read."""
    names = [*start.custom_parameters, *(name.partition(".")[2] for name in start.unusable)]
    name = next((name for name in names if plain(name) in TICKET), None)
    return None if name is None else start.custom_parameters.get(name, "")


def _auth_tokens(account: Account) -> tuple[str, ...]:
    return account.auth_tokens or ("",)  # --insecure: whoever reaches us may make tickets, too


class _Memory:
    """Names of tickets until they end, the oldest going first when there are too many."""

    def __init__(self) -> None:
        self._expiries: dict[str, int] = {}

    def get(self, nonce: str) -> int | None:
        return self._expiries.get(nonce)

    def setdefault(self, nonce: str, expiry: int) -> int:
        """Keep a name, unless it is kept; returns when its ticket ends."""
        now = time.time()
        while self._expiries:
            oldest = next(iter(self._expiries))
            if self._expiries[oldest] > now and len(self._expiries) < MAX_REMEMBERED:
                break
            del self._expiries[oldest]
        return self._expiries.setdefault(nonce, expiry)
