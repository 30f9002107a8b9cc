"""What a forwarder has done, counted; and told on a port of its own."""

from collections import Counter
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from handler.server import scraped

# Why something is given up.
EXPIRED, REFUSED, GONE = "expired", "refused", "gone"
REASONS = (EXPIRED, REFUSED, GONE)


class Counts(Collector):
    """
    Plain numbers, read when a scrape comes.

    Attributes:
        sent: What receivers have taken: records and transcripts.
        failed: Attempts that were to be repeated.
        given_up: Records that will never be sent, by why.
        waiting: Says how many calls wait for their receiver.
        unread: Says how many records the streams hold of which it has seen nothing yet.
        working: Says of how many streams this process forwards; of the others it stands by.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.failed = 0
        self.given_up = Counter(dict.fromkeys(REASONS, 0))
        self.waiting: Callable[[], int] = lambda: 0
        self.unread: Callable[[], int] = lambda: 0
        self.working: Callable[[], int] = lambda: 0
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def serve(self, host: str, port: int) -> Callable[[], None]:
        """Serve ``/metrics`` from now on; returns what ends it. Raises OSError, in words."""
        return scraped.serve(self._registry, host, port)

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of this moment."""
        yield CounterMetricFamily(
            "partyline_forward_sent", "What receivers have taken", value=self.sent
        )
        yield CounterMetricFamily(
            "partyline_forward_failed", "Attempts that are repeated", value=self.failed
        )
        given_up = CounterMetricFamily(
            "partyline_forward_given_up", "Records that are never sent, by why", labels=["reason"]
        )
        for reason, number in self.given_up.items():
            given_up.add_metric([reason], number)
        yield given_up
        yield GaugeMetricFamily(
            "partyline_forward_waiting_calls",
            "Calls of which something is yet to be taken",
            value=self.waiting(),
        )
        yield GaugeMetricFamily(
            "partyline_forward_unread_records",
            "Records that the streams hold and that were not read yet, of whichever calls",
            value=self.unread(),
        )
        yield GaugeMetricFamily(
            "partyline_forward_working",
            "Streams that this process forwards; 0 stands by",
            value=self.working(),
        )
