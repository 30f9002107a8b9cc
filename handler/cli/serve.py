"""``partyline serve``: the process around the application: its server, its signals, its end."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from functools import partial
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from broker import supervise
from broker.cli.arguments import Parser
from broker.errors import EmbeddedFailed
from handler import addresses, logs
from handler.addresses import cannot_listen
from handler.app import Service, create_app
from handler.cli import stdin
from handler.config import Settings, doubts
from handler.errors import SettingsError
from handler.holdings import held
from handler.server.bodies import Bodies
from handler.server.collector import look_rarely
from handler.server.descriptors import raise_limit
from handler.server.http_protocol import HttpProtocol
from handler.server.idle import wait_idle
from handler.server.listener import Listener
from handler.server.lobby import Lobby
from handler.server.places import Places, needed, share
from handler.server.vitals import Vitals
from handler.server.watchdog import Watchdog
from handler.server.websocket_protocol import WebSocketProtocol
from handler.twilio import forms
from handler.twilio.places import WEBHOOKS

# The longest message is a subscriber's fresh token or a frame of two seconds in base64.
MAX_MESSAGE = 64 * 1024
# Behind the drain: for sockets whose peer does not answer the close.
SHUTDOWN_SECONDS = 2
# A connection that was answered is kept for longer than a balancer keeps it: a request of Twilio's
# that it sends on one that is being closed here is answered 502. Google's is 600 s, which nobody
# can set (https://cloud.google.com/load-balancing/docs/https/request-distribution).
KEEP_SECONDS = 620

_log = structlog.get_logger()


class _State(ServerState):
    """What the connections of a server share; the date is made when one of them says it."""

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of every response."""
        return [(b"date", formatdate(usegmt=True).encode())]

    @default_headers.setter
    def default_headers(self, _: list[tuple[bytes, bytes]]) -> None:
        """Keep none: uvicorn's begin as an empty list, and grow old."""


class Server(uvicorn.Server):
    """
    uvicorn, with the signals left to us.

    Alone it closes every websocket at once on SIGTERM, before the lifespan ends, and exits 143.
    And who comes is taken in by our own :class:`Listener`. It sleeps until it is to end, where
    uvicorn looks ten times a second: half of what an idle process cost.

    Attributes:
        listening: Set once it takes in who comes.
    """

    def __init__(self, config: uvicorn.Config, lobby: Lobby, vitals: Vitals | None = None) -> None:
        self.listening = asyncio.Event()
        self._ending = asyncio.Event()
        super().__init__(config)
        self.server_state = _State()
        self._lobby = lobby
        self._vitals = vitals
        self._listeners: list[Listener] = []

    @property
    def should_exit(self) -> bool:
        """Whether it is to end; setting it lets it."""
        return self._ending.is_set()

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        if value:
            self._ending.set()

    async def main_loop(self) -> None:
        """Wait until it is to end."""
        await self._ending.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take in who comes to sockets that listen."""
        await self.lifespan.startup()
        self._listeners = [
            Listener(one, self._connection, self._lobby, self._vitals) for one in sockets or ()
        ]
        servers: Any = self._listeners  # to uvicorn as good as the loop's own
        self.servers = servers
        self.started = True
        self.listening.set()

    @property
    def websockets(self) -> int:
        """How many are open, or have asked to be."""
        return sum(isinstance(one, WebSocketProtocol) for one in self.server_state.connections)

    @property
    def quiet(self) -> bool:
        """Whether nobody is connected who has shown nothing yet, nor waits to be taken in."""
        return not len(self._lobby) and all(listener.quiet for listener in self._listeners)

    def close_port(self) -> None:
        """Take nobody any more."""
        for listener in self._listeners:
            listener.close()

    def _connection(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def main(argv: list[str], prog: str = "partyline serve") -> int:
    """Run the service until a signal ends it; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    logs.outlive_reader()
    try:
        settings = Settings.from_environ(
            os.environ, insecure=arguments.insecure, embedded_nats=arguments.embedded_nats
        )
    except SettingsError as exc:
        for line in str(exc).splitlines():
            print(f"{prog}: {line}", file=sys.stderr)
        return 2
    logs.configure(settings.log_level)
    settings, places = _fit(settings, raise_limit())
    lobby = Lobby(places.lobby)
    app = create_app(settings)
    service: Service = app.state.service
    config = server_config(app, settings, lobby)
    try:
        with (
            _listen(settings.host, settings.port) as listener,
            asyncio.Runner(loop_factory=config.get_loop_factory()) as runner,
        ):
            server = Server(config, lobby, service.vitals)
            serving = _serve(server, service, listener, stop_at_eof=arguments.stop_at_eof)
            return runner.run(serving)
    except (OSError, EmbeddedFailed, SettingsError) as exc:
        print(f"{prog}: {exc}", file=sys.stderr)
        return 2 if isinstance(exc, SettingsError) else 1


