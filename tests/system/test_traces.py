"""Traces: a final's way from its last word to its readers, as a collector is told of it."""

import asyncio
import contextlib
import socket
import sys
import threading
import time
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from structlog.testing import capture_logs
from support.brokers import read_records
from support.inside import Inside, inside
from support.otlp import Collector
from support.streams import media_stream, numbered
from support.timing import PATIENCE, patience, until
from support.twilio_api import serving

from bench.processes import free_port
from broker.records import Record
from handler import spans, tracing
from handler.app import Service

Kind = Span.SpanKind
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
# A call of one second takes less, by far.
SOON = 30


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Spans are sent soon, and all of them, whatever this machine has set."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    monkeypatch.delenv("OTEL_TRACES_SAMPLER", raising=False)
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)


async def read_live(service: Service, call_sid: str) -> asyncio.Task[list[dict[str, Any]]]:
    """Begin to read a call; returns once what comes is read as it comes."""
    reading = asyncio.create_task(read_records(service.broker, call_sid))
    await until(lambda: len(service.broker.replicas) == 1)
    (replica,) = service.broker.replicas._replicas.values()
    await replica.synced()
    return reading


async def speak(
    owner: Inside, sound: Any, *readers: Service
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Have a call of one second, read live by others; returns its records, and the finals."""
    call, calls = numbered(1), owner.service.calls
    async with media_stream(owner, call) as stream:
        await stream.start()
        await until(lambda: bool(calls.carried) and not calls.outbox_depth)
        reading = [await read_live(reader, call.call_sid) for reader in readers]
        for track in ("inbound", "outbound"):
            await stream.say(track, sound.bursts(1, 1))
        await stream.stop()
    read = [await each for each in reading]
    records = await read_records(owner.service.broker, call.call_sid)  # of the past
    assert read == [records] * len(readers)
    return records, [record for record in records if record["type"] == "Results"]


async def test_a_final_is_one_trace_from_its_last_word_to_each_container_that_reads_it(
    nats, deepgram, sound
):
    collector, began = Collector(), time.time_ns()
    async with serving(collector) as url:
        environ = {"NATS_URL": nats.url, "OTEL_EXPORTER_OTLP_ENDPOINT": url}
        async with (
            inside(DEEPGRAM_URL=deepgram.url, **environ) as owner,
            inside(**environ) as first,
            inside(**environ) as second,
        ):
            readers = (first.service, second.service)
            _, finals = await speak(owner, sound, *readers)
            assert finals
            delivered = await collector.is_told("deliver", 2 * len(finals))
            published = await collector.is_told("publish", len(finals))
            recognised = await collector.is_told("recognise", len(finals))
            whole = await collector.is_told("transcribe", len(finals))
    assert len(whole) == len(published) == len(recognised) == len(finals)
    assert len({told.span.trace_id for told in whole}) == len(finals)
    call_sid, instances = numbered(1).call_sid, {one.settings.instance for one in readers}
    for root in whole:
        assert root.facts["partyline.call_sid"] == call_sid
        assert root.facts["partyline.track"] in ("inbound", "outbound")
        assert root.process["service.name"] == "partyline"
        assert root.process["service.instance.id"] == owner.service.settings.instance
        assert root.span.parent_span_id == b""

        def within(told, parent):
            return [one for one in told if one.span.parent_span_id == parent.span.span_id]

        [heard], [sent] = within(recognised, root), within(published, root)
        taken = within(delivered, sent)
        assert {one.process["service.instance.id"] for one in taken} == instances
        assert len(taken) == 2
        assert {one.span.trace_id for one in (heard, sent, *taken)} == {root.span.trace_id}
        assert [one.span.kind for one in (heard, sent, taken[0])] == [
            Kind.SPAN_KIND_CLIENT,
            Kind.SPAN_KIND_PRODUCER,
            Kind.SPAN_KIND_CONSUMER,
        ]
        assert heard.span.start_time_unix_nano == root.span.start_time_unix_nano
        assert heard.span.end_time_unix_nano == sent.span.start_time_unix_nano
        assert sent.span.end_time_unix_nano <= root.span.end_time_unix_nano
        for one in (root, heard, sent, *taken):
            assert began <= one.span.start_time_unix_nano <= one.span.end_time_unix_nano
            assert one.span.end_time_unix_nano < began + SOON * 1e9


async def test_what_the_sampler_leaves_out_is_traced_nowhere(nats, deepgram, sound, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    collector = Collector()
    async with serving(collector) as url:
        environ = {"NATS_URL": nats.url, "OTEL_EXPORTER_OTLP_ENDPOINT": url}
        async with inside(DEEPGRAM_URL=deepgram.url, **environ) as owner:
            _, finals = await speak(owner, sound, owner.service)
    assert finals
    assert collector.spans == []


async def test_a_collector_that_does_not_answer_holds_up_neither_a_call_nor_the_end(
    nats, deepgram, sound, monkeypatch
):
    """Nobody accepts there: a connection waits for ever, and who sends spans for very long."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", f"{PATIENCE:.0f}")
    with socket.create_server(("127.0.0.1", 0), backlog=1) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environ = {"NATS_URL": nats.url, "OTEL_EXPORTER_OTLP_ENDPOINT": url}
        async with contextlib.AsyncExitStack() as stack:
            service = inside(DEEPGRAM_URL=deepgram.url, **environ)
            records, _ = await speak(await stack.enter_async_context(service), sound)
            async with patience():
                await stack.aclose()
            # Who sends them waits for the collector still: the end has not.
            assert "last spans" in {thread.name for thread in threading.enumerate()}
    assert records[-1]["type"] == "CallEnded"


