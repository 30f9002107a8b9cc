"""The application: routes and lifespan, the one place where the parts are put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from broker.broker import Broker
from broker.observer import Observers
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from handler.calls.drain import drain
from handler.calls.endpoint import MediaEndpoint
from handler.calls.live_calls import LiveCalls
from handler.calls.relocator import Relocator
from handler.calls.restarter import Restarter
from handler.calls.status_callbacks import StatusCallbacks
from handler.calls.stream_requests import StreamRequests
from handler.calls.tickets import Tickets
from handler.calls.voice import VoiceWebhook
from handler.config import Settings
from handler.deepgram.connection import Dialer
from handler.deepgram.start_check import StartCheck
from handler.deepgram.timing import Timing
from handler.front_door import CLIENT, METHODS, Advice, Cors, FrontDoor
from handler.metrics import Metrics
from handler.page.page import Page
from handler.roles import Role
from handler.server.loop_delay import LoopDelay
from handler.server.vitals import Vitals
from handler.subscribers import commands
from handler.subscribers.access import Access
from handler.subscribers.admission import Subscribers
from handler.subscribers.calls_list import CallsList
from handler.subscribers.event_stream import EventsEndpoint
from handler.subscribers.http import private_route
from handler.subscribers.transcript import TranscriptEndpoint
from handler.subscribers.websocket import ClientEndpoint
from handler.task_protection import TaskProtection
from handler.tokens.grants import Grant
from handler.tracing import tracing
from handler.twilio.accounts import Account, Accounts
from handler.twilio.accounts_watch import AccountsWatch
from handler.twilio.forms import Form
from handler.twilio.places import TWILIO
from handler.twilio.rest import RestClient
from handler.twilio.webhooks import OF_ACCOUNT, Webhooks

# Between a call's last record and the word that we are leaving: time for it to reach subscribers.
LAST_RECORDS_SECONDS = 0.3
# Subscribers come back at once, to the containers that are left: each is sent away so much later
# than the one before, but all of them within so long, and in less if the drain has taken its time.
SPREAD_SECONDS = 0.02
LONGEST_SPREAD_SECONDS, SHORTEST_SPREAD_SECONDS = 2.0, 0.5

_log = structlog.get_logger()


class Service:
    """The running parts of one process: its broker, its calls, its endpoints."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.is_open = False  # once all of its parts are there
        self.leaving = asyncio.Event()
        self.broker: Broker
        self.calls: LiveCalls
        self.status_callbacks: StatusCallbacks
        self.tickets: Tickets
        self.relocator: Relocator
        self.restarter: Restarter
        self.task_protection: TaskProtection
        self.subscribers: Subscribers
        self.access = Access(settings)
        self.accounts = Accounts.of(settings)
        self.rest = RestClient(self.accounts, settings.twilio_api_url)
        self.nats: EmbeddedServer | None = None
        self.vitals = Vitals()
        self.metrics = Metrics(self)
        self.rest.note_duration = self.metrics.twilio_requests.observe
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Start the parts; NATS need not be there yet. When one cannot start, all are closed."""
        async with AsyncExitStack() as stack:
            await self._open(stack)
            self._stack = stack.pop_all()

    async def _open(self, stack: AsyncExitStack) -> None:
        settings = self.settings
        # First: a port that is taken is found out before anything else begins.
        if settings.metrics_port is not None:
            stack.callback(self.metrics.serve(settings.host, settings.metrics_port))
        stack.enter_context(LoopDelay(self.metrics.loop_delay.observe))
        if settings.twilio_accounts is not None:
            watch = AccountsWatch(settings.twilio_accounts, self.accounts)
            await stack.enter_async_context(watch)
        stack.push_async_callback(self.rest.close)
        traces = await stack.enter_async_context(tracing(settings))
        servers = settings.nats_urls
        if settings.embedded_nats:
            self.nats = await stack.enter_async_context(
                EmbeddedServer(directory=settings.nats_store)
            )
            servers = (self.nats.url,)
        self.broker = await stack.enter_async_context(
            Broker(
                _broker_settings(settings, servers),
                observer=Observers(self.metrics, traces),
            )
        )
        self.calls = await stack.enter_async_context(LiveCalls(settings, self.broker))
        self.task_protection = await stack.enter_async_context(
            TaskProtection(settings.ecs_agent_uri, lambda: bool(self.calls.carried))
        )
        self.calls.note_change = self.task_protection.note
        self.status_callbacks = StatusCallbacks(self.broker)
        self.tickets = await stack.enter_async_context(Tickets(settings, self.broker))
        requests = StreamRequests(
            settings, self.tickets, self.accounts, self.rest, self.broker.restarts
        )
        self.relocator = await stack.enter_async_context(
            Relocator(
                settings,
                self.calls,
                requests,
                self.accounts,
                self.rest,
                self.broker.wishes,
            )
        )
        self.relocator.note_duration = self.metrics.moves.observe
        self.restarter = await stack.enter_async_context(
            Restarter(self.broker, self.calls, requests, self.rest)
        )
        self.status_callbacks.note_stream = self.restarter.hear
        if Role.MEDIA in settings.roles:
            dialer = Dialer(settings, self.calls.breaker, Timing())
            await stack.enter_async_context(StartCheck(dialer, self.calls.breaker))
        stack.push_async_callback(self.access.close)
        calls_list = await stack.enter_async_context(CallsList(self.broker.registry))
        self.subscribers = Subscribers(settings, self.broker, calls_list, self.access, self.leaving)
        self.is_open = True

    async def close(self) -> None:
        """End the parts, in the reverse order."""
        await self._stack.aclose()

    async def embedded_nats_died(self) -> None:
        """Return when our own nats-server has ended: there is none to wait for, as elsewhere."""
        await (self.nats.died if self.nats is not None else asyncio.Event()).wait()

    async def drain(self) -> None:
        """Take nothing new, let calls end or flush their tails, tell subscribers to come back."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.settings.drain_seconds
        await drain(self.calls, self.relocator, self.settings.drain_seconds)
        await self.broker.flush()
        readers = self.subscribers.places.taken
        if not readers:  # nobody is to be told anything
            self.leaving.set()
            return
        await asyncio.sleep(LAST_RECORDS_SECONDS)
        left = max(SHORTEST_SPREAD_SECONDS, end - loop.time())
        spread = min(LONGEST_SPREAD_SECONDS, left, readers * SPREAD_SECONDS)
        self.subscribers.ends.spread_seconds = spread
        self.leaving.set()
        # One turn for each socket to send its close frame before the server cuts it.
        await asyncio.sleep(spread + LAST_RECORDS_SECONDS)

    async def twilio(self, websocket: WebSocket) -> None:
        """``WS /twilio``: a media stream comes in."""
        endpoint = MediaEndpoint(self.settings, self.accounts, self.calls, self.tickets)
        await endpoint.serve(websocket)

    async def voice(self, form: Form, account: Account, request: Request) -> Response:
        """``POST /twilio/voice``: what to do with a call."""
        return await VoiceWebhook(self.settings, self.calls, self.tickets).answer(
            form, account, request
        )

    async def status(self, form: Form, account: Account, _: Request) -> Response:
        """``POST /twilio/status``: what became of a call, or of its media stream."""
        return await self.status_callbacks.serve(form, account)

    async def client(self, websocket: WebSocket) -> None:
        """``WS /client``: a subscriber reads calls live."""
        await ClientEndpoint(self.subscribers).serve(websocket)

    async def list_calls(self, _: Request, grant: Grant) -> Response:
        """``GET /calls``: the live calls that the token may see."""
        message = self.subscribers.calls_list.message(grant)
        return Response(message, media_type="application/json")

    async def list_events(self, request: Request, grant: Grant) -> Response:
        """``GET /calls/events``: the same, at each change."""
        return await EventsEndpoint(self.subscribers).calls(request, grant)

    async def call_events(self, request: Request, grant: Grant) -> Response:
        """``GET /calls/{callSid}/events``: a call, live."""
        return await EventsEndpoint(self.subscribers).call(request, grant)

    async def transcript(self, request: Request, grant: Grant) -> Response:
        """``GET /calls/{callSid}/transcript.{form}``: a call so far."""
        return await TranscriptEndpoint(self.subscribers).serve(request, grant)

    async def healthz(self, _: Request) -> Response:
        """``GET /healthz``: the event loop answers."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _: Request) -> Response:
        """
        ``GET /readyz``: may this process take new sockets?

        Losing NATS later changes nothing: every instance would leave the pool at once. Nor does a
        last place that is promised, or a call of ours that waits for its next stream: that comes by
        the balancer, which brings nothing to whoever is not ready.
        """
        if self.calls.draining:
            return PlainTextResponse("draining\n", 503)
        if self.broker.problem is not None and not self.broker.ready:
            return PlainTextResponse("NATS is not as it must be: the log says why\n", 503)
        if not self.broker.ready:
            return PlainTextResponse("waiting for NATS\n", 503)
        if (refusal := self.calls.refusal()) is not None:
            return PlainTextResponse(f"{refusal}\n", 503)
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

    advice = Advice(settings.public_url)
    # Tokens come in the address or in a header, never in a cookie: a page that has none gets none.
    # And nothing is done because of another header, so that any may be sent: libraries add theirs.
    cors = Middleware(
        Cors,
        allow_origins=service.access.origins,
        allow_methods=METHODS,
        allow_headers=["*"],
        allow_private_network=True,
        expose_headers=["Content-Disposition"],
        max_age=600,
    )
    app = Starlette(
        lifespan=lifespan,
        routes=_routes(service, advice),
        middleware=[Middleware(FrontDoor, advice=advice, roles=settings.roles), cors],
        exception_handlers={HTTPException: advice.http_error},
    )
    app.state.service = service
    return app


def _broker_settings(settings: Settings, servers: tuple[str, ...]) -> BrokerSettings:
    return BrokerSettings(
        servers=servers,
        instance=settings.instance,
        prefix=settings.subject_prefix,
        credentials=settings.nats_credentials,
        authorities=settings.nats_authorities,
        provision=settings.embedded_nats or settings.insecure,
        shards=settings.nats_shards,
        replicas=settings.nats_replicas,
        retention=settings.retention,
        max_bytes=settings.max_bytes,
        lease_ttl=round(settings.lease_seconds),
        lease_refresh=settings.lease_seconds / 4,
        # A lease that was only late to be renewed must not end a call.
        grace=max(settings.resume_seconds, settings.lease_seconds / 2),
    )


def _routes(service: Service, advice: Advice) -> list[BaseRoute]:
    private = {
        "/calls": (service.list_calls, commands.OF_LIST),
        "/calls/events": (service.list_events, commands.OF_LIST),
        "/calls/{call_sid}/events": (service.call_events, commands.OF_EVENTS),
        "/calls/{call_sid}/transcript.{form}": (service.transcript, commands.OF_TRANSCRIPT),
    }
    webhooks = Webhooks(service.settings, service.accounts)
    return [
        *webhooks.routes("voice", service.voice),
        *webhooks.routes("status", service.status),
        WebSocketRoute(TWILIO, service.twilio),
        WebSocketRoute(f"{TWILIO}/{OF_ACCOUNT}", service.twilio),
        WebSocketRoute(CLIENT, service.client),
        WebSocketRoute("/{path:path}", advice.no_such_socket),
        *(private_route(path, service, *handle) for path, handle in private.items()),
        Route("/healthz", service.healthz),
        Route("/readyz", service.readyz),
        Route("/{path:path}", Page(service.settings.frame_ancestors)),
    ]
