"""Tasks that run for as long as their owner: none of them may end in silence."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

_log = structlog.get_logger()


def start(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Start a task; if it ends with an error, that is logged at once, as nobody waits for it."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_report)
    return task


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("defect: a task of the broker ended", task=task.get_name(), exc_info=error)
