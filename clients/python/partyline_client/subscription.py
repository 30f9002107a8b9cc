"""One thing that is read: over as many connections as it takes."""

import random
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from partyline_client.backoff import Backoff
from partyline_client.connection import Connection, Connections
from partyline_client.ends import TOKEN, Ended, Lost, judge
from partyline_client.errors import InvalidToken, NotPartyline, PartylineError, TooMuch
from partyline_client.messages import Calls, Event, Record, State, StateChanged
from partyline_client.progress import Progress

ENDED = (ConnectionClosed, InvalidHandshake, InvalidURI, NotPartyline, TooMuch, OSError)
# So many failures that the wait is the longest.
MANY = 32


class Subscription:
    """
    What is followed of a service: an async iterator of events.

    Each record comes once and in order, whatever breaks meanwhile. There is a connection while
    somebody iterates; who stops, and iterates again later, goes on where they were. A slow reader
    slows down nothing else: the service cuts it off, and it comes back.

    Whoever iterates gets, for good, a :exc:`~partyline_client.PartylineError`, or what the callback
    for a token has raised; but for an ``OSError``, which the network may have been.
    """

    def __init__(self, connections: Connections, progress: Progress, backoff: Backoff) -> None:
        self._connections = connections
        self._progress = progress
        self._backoff = backoff
        self._state = State.OFFLINE
        self._was_there = False
        self._chance = random.SystemRandom().random

    @property
    def state(self) -> State:
        """Whether what was delivered is what is being said now."""
        return self._state

    async def __aiter__(self) -> AsyncGenerator[Event]:
        """
        Yield what comes, until it is over or the client is closed.

        Raises:
            NotOpen: it is closed already.
        """
        self._connections.check_open()
        failures = 0
        try:
            while True:
                since, brought = time.monotonic(), False
                try:
                    async with (
                        self._connections.open() as connection,
                        aclosing(self._read(connection)) as events,
                    ):
                        async for event in events:
                            brought = brought or isinstance(event, Record | Calls)
                            yield event
                except ENDED as exc:
                    if self._connections.closed:
                        return
                    lost, cause = self._judged(exc), exc
                else:
                    return
                was_good = brought or time.monotonic() - since > self._backoff.good_life
                failures = 1 if was_good else failures + 1
                yield self._became(StateChanged(state=lost.state, reason=lost.reason, cause=cause))
                wait = self._backoff.seconds(MANY if lost.stays_away else failures, self._chance())
                if not await self._connections.pause(wait):
                    return
        finally:
            if self._state is State.LIVE:
                self._state = State.OFFLINE

    async def _read(self, connection: Connection) -> AsyncGenerator[Event]:
        """
        Yield what comes over one connection; returns when all is over.

        Raises:
            ConnectionClosed, NotPartyline: the connection has ended.
            Refused: what was asked for cannot be read.
        """
        self._was_there = True
        await connection.say(self._progress.begin(connection.live))
        yield self._became(StateChanged(state=State.LIVE))
        while True:
            message = await connection.receive()
            step = self._progress.receive(message)
            if step.deliver:
                yield message
            if step.over:
                return
            await connection.say(step.say)

    def _judged(self, exc: Ended) -> Lost:
        """Say what the end of a connection means; raises what is for good."""
        verdict = judge(exc, was_there=self._was_there)
        if isinstance(verdict, InvalidToken) and verdict.code == TOKEN:
            self._state = State.EXPIRED
            if self._connections.credentials.renewable:
                return Lost(State.EXPIRED, verdict.reason)
        if verdict is exc:
            raise exc
        if isinstance(verdict, PartylineError):
            raise verdict from exc
        return verdict

    def _became(self, change: StateChanged) -> StateChanged:
        self._state = change.state
        return change
