"""What ends subscribers from outside, their tokens' ends and the process's: watched for all."""

import asyncio
import math
import time
from contextlib import suppress
from typing import Protocol

from broker import supervise
from handler.errors import EndCode, SubscriberError

NEVER = float("inf")
STEP_SECONDS = 0.05  # of those who are sent away one after the other


class Lasting(Protocol):
    """What ends with its token."""

    @property
    def expires(self) -> float:
        """When the token ends, in Unix seconds."""

    def end(self, error: SubscriberError) -> None:
        """End it, unless it ends already."""


class Ends:
    """
    Ends those whose token ends, and all of them when this process leaves.

    One task does it, while there is anybody: a task and a timer for each would take more memory
    than what they are there for.

    Attributes:
        spread_seconds: Over how long they are sent away when the process leaves: they come back at
            once, and not all at once.
    """

    def __init__(self, leaving: asyncio.Event) -> None:
        self._leaving = leaving
        self._all: dict[Lasting, None] = {}
        self.spread_seconds = 0.0
        self._away_by: float | None = None  # loop time, once the process leaves
        self._next = NEVER  # when the first of the tokens ends, as far as was looked
        self._task: asyncio.Task[None] | None = None

    def add(self, one: Lasting) -> None:
        """Watch for the ends of one."""
        self._all[one] = None
        if self._task is None or one.expires < self._next:
            self.look()

    def discard(self, one: Lasting) -> None:
        """Watch for them no more."""
        del self._all[one]
        if not self._all:
            self._stop()

    def look(self) -> None:
        """Look at the tokens: there is one that may end sooner than those that were there."""
        self._stop()
        self._task = supervise.start(self._watch(), "ends of subscribers")

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self) -> None:
        while not self._leaving.is_set():
            self._end_expired()
            seconds = None if self._next == NEVER else self._next - time.time()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._leaving.wait()
        await self._send_away()
        self._task = None

    async def _send_away(self) -> None:
        """End all, a few at each step."""
        loop = asyncio.get_running_loop()
        if self._away_by is None:
            self._away_by = loop.time() + self.spread_seconds
        told: set[Lasting] = set()
        while left := [one for one in self._all if one not in told]:  # also who comes meanwhile
            steps = max(1.0, (self._away_by - loop.time()) / STEP_SECONDS)
            for one in left[: math.ceil(len(left) / steps)]:
                told.add(one)
                one.end(SubscriberError(EndCode.LEAVING, "draining: come back with since"))
            await asyncio.sleep(STEP_SECONDS if steps > 1 else 0)

    def _end_expired(self) -> None:
        now, self._next = time.time(), NEVER
        for one in self._all:
            if one.expires > now:
                self._next = min(self._next, one.expires)
            else:
                one.end(SubscriberError(EndCode.TOKEN, "token expired"))
