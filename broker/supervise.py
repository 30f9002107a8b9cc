"""Tasks that run for as long as their owner, none ending in silence; pauses between attempts."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

CANCEL_SECONDS = 0.5
# Between a defect and the next attempt at the same work.
DEFECT_SECONDS = 0.5
LONGEST_DEFECT_SECONDS = 5.0  # a lease is to be renewed long before it ends

_log = structlog.get_logger()


def start(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Start a task; if it ends with an error, that is logged at once, as nobody waits for it."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_report)
    return task


def keep(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> asyncio.Task[None]:
    """Start a task that begins anew after a defect: without it the process would be deaf."""

    async def again() -> None:
        backoff = Backoff(DEFECT_SECONDS, LONGEST_DEFECT_SECONDS)
        while True:
            begun = time.monotonic()
            try:
                await work()
            except Exception:  # noqa: BLE001  whatever it is, the work is to go on
                _log.exception("defect: a task begins anew", task=name)
            else:
                return
            if time.monotonic() - begun > LONGEST_DEFECT_SECONDS:
                backoff.reset()  # it had lived well: this is no row of defects
            await backoff.pause()

    return start(again(), name)


async def end(*ending: asyncio.Task[Any]) -> None:
    """
    Cancel tasks and wait until they have ended.

    Again and again: on Python 3.11 ``asyncio.wait_for``, with which the NATS client waits for
    answers, forgets that it was cancelled if the answer comes at the same moment.
    """
    while running := [task for task in ending if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=CANCEL_SECONDS)


@contextmanager
def heeding_cancellation() -> Iterator[None]:
    """
    Wait for what may forget that the task is cancelled meanwhile, as above: this does not.

    Who was cancelled before, and waits for something at its end, may do so.
    """
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    try:
        yield
    finally:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("defect: a task ended", task=task.get_name(), exc_info=error)


class Backoff:
    """Pauses between attempts, in seconds: the first, then twice the one before, to the longest."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def next(self) -> float:
        """Return how long to wait now; the pause after it is longer."""
        delay, self._next = self._next, min(2 * self._next, self._longest)
        return delay

    def reset(self) -> None:
        """Begin anew: an attempt has succeeded."""
        self._next = self._first

    async def pause(self) -> None:
        """Wait until another attempt is due."""
        await asyncio.sleep(self.next())
