"""
What a process tells Prometheus, on a port of its own.

Counting is plain integers where things happen; they are read when a scrape comes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from handler.audio.mulaw import SAMPLE_RATE, AudioTotals


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a process at the moment of a scrape."""

    calls: int
    capacity: int
    audio: AudioTotals
    outbox_depth: int
    outbox_dropped: int
    subscribers: int
    subscribers_refused: int
    subscribers_too_slow: int
    deliveries: int
    interims_skipped: int
    followed_calls: int
    nats_connected: bool


# From speech to its record, in seconds. Deepgram's finals come some hundred ms behind the pause.
DELAY_BUCKETS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


class Metrics(Collector):
    """All metrics of a process. ``snapshot`` is called for each scrape, from another thread."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self.speech_to_published = Histogram(
            "partyline_speech_to_published_seconds",
            "From the end of what was said to its final result being handed to NATS",
            buckets=DELAY_BUCKETS,
            registry=self._registry,
        )

    def serve(self, host: str, port: int) -> Callable[[], None]:
        """Serve ``/metrics``; returns what ends it."""
        server, thread = start_http_server(port, host, registry=self._registry)

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of this moment."""
        now = self._snapshot()
        gauges = {
            "calls": ("Calls that this process carries", now.calls),
            "calls_capacity": ("Calls that it may carry (MAX_CALLS)", now.capacity),
            "outbox_depth": ("Records that are not known to be stored yet", now.outbox_depth),
            "subscribers": ("Open sockets and streams of subscribers", now.subscribers),
            "followed_calls": ("Calls that somebody follows here", now.followed_calls),
            "nats_connected": ("Whether NATS is there (1) or away (0)", int(now.nats_connected)),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"partyline_{name}", text, value=value)
        audio = now.audio
        counters = {
            "frames": ("Media messages of Twilio", audio.frames),
            "filled_audio_seconds": (
                "Silence that was made up, both tracks",
                audio.filled_samples / SAMPLE_RATE,
            ),
            "late_audio_seconds": (
                "Audio that came after its place had been sent, both tracks",
                audio.late_samples / SAMPLE_RATE,
            ),
            "subscribers_refused": (
                "Requests of subscribers that were refused",
                now.subscribers_refused,
            ),
            "subscribers_too_slow": (
                "Subscribers that were cut off because they took less than came",
                now.subscribers_too_slow,
            ),
            "deliveries": ("Records and interims sent to subscribers", now.deliveries),
            "interims_skipped": (
                "Interims out of date before their subscriber came for them",
                now.interims_skipped,
            ),
            "outbox_dropped": ("Finals that made room in a full outbox", now.outbox_dropped),
        }
        for name, (text, total) in counters.items():
            yield CounterMetricFamily(f"partyline_{name}", text, value=total)
