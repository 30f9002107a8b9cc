"""handler/metrics.py: what dashboards and alerts are built on."""

from types import SimpleNamespace

import httpx
import pytest

from bench.processes import free_port
from handler.metrics import COUNTERS, COUNTERS_BY_KIND, GAUGES, Metrics

ODD = {"Accept": "application/openmetrics-text; version=x", "Connection": "close"}


def test_the_names_of_metrics_stay():
    assert [measure.name for measure in GAUGES] == [
        "calls",
        "calls_capacity",
        "outbox_depth",
        "subscribers",
        "followed_calls",
        "awaited_calls",
        "transcripts",
        "nats_connected",
        "stream_retained_seconds",
        "stream_full",
        "stream_subjects",
        "tickets_required",
        "deepgram_accepts",
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
        "recogniser_messages_unreadable",
        "subscribers_refused",
        "subscribers_limited",
        "subscribers_too_slow",
        "transcripts_made",
        "deliveries",
        "interims_skipped",
        "outbox_dropped",
        "twilio_requests",
        "twilio_throttled",
        "twilio_failed",
        "streams_restarted",
        "streams_not_restarted",
        "loop_stalls",
        "accept_pauses",
        "task_protection_failed",
    ]
    assert [(measure.name, measure.label) for measure in COUNTERS_BY_KIND] == [
        ("moves_failed", "why"),
        ("twilio_callbacks", "kind"),
        ("twilio_stream_errors", "code"),
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
