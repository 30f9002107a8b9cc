"""
Keeps a task of Amazon ECS from being stopped while calls live.

ECS asks nobody before it stops a task, to scale in or for a deployment, but leaves those alone that
have asked for it.
"""

import asyncio
import importlib
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import structlog

from broker import supervise
from handler.errors import TaskProtectionFailed

if TYPE_CHECKING:
    from handler.ecs_agent import EcsAgent

AGENT = "handler.ecs_agent"
# A task that says nothing more, as it is stuck or gone, is not kept for long; ECS takes 1 to 2,880.
PROTECTED_MINUTES = 60
# Three attempts have their time before it ends.
RENEW_SECONDS = 20 * 60.0
# Between attempts, of which each is a request to the API of ECS.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
ADVICE = (
    "let the task's role do ecs:UpdateTaskProtection; until then a deployment or a scale-in may "
    "stop this task with its calls, which then move as far as its stopTimeout allows"
)

_log = structlog.get_logger()


class TaskProtection:
    """
    Has the task protected as long as it is needed, and not longer.

    An async context manager. Nothing waits for it: where the agent does not answer, calls go on.

    Attributes:
        on: Whether the task is protected; None while that is not known.
        failed: How many requests came to nothing.
    """

    def __init__(
        self,
        agent_uri: str | None,
        needed: Callable[[], bool],
        *,
        renew: float = RENEW_SECONDS,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        """
        Prepare it.

        Args:
            agent_uri: ``ECS_AGENT_URI``; with None, nothing is asked of anybody.
            needed: Says whether the task is to be protected; who changes that calls :meth:`note`.
            renew: Seconds between two requests for the same.
            first_pause: Seconds between a request that failed and the next.
        """
        self.on: bool | None = None
        self.failed = 0
        self._agent_uri = agent_uri
        self._needed = needed
        self._renew = renew
        self._first_pause = first_pause
        self._changed = asyncio.Event()
        self._said: str | None = None  # why it failed, as the log has it
        self._keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._agent_uri is not None:
            self._keeping = supervise.keep(self._keep, "task protection")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeping is not None:
            await supervise.end(self._keeping)

    def note(self) -> None:
        """Look again whether it is needed."""
        self._changed.set()

    async def _keep(self) -> None:
        # Large, and of no use elsewhere.
        agent: EcsAgent = importlib.import_module(AGENT).EcsAgent(self._agent_uri)
        try:
            await self._ask_on_and_on(agent)
        finally:
            await agent.close()

    async def _ask_on_and_on(self, agent: "EcsAgent") -> None:
        pauses = supervise.Backoff(self._first_pause, LONGEST_PAUSE)
        while True:
            wish = self._needed()
            if await self._ask(agent, wish):
                pauses.reset()
                await self._wait_until_due()
            else:  # whatever changes meanwhile: an agent that refuses is not asked more often
                await pauses.pause()

    async def _wait_until_due(self) -> None:
        """Wait until something else is needed than what is, or the same once more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._renew if self.on else None):
                while self._needed() is self.on:
                    await self._changed.wait()
                    self._changed.clear()

    async def _ask(self, agent: "EcsAgent", wish: bool) -> bool:
        """Ask for what is needed; returns whether it is so."""
        try:
            await agent.protect(PROTECTED_MINUTES if wish else None)
        except TaskProtectionFailed as exc:
            self._fail(exc, wish)
            return False
        if self.on is not wish:
            _log.info("task protection", on=wish)
        self.on, self._said = wish, None
        return True

    def _fail(self, failure: TaskProtectionFailed, wish: bool) -> None:
        """Count a failure; the log has a line for each reason, not for each attempt."""
        self.failed += 1
        self.on = None  # what got no answer may have been done; what was done may end
        reason = str(failure)
        if reason != self._said:
            self._said = reason
            _log.warning("task protection fails", on=wish, reason=reason, advice=ADVICE)
