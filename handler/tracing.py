"""Whether records are traced: each final from its last word to its readers, for OpenTelemetry."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from broker.observer import NOBODY, Observer
from handler.config import Settings

SPANS = "handler.spans"
ADVICE = "pip install 'partyline-transcripts[tracing]'; build an image with TRACING=1"

_log = structlog.get_logger()


@asynccontextmanager
async def tracing(settings: Settings) -> AsyncIterator[Observer]:
    """
    Yield what traces records, or an observer that does not; at the end send what is still unsent.

    What it needs is an extra, and is loaded only where traces are to be sent. Without it the
    service runs all the same: platforms set the address for all that runs on them.
    """
    if settings.traces_url is None:
        yield NOBODY
        return
    try:
        spans = await asyncio.to_thread(importlib.import_module, SPANS)
    except ModuleNotFoundError as exc:
        _log.warning("no traces are sent: a package is missing", package=exc.name, advice=ADVICE)
        yield NOBODY
        return
    async with spans.Spans(settings.traces_url, settings.instance) as observer:
        yield observer
