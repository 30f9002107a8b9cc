"""handler/metrics.py: what dashboards and alerts are built on."""

from handler.metrics import COUNTERS, GAUGES


def test_the_names_of_metrics_stay():
    assert [measure.name for measure in GAUGES] == [
        "calls",
        "calls_capacity",
        "outbox_depth",
        "subscribers",
        "followed_calls",
        "nats_connected",
    ]
    assert [measure.name for measure in COUNTERS] == [
        "frames",
        "filled_audio_seconds",
        "late_audio_seconds",
        "calls_one_sided",
        "recogniser_messages_unreadable",
        "subscribers_refused",
        "subscribers_too_slow",
        "deliveries",
        "interims_skipped",
        "outbox_dropped",
    ]