def server_config(app: ASGIApp, settings: Settings, lobby: Lobby) -> uvicorn.Config:
    """Return how the server serves the application."""
    # As good as a class.
    protocol: Any = partial(HttpProtocol, lobby=lobby, bodies=Bodies(WEBHOOKS, forms.MAX_BODY))
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol,
        ws=WebSocketProtocol,
        ws_max_size=MAX_MESSAGE,
        ws_ping_interval=20,  # each proxy's idle limit is longer
        ws_ping_timeout=None,  # Twilio may never answer, and that must not end a call
        ws_per_message_deflate=False,  # 1.8 times the CPU for each subscriber
        lifespan="off",  # opened and closed below, where a failure can be told in words
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def _fit(settings: Settings, descriptors: int) -> tuple[Settings, Places]:
    """Take no more calls and subscribers than there are descriptors for."""
    places = share(descriptors, settings.max_calls, settings.max_subscribers)
    if (places.calls, places.subscribers) != (settings.max_calls, settings.max_subscribers):
        _log.warning(
            "too few open files for MAX_CALLS and MAX_SUBSCRIBERS: both are lowered",
            open_files=descriptors,
            needed=needed(settings.max_calls, settings.max_subscribers),
            max_calls=places.calls,
            max_subscribers=places.subscribers,
            advice="raise the limit of open files: ulimit -n, LimitNOFILE= (systemd), "
            "--ulimit nofile= (docker)",
        )
    lowered = replace(settings, max_calls=places.calls, max_subscribers=places.subscribers)
    return lowered, places


def _listen(host: str, port: int) -> socket.socket:
    """Open the port before anything else: a port that is taken is found out at once."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as exc:
        raise OSError(f"PORT: {cannot_listen(host, port, exc)}") from exc


async def _serve(
    server: Server, service: Service, listener: socket.socket, *, stop_at_eof: bool
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if stop_at_eof:
        stdin.watch_standard_input(stop)
    with Watchdog(service.settings.watchdog_seconds, service.vitals):
        await service.open()
        look_rarely()
        try:
            await _serve_until(stop, server, service, listener)
        finally:
            await service.close()
    _log.info("stopped")
    return 0 if stop.is_set() else 1


async def _serve_until(
    stop: asyncio.Event, server: Server, service: Service, listener: socket.socket
) -> None:
    """Serve until told to stop, or until our own nats-server is gone; then drain."""
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    announcing = asyncio.create_task(_announce(server, service))
    idling = supervise.start(_leave_when_idle(server, service, stop), "idle exit")
    failing = asyncio.create_task(service.embedded_nats_died())
    ends = {serving, stopping, failing}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for task in (announcing, stopping, failing, idling):
        task.cancel()
    _log.info("stopping")
    await service.drain()
    server.should_exit = True
    await serving


async def _leave_when_idle(server: Server, service: Service, stop: asyncio.Event) -> None:
    """Stop once nothing was held for IDLE_EXIT_SECONDS, if that is set."""
    seconds = service.settings.idle_exit_seconds
    if not seconds:
        return
    await server.listening.wait()
    await service.broker.wait_ready()  # what has served nobody is not idle
    await wait_idle(seconds, lambda: held(service) or server.websockets, lambda: server.quiet)
    # In the same turn of the loop: nobody is taken in and then sent away. Who comes from now on is
    # refused by the kernel, so that a platform asks another process, or starts one.
    server.close_port()
    service.calls.draining = True
    _log.info("idle: leaving", seconds=seconds)
    stop.set()


async def _announce(server: Server, service: Service) -> None:
    """Log one line once the port is open and NATS was reached."""
    await server.listening.wait()
    port = server.servers[0].sockets[0].getsockname()[1]
    for name, doubt in doubts(service.settings):
        _log.warning("is this setting right?", setting=name, advice=f"{name} {doubt}")
    signed = service.accounts.signed
    may = {"send audio": not signed, "read calls": service.access.open_to_all}
    if open_to_all := [what for what, is_open in may.items() if is_open]:
        _log.warning(
            "insecure: no credentials asked for; keep this port to yourself",
            anybody_may=open_to_all,
        )
    if signed and service.settings.public_url is None:
        _log.warning("PUBLIC_URL is not set: Twilio's signature is checked against the Host header")
    await service.broker.wait_ready()
    _log.info(
        "ready",
        url=f"http://127.0.0.1:{port}",
        nats_url=service.nats.url if service.nats else _shown(service.settings.nats_urls),
        instance=service.settings.instance,
        max_calls=service.settings.max_calls,
    )


def _shown(urls: tuple[str, ...]) -> str:
    return ", ".join(map(addresses.shown, urls))


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Run the service: take media streams from Twilio at /twilio, have them "
        "transcribed by Deepgram, publish to NATS, serve subscribers at /client.",
        epilog="Settings come from the environment; README.md lists them all. Needed: "
        "TWILIO_AUTH_TOKEN, DEEPGRAM_API_KEY, TOKEN_SECRET (or TOKEN_PUBLIC_KEY), PUBLIC_URL "
        "unless HOST is loopback, and NATS_URL unless --embedded-nats. SIGTERM and Ctrl-C drain: "
        "no new calls, tails transcribed, subscribers told to come back, exit 0. A process whose "
        "event loop is stuck (WATCHDOG_SECONDS) ends itself with 70.",
    )
    parser.add_argument(
        "--embedded-nats",
        action="store_true",
        help="run a nats-server of our own (in a checkout: pip install '.[demo]'); its files go "
        "to NATS_STORE, or to a directory that is removed at the end",
    )
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="start without TWILIO_AUTH_TOKEN or TOKEN_SECRET: anybody may send audio and read "
        "calls; also brings the stream and the bucket in NATS up to date",
    )
    parser.add_argument(
        "--stop-at-eof",
        action="store_true",
        help="also stop when standard input ends, for a supervisor that holds its other end",
    )
    return parser
