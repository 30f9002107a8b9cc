"""
What a process tells Prometheus, on a port of its own.

Counting is plain integers where things happen; they are read when a scrape comes. A metric is a
line of a table here: its name, what it says, and where the number is.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol, TypeVar, get_args

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from broker.broker import Broker
from broker.observer import Observer
from broker.outbox import UNREACHABLE
from broker.records import Record
from handler import logs
from handler.audio.loss import Reason
from handler.audio.mulaw import seconds
from handler.calls.live_calls import LiveCalls
from handler.calls.relocator import Relocator
from handler.calls.restarter import Restarter
from handler.calls.status_callbacks import StatusCallbacks
from handler.calls.tickets import Tickets
from handler.config import Settings
from handler.deepgram.recogniser import Standing
from handler.refusals import refusals
from handler.roles import Role
from handler.server import scraped
from handler.server.vitals import Vitals
from handler.subscribers.admission import Subscribers
from handler.task_protection import TaskProtection
from handler.twilio.rest import RestClient


class Parts(Protocol):
    """The parts of a process that are measured."""

    is_open: bool
    settings: Settings
    broker: Broker
    calls: LiveCalls
    status_callbacks: StatusCallbacks
    tickets: Tickets
    restarter: Restarter
    subscribers: Subscribers
    rest: RestClient
    relocator: Relocator
    task_protection: TaskProtection
    vitals: Vitals


class Measure(NamedTuple):
    """One metric; its full name begins with ``partyline_``."""

    name: str
    text: str
    read: Callable[[Parts], float]


class Kinds(NamedTuple):
    """A metric of several kinds, told apart by a label; all are there from the start."""

    name: str
    text: str
    label: str
    read: Callable[[Parts], Mapping[str, float]]


def _longest_wait(parts: Parts) -> float:
    return max((call.writer.stuck_seconds for call in parts.calls.carried), default=0.0)


def _longest_lag(parts: Parts) -> float:
    return max((call.recogniser.lag for call in parts.calls.carried), default=0.0)


def _standings(parts: Parts) -> Mapping[str, float]:
    found: dict[str, float] = dict.fromkeys(Standing, 0)
    for call in parts.calls.carried:
        found[call.recogniser.standing] += 1
    return found


GAUGES = (
    Measure(
        "calls",
        "Calls that this process carries; one that moves within it is one",
        lambda parts: len(parts.calls),
    ),
    Measure(
        "calls_capacity",
        "Calls that it may carry (MAX_CALLS); none where ROLES has no media",
        lambda parts: parts.settings.max_calls if Role.MEDIA in parts.settings.roles else 0,
    ),
    Measure(
        "outbox_depth",
        "Records that are not known to be stored yet",
        lambda parts: parts.calls.outbox_depth,
    ),
    Measure(
        "outbox_age_seconds",
        "For how long nothing was stored of the call whose records wait longest",
        _longest_wait,
    ),
    Measure(
        "recogniser_lag_seconds",
        "Audio that is yet to be transcribed, of the call that has most of it",
        _longest_lag,
    ),
    Measure(
        "draining",
        "Whether the process is leaving (1) and takes nothing new",
        lambda parts: parts.calls.draining,
    ),
    Measure(
        "subscribers",
        "Open sockets and streams of subscribers",
        lambda parts: parts.subscribers.places.taken,
    ),
    Measure(
        "followed_calls",
        "Calls that somebody follows here",
        lambda parts: len(parts.broker.replicas),
    ),
    Measure(
        "awaited_calls",
        "Calls that subscribers ask for and nobody knows (yet)",
        lambda parts: len(parts.subscribers.unknown_calls),
    ),
    Measure(
        "transcripts",
        "Whole transcripts that are being made, or wait for their turn",
        lambda parts: len(parts.subscribers.transcripts),
    ),
    Measure(
        "nats_connected",
        "Whether NATS is there (1) or away (0)",
        lambda parts: parts.broker.connected,
    ),
    Measure(
        "stream_retained_seconds",
        "How long a record is kept, by the stream's size and what comes: RETENTION, or less",
        lambda parts: parts.broker.room.kept,
    ),
    Measure(
        "stream_full",
        "Whether the stream drops records to make room (1); 0 also where it is not known",
        lambda parts: parts.broker.room.full,
    ),
    Measure(
        "stream_subjects",
        "Subjects of a stream, the one with most: some three for each call that is kept",
        lambda parts: parts.broker.room.subjects,
    ),
    Measure(
        "tickets_required",
        "Whether a media stream needs a ticket (1) or not (0)",
        lambda parts: parts.tickets.required,
    ),
    Measure(
        "deepgram_accepts",
        "Whether Deepgram took the last handshake (1), or refused it or was not reached (0)",
        lambda parts: parts.calls.breaker.accepted,
    ),
    Measure(
        "deepgram_held_back",
        "Whether attempts to reach Deepgram wait for each other (1), as too many have failed",
        lambda parts: parts.calls.breaker.open,
    ),
    Measure(
        "calls_arriving",
        "Calls of other containers, or media streams, that are on their way here",
        lambda parts: parts.calls.arriving,
    ),
    Measure(
        "twilio_requests_in_flight",
        "Requests to Twilio's API that wait for an answer",
        lambda parts: parts.rest.in_flight,
    ),
    Measure(
        "twilio_concurrent_requests",
        "Requests of the account at once, as Twilio counted them at its last answer",
        lambda parts: parts.rest.concurrent,
    ),
    Measure(
        "twilio_concurrent_requests_max",
        "The most that Twilio counted since the process began",
        lambda parts: parts.rest.most_concurrent,
    ),
    Measure(
        "task_protected",
        "Whether ECS keeps this task from being stopped (1); 0 also where it is not known",
        lambda parts: bool(parts.task_protection.on),
    ),
)

GAUGES_BY_KIND = (
    Kinds(
        "recognisers",
        "Calls, by how they stand with Deepgram",
        "state",
        _standings,
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
        "moves",
        "Calls that went on elsewhere, or with another media stream, with nothing lost",
        lambda parts: parts.relocator.moved,
    ),
    Measure("tickets", "Tickets that were made", lambda parts: parts.tickets.issued),
    Measure(
        "tickets_refused",
        "Media streams that were refused for their ticket, or for having none",
        lambda parts: parts.tickets.refused,
    ),
    Measure(
        "calls_ended_for_owner",
        "Calls of containers that are gone, of which this one has written the end",
        lambda parts: parts.broker.janitor.ended,
    ),
    Measure("nats_lost", "How many times NATS went away", lambda parts: parts.broker.lost),
    Measure(
        "deepgram_attempts",
        "Connections to Deepgram that were begun, those that failed included",
        lambda parts: parts.calls.breaker.attempts,
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
        "subscribers_limited",
        "Requests, subscriptions and sockets that were one too many of their token",
        lambda parts: parts.subscribers.limited,
    ),
    Measure(
        "subscribers_too_slow",
        "Subscribers that were cut off because they took less than came",
        lambda parts: parts.subscribers.too_slow,
    ),
    Measure(
        "transcripts_made",
        "Whole transcripts that were made",
        lambda parts: parts.subscribers.transcripts.made,
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
    Measure(
        "twilio_requests",
        "Requests sent to Twilio's API, those made again included",
        lambda parts: parts.rest.requests,
    ),
    Measure(
        "twilio_throttled",
        "Requests that Twilio answered 429, as there were too many of the account at once",
        lambda parts: parts.rest.throttled,
    ),
    Measure(
        "twilio_failed",
        "What was asked of Twilio's API, and came to nothing",
        lambda parts: parts.rest.failed,
    ),
    Measure(
        "streams_restarted",
        "Media streams that this process asked for, as those that a call had were dead",
        lambda parts: parts.restarter.started,
    ),
    Measure(
        "streams_not_restarted",
        "Attempts at that which came to nothing",
        lambda parts: parts.restarter.failed,
    ),
    Measure(
        "streams_of_calls_over",
        "Dead media streams for which none was asked for, as Twilio said that their call was over",
        lambda parts: parts.restarter.over,
    ),
    Measure(
        "loop_stalls",
        "Times that the event loop did not answer for a second",
        lambda parts: parts.vitals.loop_stalls,
    ),
    Measure(
        "accept_pauses",
        "Times that no connection could be taken in: too many files were open",
        lambda parts: parts.vitals.accept_pauses,
    ),
    Measure(
        "task_protection_failed",
        "Requests to ECS to keep this task, or to let it go, that came to nothing",
        lambda parts: parts.task_protection.failed,
    ),
)

COUNTERS_BY_KIND = (
    Kinds(
        "moves_failed",
        "Attempts to move a call, which stayed where it was, by why",
        "why",
        lambda parts: parts.relocator.stayed,
    ),
    Kinds(
        "twilio_callbacks",
        "Status callbacks of Twilio's: of media streams and of calls",
        "kind",
        lambda parts: parts.status_callbacks.counts,
    ),
    Kinds(
        "twilio_stream_errors",
        "Errors of media streams that Twilio told of, by its code",
        "code",
        lambda parts: parts.status_callbacks.stream_errors,
    ),
    Kinds(
        "log_lines",
        "Lines of the log that may ask for something to be done, by level",
        "level",
        lambda _: logs.lines,
    ),
)

# From speech to its record, in seconds. Deepgram's finals come some hundred ms after the pause.
DELAY_BUCKETS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
# From a record to its readers: some ms in one place, and clocks that differ.
DELIVERY_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
# A turn of the loop is some ms; a chunk of audio is due ten times a second.
LOOP_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
# Why audio is in no transcript, as `Gap` says it.
GAP_REASONS = (*get_args(Reason), UNREACHABLE)
# Twilio's answers were seen to take 0.08 to 0.26 s.
REQUEST_BUCKETS = (0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0)
# Some two seconds to compare the audio, up to three more to a pause of both sides.
MOVE_BUCKETS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0)


class Metrics(Collector, Observer):
    """All metrics of a process. ``parts`` is read at each scrape."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._gaps: Counter[str] = Counter(dict.fromkeys(GAP_REASONS, 0))
        self._gap_seconds: Counter[str] = Counter(dict.fromkeys(GAP_REASONS, 0))
        self.speech_to_published = Histogram(
            "partyline_speech_to_published_seconds",
            "From the end of the last word of a final to NATS's word that it is stored",
            buckets=DELAY_BUCKETS,
            registry=self._registry,
        )
        self.published_to_delivered = Histogram(
            "partyline_published_to_delivered_seconds",
            "From a record's publication to its being written to all who follow the call live",
            buckets=DELIVERY_BUCKETS,
            registry=self._registry,
        )
        self.loop_delay = Histogram(
            "partyline_loop_delay_seconds",
            "How long what becomes due waits for its turn, looked at ten times a second",
            buckets=LOOP_BUCKETS,
            registry=self._registry,
        )
        self.twilio_requests = Histogram(
            "partyline_twilio_request_seconds",
            "From a request to Twilio's API to its answer",
            buckets=REQUEST_BUCKETS,
            registry=self._registry,
        )
        self.moves = Histogram(
            "partyline_move_seconds",
            "From the wish that a call be elsewhere to its being written there",
            buckets=MOVE_BUCKETS,
            registry=self._registry,
        )

    def note_stored(self, record: Record) -> None:
        """Take a record that is known to be stored: what was lost, or how long a word took."""
        if record.type == "Gap":
            reason = record.body["reason"]
            self._gaps[reason] += 1
            self._gap_seconds[reason] += record.body["end"] - record.body["start"]
        elif record.spoken_at is not None:
            # What another container began may lie ahead of our clock.
            self.speech_to_published.observe(max(0.0, time.time() - record.spoken_at))

    def note_delivered(self, published_at: float, traceparent: str | None) -> None:  # noqa: ARG002
        """Take a record that was written to its readers. Clocks of two machines may differ."""
        self.published_to_delivered.observe(max(0.0, time.time() - published_at))

    def serve(self, host: str, port: int) -> Callable[[], None]:
        """
        Serve ``/metrics`` from now on, on the running loop; returns what ends it.

        Raises:
            OSError: the port cannot be opened; says which setting named it.
        """
        return scraped.serve(self._registry, host, port)

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of this moment; there are none before all parts are there."""
        if not self._parts.is_open:
            return
        for name, text, read in GAUGES:
            yield GaugeMetricFamily(f"partyline_{name}", text, value=read(self._parts))
        for name, text, read in COUNTERS:
            yield CounterMetricFamily(f"partyline_{name}", text, value=read(self._parts))
        for name, text, label, read_all in GAUGES_BY_KIND:
            kinds = GaugeMetricFamily(f"partyline_{name}", text, labels=[label])
            yield _filled(kinds, read_all(self._parts))
        for name, text, label, read_all in COUNTERS_BY_KIND:
            counts = CounterMetricFamily(f"partyline_{name}", text, labels=[label])
            yield _filled(counts, read_all(self._parts))
        yield from self._losses()
        yield _refusals()

    def _losses(self) -> Iterable[Metric]:
        text = "Gaps of transcripts that this process has written, by why"
        yield _filled(CounterMetricFamily("partyline_gaps", text, labels=["reason"]), self._gaps)
        text = "What is missing in them, one side or both, by why"
        family = CounterMetricFamily("partyline_gap_seconds", text, labels=["reason"])
        yield _filled(family, self._gap_seconds)


def _refusals() -> Metric:
    text = "Refusals of whatever kind, by the event and the status that their log lines have"
    family = CounterMetricFamily("partyline_refusals", text, labels=["event", "status"])
    for kind, count in refusals.totals.items():
        family.add_metric(kind, count)
    return family


Family = TypeVar("Family", GaugeMetricFamily, CounterMetricFamily)


def _filled(family: Family, values: Mapping[str, float]) -> Family:
    """Put the values of all kinds into a metric."""
    for kind, value in values.items():
        family.add_metric([kind], value)
    return family
