"""This process's one connection to NATS, and what is reached over it."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import nats
import nats.errors
import structlog
from nats.aio.client import Client, RawCredentials
from nats.js import JetStreamContext

from broker import supervise
from broker.errors import BrokerError, Misconfigured
from broker.follow import Replicas
from broker.janitor import Janitor
from broker.provision import check_version, provision
from broker.records import CallFacts
from broker.registry import Registry
from broker.settings import BrokerSettings
from broker.subjects import Subjects
from broker.writer import CallWriter

# A dead peer is noticed after three of these; the client's own default takes six minutes.
# Longer than it takes to find out that a server is gone.
FLUSH_SECONDS = 60
PING_SECONDS = 5
RECONNECT_SECONDS: Any = 0.25  # the client takes fractions, but its types say int
# Of our own: so a server can keep its users from listening to each other's replies.
INBOX_PREFIX = b"_INBOX_partyline"
# How often the server is asked again after an operator may have mended it.
MISCONFIGURED_SECONDS = 5.0
# A cluster that elects a leader, which takes 9 s at most, does not answer meanwhile.
ELECTION_CHECKS = 3
MAX_TOLD = 100
# Between a client that has closed for good and the next one.
SUCCESSOR_SECONDS = 1.0

_log = structlog.get_logger()


class Broker:
    """
    This process's connection to NATS.

    An async context manager that opens at once, also when NATS is away: a task keeps connecting,
    for ever, and losing NATS later ends nothing.
    """

    def __init__(self, settings: BrokerSettings) -> None:
        self.settings = settings
        self.subjects = Subjects(settings.prefix)
        self.problem: str | None = None
        self.registry = Registry(self)
        self.replicas = Replicas(self)
        self.janitor = Janitor(self)
        self._client = Client()
        self._js: JetStreamContext = self._client.jetstream(timeout=2)
        self._reached = asyncio.Event()
        self._closing = False
        self._check_due = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None
        self._claims = itertools.count(1)
        self._told: set[str] = set()  # problems since NATS was there last

    async def __aenter__(self) -> Self:
        self._connecting = supervise.start(self._connect(), "nats connection")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        if self._connecting is not None:
            await supervise.end(self._connecting)
        await self.janitor.close()
        await self.replicas.close()
        await self.registry.close()
        # It raises when it cannot deliver what it still holds; that is lost either way. A client
        # that has never begun to connect asserts that it has.
        with suppress(nats.errors.Error, OSError, AssertionError):
            await self._client.close()

    @property
    def client(self) -> Client:
        """The client of NATS; connected only after :meth:`wait_ready`."""
        return self._client

    @property
    def js(self) -> JetStreamContext:
        """JetStream over the client."""
        return self._js

    @property
    def ready(self) -> bool:
        """Whether NATS was reached and found in order once; stays true when it goes away."""
        return self._reached.is_set()

    @property
    def connected(self) -> bool:
        """Whether NATS is there now."""
        return self.ready and self._client.is_connected

    async def wait_ready(self) -> None:
        """Wait until NATS was reached and found in order."""
        await self._reached.wait()

    def next_epoch(self) -> str:
        """Name a claim: unique, as the process's name is."""
        return f"{self.settings.instance}-{next(self._claims)}"

    def writer(self, call: CallFacts, epoch: str) -> CallWriter:
        """Return what writes one call, under a claim of that name."""
        return CallWriter(self, call, epoch)

    async def flush(self, timeout: float = 2.0) -> None:
        """Return once what the server had sent us by now has come in; at the latest in time."""
        if not self.connected:
            return
        # The client's own wait is never cut short: the PONG of one that was cancelled would end its
        # reading, and with it the connection.
        flushing = supervise.start(self._flush(), "flush")
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await asyncio.shield(flushing)

    async def _flush(self) -> None:
        with suppress(nats.errors.Error, TimeoutError, OSError):
            await self._client.flush(timeout=FLUSH_SECONDS)

    async def _connect(self) -> None:
        """Keep a client: one that has closed for good, as after some errors, gets a successor."""
        while True:
            await self._open_client()
            await self._wait_in_order()
            if not self._client.is_closed:
                await self._begin()
            while not self._client.is_closed:
                # A server that comes back may be another one, or have lost its disk.
                await self._check_due.wait()
                self._check_due.clear()
                await self._wait_in_order(patience=ELECTION_CHECKS)
            _log.warning("nats client closed: another one takes its place")
            await asyncio.sleep(SUCCESSOR_SECONDS)
            self._client = Client()
            self._js = self._client.jetstream(timeout=2)

    async def _begin(self) -> None:
        """Take up the work with a client that has just connected."""
        if self._reached.is_set():
            self._on_reconnect()
            return
        self._reached.set()
        _log.info("nats reached", server=str(self._client.connected_server_version))
        await self.registry.open()
        await self.janitor.open()

    async def _open_client(self) -> None:
        options: dict[str, Any] = {}
        if self.settings.credentials is not None:
            options["user_credentials"] = RawCredentials(self.settings.credentials)
        # A cluster names its other servers without the password that its URL came with.
        named = urlsplit(self.settings.servers[0])
        if named.username is not None:
            options["user"] = unquote(named.username)
            options["password"] = unquote(named.password or "")
        await self._client.connect(
            list(self.settings.servers),
            name=self.settings.instance,
            inbox_prefix=INBOX_PREFIX,
            max_reconnect_attempts=-1,  # the default of 60 ends in a client closed for good
            reconnect_time_wait=RECONNECT_SECONDS,
            connect_timeout=2,
            ping_interval=PING_SECONDS,
            max_outstanding_pings=2,
            error_cb=_guarded(self._on_error),
            disconnected_cb=_guarded(self._on_disconnect),
            reconnected_cb=_guarded(self._on_reconnect),
            closed_cb=_guarded(self._check_due.set),
            **options,
        )

    async def _wait_in_order(self, *, patience: int = 0) -> None:
        """Wait until the server is as we need it; say that it is not after so many checks."""
        while not self._client.is_closed and (problem := await self._problem()) is not None:
            if patience <= 0 and problem != self.problem:
                _log.error("nats is not as we need it", problem=problem)
                self.problem = problem
            patience -= 1
            await asyncio.sleep(MISCONFIGURED_SECONDS)
        if not self._client.is_closed:
            self.problem = None

    async def _problem(self) -> str | None:
        """Return what keeps the server from being as we need it, after mending what we may."""
        try:
            check_version(self._client)
            await provision(self._js, self.subjects, self.settings)
        except Misconfigured as exc:
            return str(exc)
        return None

    def _on_error(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if text in self._told:
            return  # while NATS is away each attempt says the same, of each server
        if len(self._told) < MAX_TOLD:
            self._told.add(text)
        _log.warning("nats", problem=text)

    def _on_disconnect(self) -> None:
        if not self._closing:
            _log.warning("nats lost")
        self.replicas.on_disconnect()
        self.registry.on_disconnect()

    def _on_reconnect(self) -> None:
        self._told.clear()
        _log.info("nats is back")
        self.replicas.on_reconnect()
        self.registry.on_reconnect()
        self._check_due.set()


def _guarded(callback: Callable[..., None]) -> Callable[..., Coroutine[Any, Any, None]]:
    """
    Keep every exception of a callback from the client.

    One in ``error_cb`` leaves it deaf, one in ``disconnected_cb`` means that it never reconnects
    (https://github.com/nats-io/nats.py/issues/204).
    """

    async def call(*arguments: Any) -> None:  # noqa: ANN401  what nats-py passes
        try:
            callback(*arguments)
        except (BrokerError, RuntimeError, ValueError, LookupError, TypeError, AttributeError):
            _log.exception("defect in a callback of the nats client")

    return call
