"""
What a process tells Prometheus, on a port of its own.

Counting is plain integers where things happen; they are read when a scrape comes. A metric is a
line of a table here: its name, what it says, and where the number is.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from broker.broker import Broker
from handler.audio.mulaw import seconds
from handler.calls.live_calls import LiveCalls
from handler.config import Settings
from handler.subscribers.admission import Subscribers


class Parts(Protocol):
    """The parts of a process that are measured."""

    is_open: bool
    settings: Settings
    broker: Broker
    calls: LiveCalls
    subscribers: Subscribers


class Measure(NamedTuple):
    """One metric; its full name begins with ``partyline_``."""

    name: str
    text: str
    read: Callable[[Parts], float]


GAUGES = (
    Measure("calls", "Calls that this process carries", lambda parts: len(parts.calls)),
    Measure(
        "calls_capacity",
        "Calls that it may carry (MAX_CALLS)",
        lambda parts: parts.settings.max_calls,
    ),
    Measure(
        "outbox_depth",
        "Records that are not known to be stored yet",
        lambda parts: parts.calls.outbox_depth,
    ),
    Measure(
        "subscribers",
        "Open sockets and streams of subscribers",
        lambda parts: parts.subscribers.open,
    ),
    Measure(
        "followed_calls",
        "Calls that somebody follows here",
        lambda parts: len(parts.broker.replicas),
    ),
    Measure(
        "nats_connected",
        "Whether NATS is there (1) or away (0)",
        lambda parts: parts.broker.connected,
    ),
)

COUNTERS = (
    Measure("frames", "Media messages of Twilio", lambda parts: parts.calls.audio.frames),
    Measure(
        "filled_audio_seconds",
        "Silence that was made up, both tracks",
        lambda parts: seconds(parts.calls.audio.filled_samples),
    ),
    Measure(
        "late_audio_seconds",
        "Audio that came after its place had been sent, both tracks",
        lambda parts: seconds(parts.calls.audio.late_samples),
    ),
    Measure(
        "calls_one_sided",
        "Calls that ended and of which one side was sent (track is not both_tracks)",
        lambda parts: parts.calls.one_sided,
    ),
    Measure(
        "recogniser_messages_unreadable",
        "Messages of Deepgram that could not be read",
        lambda parts: parts.calls.unreadable,
    ),
    Measure(
        "subscribers_refused",
        "Requests of subscribers that were refused",
        lambda parts: parts.subscribers.refused,
    ),
    Measure(
        "subscribers_too_slow",
        "Subscribers that were cut off because they took less than came",
        lambda parts: parts.subscribers.too_slow,
    ),
    Measure(
        "deliveries",
        "Records and interims sent to subscribers",
        lambda parts: parts.subscribers.deliveries,
    ),
    Measure(
        "interims_skipped",
        "Interims out of date before their subscriber came for them",
        lambda parts: parts.subscribers.skipped_interims,
    ),
    Measure(
        "outbox_dropped",
        "Finals that made room in a full outbox",
        lambda parts: parts.calls.outbox_dropped,
    ),
)

# From speech to its record, in seconds. Deepgram's finals come some hundred ms after the pause.
DELAY_BUCKETS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


class Metrics(Collector):
    """All metrics of a process. ``parts`` is read at each scrape, from another thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self.speech_to_published = Histogram(
            "partyline_speech_to_published_seconds",
            "From the end of what was said to its final result being handed to NATS",
            buckets=DELAY_BUCKETS,
            registry=self._registry,
        )

    def serve(self, host: str, port: int) -> Callable[[], None]:
        """
        Serve ``/metrics``; returns what ends it.

        Raises:
            OSError: the port cannot be opened; says which setting named it.
        """
        try:
            server, thread = start_http_server(port, host, registry=self._registry)
        except OSError as exc:
            problem = f"METRICS_PORT: cannot listen on {host} port {port}: {exc.strerror}"
            raise OSError(problem) from exc

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of this moment; there are none before all parts are there."""
        if not self._parts.is_open:
            return
        for name, text, read in GAUGES:
            yield GaugeMetricFamily(f"partyline_{name}", text, value=read(self._parts))
        for name, text, read in COUNTERS:
            yield CounterMetricFamily(f"partyline_{name}", text, value=read(self._parts))
