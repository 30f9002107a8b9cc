"""handler/metrics.py: what dashboards and alerts are built on."""

import asyncio
import time
from types import SimpleNamespace
from typing import get_args

import httpx
import pytest
from support.credentials import AUTH_TOKEN
from support.inside import inside
from support.monitoring import samples, scrape
from support.timing import until

from bench.processes import free_port
from broker.records import Record, gap
from handler.audio.loss import Reason
from handler.metrics import COUNTERS, COUNTERS_BY_KIND, GAUGES, GAUGES_BY_KIND, Metrics
from rehearsal.deepgram import DeepgramStandIn, Faults
from rehearsal.errors import Refusal
from rehearsal.twilio import Options, place_call

ODD = {"Accept": "application/openmetrics-text; version=x", "Connection": "close"}


def test_the_names_of_metrics_stay():
    assert [measure.name for measure in GAUGES] == [
        "calls",
        "calls_capacity",
        "outbox_depth",
        "outbox_age_seconds",
        "recogniser_lag_seconds",
        "draining",
        "subscribers",
        "followed_calls",
        "awaited_calls",
        "transcripts",
        "ended_calls",
        "nats_connected",
        "stream_retained_seconds",
        "stream_full",
        "stream_subjects",
        "tickets_required",
        "deepgram_accepts",
        "deepgram_held_back",
        "calls_arriving",
        "twilio_requests_in_flight",
        "twilio_concurrent_requests",
        "twilio_concurrent_requests_max",
        "task_protected",
    ]
    assert [measure.name for measure in COUNTERS] == [
        "frames",
        "filled_audio_seconds",
        "late_audio_seconds",
        "calls_one_sided",
        "moves",
        "tickets",
        "tickets_refused",
        "calls_ended_for_owner",
        "nats_lost",
        "deepgram_attempts",
        "recogniser_messages_unreadable",
        "subscribers_refused",
        "subscribers_limited",
        "subscribers_too_slow",
        "transcripts_made",
        "ended_calls_dropped",
        "deliveries",
        "interims_skipped",
        "outbox_dropped",
        "twilio_requests",
        "twilio_throttled",
        "twilio_failed",
        "streams_restarted",
        "streams_not_restarted",
        "streams_of_calls_over",
        "loop_stalls",
        "accept_pauses",
        "task_protection_failed",
    ]
    assert [(measure.name, measure.label) for measure in GAUGES_BY_KIND] == [
        ("recognisers", "state"),
    ]
    assert [(measure.name, measure.label) for measure in COUNTERS_BY_KIND] == [
        ("moves_failed", "why"),
        ("twilio_callbacks", "kind"),
        ("twilio_stream_errors", "code"),
        ("log_lines", "level"),
    ]


async def test_metrics_are_told_to_who_asks_and_to_nobody_after_the_end():
    port = free_port()
    stop = Metrics(SimpleNamespace(is_open=False)).serve("127.0.0.1", port)
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics?a=%ff", headers=ODD)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "partyline_speech_to_published_seconds_count 0.0" in answer.text
        stop()
        with pytest.raises(httpx.TransportError):
            await client.get(f"http://127.0.0.1:{port}/metrics")


async def test_a_process_that_carries_nothing_tells_all_kinds_from_the_start():
    port = free_port()
    async with inside(ready=False, METRICS_PORT=str(port)):
        told = samples(await scrape(port))
    for state in ("idle", "connected", "reconnecting", "refused"):
        assert told[f'partyline_recognisers{{state="{state}"}}'] == 0
    for reason in (*get_args(Reason), "broker-unreachable"):
        assert told[f'partyline_gaps_total{{reason="{reason}"}}'] == 0
        assert told[f'partyline_gap_seconds_total{{reason="{reason}"}}'] == 0
    for name in ("outbox_age_seconds", "recogniser_lag_seconds", "draining", "deepgram_held_back"):
        assert told[f"partyline_{name}"] == 0


async def test_what_is_stored_is_counted_as_lost_or_as_spoken():
    port, said = free_port(), {"type": "Results"}
    async with inside(ready=False, METRICS_PORT=str(port)) as running:
        note = running.service.metrics.note_stored
        note(gap(1.0, 3.5, None, "media-lost"))
        note(gap(4.0, 5.0, "inbound", "media-lost"))
        note(Record("final", "inbound", said, spoken_at=time.time() - 2))
        note(Record("final", "inbound", said))
        told = samples(await scrape(port))
    assert told['partyline_gaps_total{reason="media-lost"}'] == 2
    assert told['partyline_gap_seconds_total{reason="media-lost"}'] == 3.5
    assert told["partyline_speech_to_published_seconds_count"] == 1
    assert told["partyline_speech_to_published_seconds_sum"] >= 2


async def test_all_that_a_call_can_say_of_itself_is_told():
    """Deepgram refuses the call, and NATS is away: both are seen while it goes on."""
    port, call = free_port(), Options(auth_token=AUTH_TOKEN)
    async with (
        DeepgramStandIn(faults=Faults(refuse=Refusal(402))) as deepgram,
        inside(ready=False, METRICS_PORT=str(port), DEEPGRAM_URL=deepgram.url) as service,
    ):
        calling = asyncio.create_task(
            place_call(f"ws://127.0.0.1:{service.port}/twilio", b"\x20" * 80_000, b"", call)
        )
        await until(lambda: any(one.writer.depth for one in service.service.calls.carried))
        (one,) = service.service.calls.carried
        await until(lambda: one.recogniser.standing == "refused")
        told = samples(await scrape(port))
        calling.cancel()
        await asyncio.wait([calling])
    assert told['partyline_recognisers{state="refused"}'] == 1
    assert told["partyline_outbox_age_seconds"] > 0
    assert told["partyline_outbox_depth"] >= 1
    assert told["partyline_deepgram_attempts_total"] >= 1
