"""One client of NATS, kept: it says when it is there, lost, and back."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Protocol, Self

import nats.errors
import structlog
from nats.aio.client import RawCredentials
from nats.js import JetStreamContext

from broker import supervise
from broker.client import Client
from broker.errors import BrokerError, Misconfigured
from broker.settings import BrokerSettings, user_of, without_password
from broker.words import said

# Longer than it takes to find out that a server is gone.
FLUSH_SECONDS = 60
# A dead peer is noticed after three of these; the client's own default takes six minutes.
PING_SECONDS = 5
RECONNECT_SECONDS: Any = 0.25  # the client takes fractions, but its types say int
REQUEST_SECONDS = 2
# Of our own: so a server can keep its users from listening to each other's replies.
INBOX_PREFIX = b"_INBOX_partyline"
# How often the server is asked again after an operator may have mended it.
MISCONFIGURED_SECONDS = 5.0
# A cluster that elects a leader, which takes 9 s at most, does not answer meanwhile.
ELECTION_CHECKS = 3
MAX_REPORTED = 100
# Between a client that has closed for good, or could not be opened, and the next one.
SUCCESSOR_SECONDS = 1.0
LONGEST_SUCCESSOR_SECONDS = 30.0

# While NATS is away the client reports each attempt, and none takes longer than its own timeouts of
# 2 s to connect and 10 s to flush: one that reports nothing for so long has ceased to try.
LONGEST_SILENCE = 30.0

# Makes the server as we need it, or raises Misconfigured.
Check = Callable[[Client], Awaitable[None]]

_log = structlog.get_logger()


class Listener(Protocol):
    """Who is told what becomes of a connection; nothing here may block."""

    def on_ready(self) -> None:
        """NATS is there, and in order, for the first time."""

    def on_lost(self) -> None:
        """NATS went away: what is known grows old."""

    def on_back(self) -> None:
        """NATS is there again, maybe with another client, or as another server."""


class Connection:
    """
    This process's connection to NATS.

    An async context manager that opens at once, also when NATS is away: a task keeps connecting,
    for ever, and losing NATS later ends nothing.

    Attributes:
        problem: What keeps the server from being as we need it, in words; None if nothing does.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        listener: Listener,
        check: Check,
        *,
        longest_silence: float = LONGEST_SILENCE,
        inbox_prefix: bytes = INBOX_PREFIX,
    ) -> None:
        self.problem: str | None = None
        self._settings = settings
        self._listener = listener
        self._check = check
        self._inbox_prefix = inbox_prefix
        self._client = Client()
        self._js: JetStreamContext = self._client.jetstream(timeout=REQUEST_SECONDS)
        self._reached = asyncio.Event()
        self._closing = False
        self._longest_silence = longest_silence
        self._last_word = time.monotonic()  # of the client, on what it does
        self._check_due = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._reported: set[str] = set()  # problems since NATS was there last
        self._shown = ", ".join(map(without_password, settings.servers))

    async def __aenter__(self) -> Self:
        self._keeping = supervise.start(self._keep(), "nats connection")
        return self

    async def stop(self) -> None:
        """Connect no more, so that nothing begins while others end; what is connected stays so."""
        self._closing = True
        if self._keeping is not None:
            await supervise.end(self._keeping)

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        # It raises when it cannot deliver what it still holds; that is lost either way. A client
        # that has never begun to connect asserts that it has; one whose connection is lost writes
        # to it all the same, which uvloop's transports answer with RuntimeError.
        with suppress(nats.errors.Error, OSError, AssertionError, RuntimeError):
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

    async def _keep(self) -> None:
        """Keep a client: one that has closed for good, or has a defect, gets a successor."""
        backoff = supervise.Backoff(SUCCESSOR_SECONDS, LONGEST_SUCCESSOR_SECONDS)
        while True:
            begun = time.monotonic()
            try:
                await self._use_client()
                _log.warning("nats client closed: another one takes its place")
            except Exception as exc:  # noqa: BLE001  without this task the process would be deaf for good
                self.problem = f"cannot use this connection: {said(exc)}"
                _log.exception("defect: the connection to nats failed")
            if time.monotonic() - begun > LONGEST_SUCCESSOR_SECONDS:
                backoff.reset()
            await backoff.pause()
            with suppress(nats.errors.Error, OSError, AssertionError):
                await self._client.close()
            self._client = Client()
            self._js = self._client.jetstream(timeout=REQUEST_SECONDS)

    async def _use_client(self) -> None:
        """Open the client and see to it that the server is in order, until it closes for good."""
        await self._open_client()
        await self._wait_in_order()
        if not self._is_over():
            self._begin()
        while not self._is_over():
            # A server that comes back may be another one, or have lost its disk.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._longest_silence):
                    await self._check_due.wait()
            # Not only then: somebody may change or delete what is there while we use it.
            self._check_due.clear()
            if self._client.is_connected:
                await self._wait_in_order(patience=ELECTION_CHECKS)

    def _is_over(self) -> bool:
        """Whether this client does nothing more: it has closed, or ceased to reconnect."""
        if self._client.is_closed:
            return True
        silence = time.monotonic() - self._last_word
        return not self._client.is_connected and silence > self._longest_silence

    def _begin(self) -> None:
        """Take up the work with a client that has just connected."""
        if self._reached.is_set():
            self._on_reconnect()
            return
        self._reached.set()
        _log.info("nats reached", server=str(self._client.connected_server_version))
        self._listener.on_ready()

    async def _open_client(self) -> None:
        await self._client.connect(
            list(self._settings.servers),
            name=self._settings.instance,
            inbox_prefix=self._inbox_prefix,
            max_reconnect_attempts=-1,  # the default of 60 ends in a client closed for good
            reconnect_time_wait=RECONNECT_SECONDS,
            connect_timeout=2,
            ping_interval=PING_SECONDS,
            max_outstanding_pings=2,
            error_cb=_guarded(self._on_error),
            disconnected_cb=_guarded(self._on_disconnect),
            reconnected_cb=_guarded(self._on_reconnect),
            closed_cb=_guarded(self._check_due.set),
            **identity(
                self._settings.servers, self._settings.credentials, self._settings.authorities
            ),
        )

    async def _wait_in_order(self, *, patience: int = 0) -> None:
        """Wait until the server is as we need it; say that it is not after so many checks."""
        while not self._is_over() and (problem := await self._find_problem()) is not None:
            if patience <= 0 and problem != self.problem:
                _log.error("nats is not as we need it", problem=problem)
                self.problem = problem
            patience -= 1
            await asyncio.sleep(MISCONFIGURED_SECONDS)
        if not self._is_over():
            self.problem = None

    async def _find_problem(self) -> str | None:
        """Return what keeps the server from being as we need it, after mending what we may."""
        try:
            await self._check(self._client)
        except Misconfigured as exc:
            return str(exc)
        return None

    def _on_error(self, error: Exception) -> None:
        self._last_word = time.monotonic()
        text = said(error)
        if text in self._reported:
            return  # while NATS is away each attempt says the same, of each server
        if len(self._reported) < MAX_REPORTED:
            self._reported.add(text)
        _log.warning("nats", problem=text, servers=self._shown)

    def _on_disconnect(self) -> None:
        self._last_word = time.monotonic()
        if not self._closing:
            _log.warning("nats lost")
        self._listener.on_lost()

    def _on_reconnect(self) -> None:
        self._reported.clear()
        _log.info("nats is back")
        self._listener.on_back()
        self._check_due.set()


def identity(
    servers: Sequence[str], credentials: str | None, authorities: str | None
) -> dict[str, Any]:
    """
    Return how a client says who it is, and whom it trusts: the options of its ``connect``.

    Raises:
        OSError: the authorities are no certificates (:class:`ssl.SSLError`).
    """
    options: dict[str, Any] = {}
    if authorities is not None:
        options["tls"] = ssl.create_default_context()
        options["tls"].load_verify_locations(cadata=authorities)
    if credentials is not None:
        options["user_credentials"] = RawCredentials(credentials)
    # A cluster names its other servers without the password that its URL came with.
    user = user_of(servers[0])
    if user is not None and user[1]:
        options["user"], options["password"] = user
    elif user is not None:
        options["token"] = user[0]  # nats://token@host
    return options


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
