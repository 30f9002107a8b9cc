"""
The spans of a final: from its last word to its readers, one trace over all containers.

    transcribe                  from the end of its last word until it is stored
    ├─ recognise                … until Deepgram's result came in
    └─ publish                  from then on until NATS has stored it; in the outbox and at NATS
       └─ deliver               in each container where it is read: from its publication until it
                                was written to those who wait for it

The only file that knows OpenTelemetry, which costs memory and time when it is imported:
``handler/tracing.py`` does so where it is wished for. How many are traced, and what else the
exporter does, is set by OpenTelemetry's own variables (``OTEL_…``).
Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import asyncio
import importlib.metadata
import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Span, SpanKind, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from broker.observer import TRACEPARENT, Observer
from broker.records import Record

SCOPE = "partyline"
DISTRIBUTION = "partyline-transcripts"
# At the end: for what is not sent yet. A collector that does not answer must not hold up the exit.
LAST_SECONDS = 1.0
# As in OpenTelemetry's conventions: https://opentelemetry.io/docs/specs/semconv/messaging/
NATS = {"messaging.system": "nats"}

_propagator = TraceContextTextMapPropagator()
_log = structlog.get_logger()
# It tells of each attempt, for as long as a collector is away: we tell of it once.
logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


class Spans(Observer):
    """
    Makes the spans of this process, and sends them. An async context manager.

    Nothing waits for them: a thread sends them in batches, and those that nobody takes are dropped.
    """

    def __init__(self, url: str, instance: str) -> None:
        """
        Prepare it.

        Args:
            url: Of the collector's OTLP endpoint for traces: HTTP, Protobuf.
            instance: What this process is called.
        """
        ours = {"service.name": "partyline", "service.instance.id": instance}
        with suppress(importlib.metadata.PackageNotFoundError):  # from source, not installed
            ours["service.version"] = importlib.metadata.version(DISTRIBUTION)
        # What is set for it outside counts for more.
        resource = Resource.create({**ours, **OTELResourceDetector().detect().attributes})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(_Exporter(url)))
        self._tracer = self._provider.get_tracer(SCOPE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # A thread of its own: one of the loop's would be waited for without a bound.
        ending = threading.Thread(target=self._provider.shutdown, daemon=True, name="last spans")
        ending.start()
        await asyncio.to_thread(ending.join, LAST_SECONDS)

    def begin(self, call_sid: str, record: Record) -> "FinalSpans | None":
        """Begin the spans of a final that says something, unless the sampler leaves it out."""
        if record.spoken_at is None or record.heard_at is None:
            return None
        heard = _nanoseconds(record.heard_at)
        # What another container began may lie ahead of our clock.
        spoken = min(_nanoseconds(record.spoken_at), heard)
        facts = {"partyline.call_sid": call_sid, "partyline.track": record.track}
        whole = self._tracer.start_span(
            "transcribe", context=Context(), attributes=facts, start_time=spoken
        )
        if not whole.is_recording():
            return None
        within = set_span_in_context(whole)
        recognised = self._tracer.start_span(
            "recognise", context=within, kind=SpanKind.CLIENT, start_time=spoken
        )
        published = self._tracer.start_span(
            "publish", context=within, kind=SpanKind.PRODUCER, attributes=NATS, start_time=heard
        )
        return FinalSpans(whole, recognised, published, heard)

    def note_delivered(self, published_at: float, traceparent: str | None) -> None:
        """Make the span of a record that was written to its readers, if it is traced."""
        if traceparent is None:
            return
        context = _propagator.extract({TRACEPARENT: traceparent}, context=Context())
        if get_current_span(context).get_span_context().is_valid:  # else it is not ours
            self._tracer.start_span(
                "deliver",
                context=context,
                kind=SpanKind.CONSUMER,
                attributes=NATS,
                start_time=_nanoseconds(published_at),
            ).end()


class FinalSpans:
    """
    The spans of a final that is not stored yet.

    One that never is, as the call was lost, is told as a ``Gap``, and leaves no part of a trace.
    """

    def __init__(self, whole: Span, recognised: Span, published: Span, heard: int) -> None:
        self._whole = whole
        self._recognised = recognised
        self._published = published
        self._heard = heard

    @property
    def traceparent(self) -> str:
        """What the record carries."""
        carrier: dict[str, str] = {}
        _propagator.inject(carrier, set_span_in_context(self._published))
        return carrier[TRACEPARENT]

    def note_stored(self) -> None:
        """End them."""
        self._recognised.end(self._heard)
        self._published.end()
        self._whole.end()


class _Exporter(OTLPSpanExporter):
    """Sends spans, and says once of each outage that they are not taken. On a thread of its own."""

    _refused = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them."""
        result = super().export(spans)
        refused = result is not SpanExportResult.SUCCESS
        if refused and not self._refused:
            _log.warning("traces are not taken: they are dropped until the collector answers")
        self._refused = refused
        return result


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
