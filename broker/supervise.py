"""Tasks that run for as long as their owner: none of them may end in silence."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

CANCEL_SECONDS = 0.5

_log = structlog.get_logger()


def start(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Start a task; if it ends with an error, that is logged at once, as nobody waits for it."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_report)
    return task


async def end(*ending: asyncio.Task[None]) -> None:
    """
    Cancel tasks and wait until they have ended.

    Again and again: on Python 3.11 ``asyncio.wait_for``, with which the NATS client waits for
    answers, forgets that it was cancelled if the answer comes at the same moment.
    """
    while running := [task for task in ending if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=CANCEL_SECONDS)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("defect: a task of the broker ended", task=task.get_name(), exc_info=error)