async def test_without_its_package_the_service_runs_and_says_what_to_install(
    nats, deepgram, sound, monkeypatch
):
    monkeypatch.delitem(sys.modules, tracing.SPANS)
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
    environ = {"NATS_URL": nats.url, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    with capture_logs() as logs:
        async with inside(DEEPGRAM_URL=deepgram.url, **environ) as owner:
            records, _ = await speak(owner, sound)
    assert records[-1]["type"] == "CallEnded"
    [told] = [line for line in logs if line["event"] == "no traces are sent"]
    assert "[tracing]" in told["advice"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100", "max_export_batch_size"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
    ],
)
async def test_a_variable_that_is_none_for_us_ends_no_start(monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", name: value}
    with capture_logs() as logs:
        async with inside(ready=False, **environ):
            pass
    [told] = [line for line in logs if line["event"] == "no traces are sent"]
    assert words in told["reason"]


async def test_of_a_collector_that_is_away_one_line_is_logged_for_each_outage(monkeypatch):
    port = free_port()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    with capture_logs() as logs:
        async with spans.Spans(f"http://127.0.0.1:{port}/v1/traces", "i1") as observer:

            def fail() -> list[Any]:
                observer.note_delivered(time.time(), TRACE)
                return [line for line in logs if line["event"].startswith("traces are not taken")]

            await until(lambda: len(fail()) == 1)
            collector = Collector()
            async with serving(collector, port=port):
                fail()
                await until(lambda: fail() and bool(collector.spans))
            await until(lambda: len(fail()) == 2)


async def test_a_final_that_is_never_stored_leaves_no_part_of_a_trace():
    collector = Collector()
    async with serving(collector) as url, spans.Spans(f"{url}/v1/traces", "i1") as observer:
        now = time.time()
        record = Record("final", "inbound", {"type": "Results"}, spoken_at=now - 1, heard_at=now)
        lost, stored = observer.begin("CA1", record), observer.begin("CA1", record)
        assert lost is not None
        assert stored is not None
        stored.note_stored()
        await collector.is_told("transcribe", 1)
    names = sorted(told.span.name for told in collector.spans)
    assert names == ["publish", "recognise", "transcribe"]


async def test_a_header_that_is_no_trace_is_delivered_like_any():
    collector = Collector()
    async with serving(collector) as url, spans.Spans(f"{url}/v1/traces", "i1") as observer:
        for header in ("", "00-zz", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x" * 100_000):
            observer.note_delivered(time.time(), header)
        observer.note_delivered(time.time(), TRACE)
        [told] = await collector.is_told("deliver", 1)
    assert told.span.trace_id.hex() == "1" * 32
