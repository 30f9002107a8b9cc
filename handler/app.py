"""The application: routes and lifespan, the one place where the parts are put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from broker.connection import Broker
from broker.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from handler.calls import Calls
from handler.client import ClientEndpoint, authenticate, calls_message
from handler.config import Settings
from handler.errors import InvalidToken
from handler.media import MediaEndpoint
from handler.metrics import Metrics, Snapshot

# Between a call's last record and the word that we are leaving: time for it to reach subscribers.
LAST_RECORDS_SECONDS = 0.3

_log = structlog.get_logger()


class Service:
    """The running parts of one process: its broker, its calls, its endpoints."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.leaving = asyncio.Event()
        self.broker: Broker
        self.calls: Calls
        self.nats: EmbeddedServer | None = None
        self.metrics = Metrics(self._snapshot)
        self._subscribers = 0
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Start the parts; NATS need not be there yet."""
        settings = self.settings
        servers = settings.nats_urls
        if settings.embedded_nats:
            self.nats = await self._stack.enter_async_context(
                EmbeddedServer(directory=settings.nats_store)
            )
            servers = (self.nats.url,)
        self.broker = await self._stack.enter_async_context(
            Broker(
                BrokerSettings(
                    servers=servers,
                    instance=settings.instance,
                    prefix=settings.subject_prefix,
                    credentials=settings.nats_credentials,
                    provision=settings.embedded_nats or settings.insecure,
                    replicas=settings.nats_replicas,
                    retention=settings.retention,
                    max_bytes=settings.max_bytes,
                    lease_ttl=round(settings.lease_seconds),
                    lease_refresh=settings.lease_seconds / 4,
                    # A lease that was only late to be renewed must not end a call.
                    grace=max(settings.resume_seconds, settings.lease_seconds / 2),
                )
            )
        )
        self.calls = await self._stack.enter_async_context(
            Calls(settings, self.broker, note_delay=self.metrics.speech_to_published.observe)
        )
        if settings.metrics_port is not None:
            self._stack.callback(self.metrics.serve(settings.host, settings.metrics_port))

    async def close(self) -> None:
        """End the parts, in the reverse order."""
        await self._stack.aclose()

    async def embedded_nats_died(self) -> None:
        """Return when our own nats-server has ended: there is none to wait for, as elsewhere."""
        await (self.nats.died if self.nats is not None else asyncio.Event()).wait()

    async def drain(self) -> None:
        """Take nothing new, let calls end or flush their tails, tell subscribers to come back."""
        await self.calls.drain()
        await self.broker.flush()
        await asyncio.sleep(LAST_RECORDS_SECONDS)
        self.leaving.set()
        # One turn for each socket to send its close frame before the server cuts it.
        await asyncio.sleep(LAST_RECORDS_SECONDS)

    async def twilio(self, websocket: WebSocket) -> None:
        """``WS /twilio``: a media stream comes in."""
        await MediaEndpoint(self.settings, self.calls).serve(websocket)

    async def client(self, websocket: WebSocket) -> None:
        """``WS /client``: a subscriber reads calls live."""
        self._subscribers += 1
        try:
            await ClientEndpoint(self.settings, self.broker, self.leaving).serve(websocket)
        finally:
            self._subscribers -= 1

    async def list_calls(self, request: Request) -> Response:
        """``GET /calls``: the live calls that the token may see."""
        try:
            grant = authenticate(request, self.settings)
        except InvalidToken as exc:
            _log.info("request refused", path=request.url.path, reason=exc.reason)
            return PlainTextResponse("unauthorized", 401, {"WWW-Authenticate": "Bearer"})
        headers = {"Cache-Control": "no-store"}
        return JSONResponse(calls_message(self.broker, grant), headers=headers)

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            calls=len(self.calls),
            capacity=self.settings.max_calls,
            audio=self.calls.audio,
            outbox_depth=self.calls.outbox_depth,
            outbox_dropped=self.calls.outbox_dropped,
            subscribers=self._subscribers,
            followed_calls=len(self.broker.feeds),
            nats_connected=self.broker.connected,
        )

    async def healthz(self, _: Request) -> Response:
        """``GET /healthz``: the event loop answers."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _: Request) -> Response:
        """
        ``GET /readyz``: may this process take new sockets?

        Losing NATS later changes nothing: every instance would leave the pool at once.
        """
        if self.calls.draining:
            return PlainTextResponse("draining\n", 503)
        if not self.broker.ready:
            return PlainTextResponse("waiting for NATS\n", 503)
        if self.calls.full:
            return PlainTextResponse("full\n", 503)
        return PlainTextResponse("ready\n")


def create_app(settings: Settings) -> Starlette:
    """Make the application; its :class:`Service` is at ``app.state.service``."""
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await service.open()
        try:
            yield
        finally:
            await service.close()

    app = Starlette(
        lifespan=lifespan,
        routes=[
            WebSocketRoute("/twilio", service.twilio),
            WebSocketRoute("/client", service.client),
            Route("/calls", service.list_calls),
            Route("/healthz", service.healthz),
            Route("/readyz", service.readyz),
        ],
    )
    app.state.service = service
    return app
