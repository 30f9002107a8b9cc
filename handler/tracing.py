"""Whether records are traced: each final from its last word to its readers, for OpenTelemetry."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from broker.observer import NOBODY, Observer
from handler.config import Settings

SPANS = "handler.spans"
PACKAGE = "pip install 'partyline-transcripts[tracing]'; build an image with TRACING=1"

_log = structlog.get_logger()


@asynccontextmanager
async def tracing(settings: Settings) -> AsyncIterator[Observer]:
    """
    Yield what traces records, or an observer that does not; at the end send what is still unsent.

    What it needs is an extra, and is loaded only where traces are to be sent. Whatever keeps them
    from being sent, the service runs.
    """
    target = settings.traces
    if target.problem:
        _log.warning("no traces are sent", reason=target.problem)
    async with AsyncExitStack() as stack:
        observer = NOBODY
        if target.url is not None:
            try:
                spans = await asyncio.to_thread(importlib.import_module, SPANS)
                observer = await stack.enter_async_context(
                    spans.Spans(target.url, settings.instance)
                )
            except ModuleNotFoundError as exc:
                reason = f"{exc.name} is not installed"
                _log.warning("no traces are sent", reason=reason, advice=PACKAGE)
            except ValueError as exc:  # one of the variables that OpenTelemetry reads by itself
                _log.warning("no traces are sent", reason=str(exc), advice="look at OTEL_…")
        yield observer
