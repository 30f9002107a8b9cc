"""
``WS /client``: a subscriber reads calls live, with the past and without gaps.

``docs/protocol.md`` is the page that this obeys.
"""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from broker.connection import Broker
from broker.follow import Follower
from broker.registry import CallEntry
from handler import commands, tokens
from handler.config import Settings
from handler.errors import Forbidden, InvalidToken, SocketOver, SubscriptionRefused
from handler.sockets import close
from handler.tokens import Grant

# An application knows the callSid before the media stream opens, so an unknown call is awaited.
UNKNOWN_CALL_SECONDS = 30.0
MAX_SUBSCRIPTIONS = 100

_log = structlog.get_logger()


def authenticate(connection: HTTPConnection, settings: Settings) -> Grant:
    """
    Return what the token of a request allows: ``?token=`` or ``Authorization: Bearer``.

    Raises:
        InvalidToken: there is none, more than one, or it opens nothing.
    """
    found = connection.query_params.getlist("token")
    scheme, _, credentials = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found = [*found, credentials.strip()]
    if not settings.token_keys:
        return tokens.EVERYTHING  # --insecure
    if len(found) != 1:
        raise InvalidToken("no token" if not found else "more than one token")
    return tokens.verify(found[0], settings.token_keys, time.time())


def visible(broker: Broker, grant: Grant) -> list[CallEntry]:
    """Return the live calls that a token may see, oldest first."""
    calls = broker.registry.calls().values()
    allowed = [call for call in calls if grant.allows(call.call_sid, (call.from_, call.to))]
    return sorted(allowed, key=lambda call: (call.started_at, call.call_sid))


def calls_message(broker: Broker, grant: Grant) -> dict[str, Any]:
    """Return the ``Calls`` message: what ``GET /calls`` answers."""
    return {
        "type": "Calls",
        "calls": [
            {
                "callSid": call.call_sid,
                "from": call.from_,
                "to": call.to,
                "direction": call.direction,
                "startedAt": call.started_at,
                "state": call.state,
            }
            for call in visible(broker, grant)
        ],
    }


class ClientEndpoint:
    """Takes subscribers' websockets."""

    def __init__(self, settings: Settings, broker: Broker, leaving: asyncio.Event) -> None:
        self._settings = settings
        self._broker = broker
        self._leaving = leaving  # set when subscribers are to come back elsewhere

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one websocket."""
        try:
            grant = authenticate(websocket, self._settings)
            first = self._first_command(websocket, grant)
        except InvalidToken as exc:
            _log.info("subscriber refused", reason=exc.reason)
            refusal = PlainTextResponse("unauthorized", 401, {"WWW-Authenticate": "Bearer"})
            await websocket.send_denial_response(refusal)
        except Forbidden:
            await websocket.send_denial_response(PlainTextResponse("forbidden", 403))
        except SocketOver as exc:
            await websocket.send_denial_response(PlainTextResponse(exc.reason, 400))
        else:
            if self._leaving.is_set():
                await websocket.send_denial_response(PlainTextResponse("draining", 503))
                return
            await websocket.accept()
            subscriber = Subscriber(self._settings, self._broker, self._leaving, websocket, grant)
            await subscriber.serve(first)

    def _first_command(self, websocket: WebSocket, grant: Grant) -> commands.Command | None:
        """Read what the query subscribes to."""
        query = websocket.query_params
        since = commands.since(query.get("since", "0"))
        interim = query.get("interim", "true") != "false"
        if call := query.get("call"):
            call_sid = commands.call_sid(call)
            if not grant.could_allow(call_sid):
                raise Forbidden
            return commands.Subscribe(call_sid, since, interim, plain=True)
        if number := query.get("number"):
            return commands.SubscribeNumber(commands.number(number), interim)
        return None


class Subscriber:
    """
    One subscriber's socket.

    It owns a task for what the subscriber says and one for each subscription. A subscription is a
    cursor into a log that all followers of the call share, so a slow subscriber holds up nobody;
    one that takes nothing for ``write_timeout`` seconds is cut off with 4408.
    """

    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        leaving: asyncio.Event,
        websocket: WebSocket,
        grant: Grant,
    ) -> None:
        self._settings = settings
        self._broker = broker
        self._leaving = leaving
        self._websocket = websocket
        self._grant = grant
        self._renewed = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._subscriptions: dict[str, asyncio.Task[None]] = {}
        self._plain: set[str] = set()  # calls whose end is the end of a plain socket

    async def serve(self, first: commands.Command | None) -> None:
        """Serve the socket until one side ends it."""
        try:
            async with self._tasks:
                if first is None:
                    sids = [call.call_sid for call in visible(self._broker, self._grant)]
                    await self._send(sids)
                else:
                    await self._obey(first)
                self._tasks.create_task(self._watch_token())
                self._tasks.create_task(self._watch_leaving())
                self._tasks.create_task(self._read())
        except* SocketOver as group:
            over = _first(group)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.write_timeout):
                    await close(self._websocket, over.close_code, over.reason)
        except* WebSocketDisconnect:
            pass  # the subscriber left

    # What the subscriber says

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1006))
            text = message.get("text")
            if text is None:
                raise SocketOver(4400, "text only")
            await self._obey(commands.parse(text))

    async def _obey(self, command: commands.Command) -> None:
        match command:
            case commands.Subscribe():
                self._begin(command.call_sid, self._follow(command))
                if command.plain:
                    self._plain.add(command.call_sid)
            case commands.SubscribeNumber(number):
                if number not in self._subscriptions:
                    self._begin(number, self._follow_number(command))
            case commands.Unsubscribe(target):
                self._plain.discard(target)
                if task := self._subscriptions.pop(target, None):
                    task.cancel()
            case commands.ListCalls():
                if "list" not in self._subscriptions:
                    self._begin("list", self._send_lists())
            case commands.Renew(token):
                await self._renew(token)

    def _begin(self, target: str, subscription: Coroutine[Any, Any, None]) -> None:
        """Start a subscription; a second one to the same target replaces the first."""
        if (former := self._subscriptions.pop(target, None)) is not None:
            former.cancel()
        elif len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            subscription.close()
            raise SocketOver(4429, f"more than {MAX_SUBSCRIPTIONS} subscriptions")
        task = self._tasks.create_task(subscription)
        self._subscriptions[target] = task

        def forget(_: asyncio.Task[None]) -> None:
            if self._subscriptions.get(target) is task:
                del self._subscriptions[target]

        task.add_done_callback(forget)

    async def _renew(self, token: str) -> None:
        if not self._settings.token_keys:
            await self._send({"type": "Token", "exp": None})  # --insecure
            return
        try:
            grant = tokens.verify(token, self._settings.token_keys, time.time())
        except InvalidToken as exc:
            _log.info("renewal refused", reason=exc.reason)
            raise SocketOver(4401, "token refused") from exc
        if grant.subject != self._grant.subject:
            raise SocketOver(4401, "token refused")
        self._grant = grant
        self._renewed.set()
        await self._send({"type": "Token", "exp": int(grant.expires)})

    async def _watch_token(self) -> None:
        """End the socket when its token does."""
        while True:
            self._renewed.clear()
            left = self._grant.expires - time.time()
            try:
                async with asyncio.timeout(None if left == float("inf") else max(0.0, left)):
                    await self._renewed.wait()
            except TimeoutError:
                raise SocketOver(4401, "token expired") from None

    async def _watch_leaving(self) -> None:
        """End the socket when this process leaves; the last records went out before."""
        await self._leaving.wait()
        raise SocketOver(1012, "draining: come back with since")

    # What the subscriber hears

    async def _send_lists(self) -> None:
        async for _ in self._broker.registry.changes():
            await self._send(calls_message(self._broker, self._grant))

    async def _follow_number(self, command: commands.SubscribeNumber) -> None:
        """Subscribe to each call of a number, those that are live and those to come."""
        begun: set[str] = set()
        async for _ in self._broker.registry.changes():
            for call in self._broker.registry.by_number(command.number):
                if call.call_sid in self._subscriptions:
                    begun.add(call.call_sid)  # the subscriber asked for it itself
                if call.call_sid not in begun and self._grant.allows(
                    call.call_sid, (call.from_, call.to)
                ):
                    begun.add(call.call_sid)
                    subscribe = commands.Subscribe(call.call_sid, 0, command.interim)
                    self._begin(call.call_sid, self._follow(subscribe))

    async def _follow(self, command: commands.Subscribe) -> None:
        """Carry one call to the subscriber, from the first record it wants to the last."""
        try:
            async with self._broker.feeds.follow(
                command.call_sid, since=command.since, interim=command.interim
            ) as follower:
                await self._admit(command, follower)
                if command.plain:
                    async for delivery in follower:
                        await self._send_text(delivery.payload.decode())
                else:
                    await self._deliver_in_json(command, follower)
        except SubscriptionRefused as exc:
            if command.plain:
                raise SocketOver(exc.close_code, exc.reason) from exc
            await self._send(
                {
                    "type": "Error",
                    "code": exc.close_code,
                    "callSid": command.call_sid,
                    "message": exc.reason,
                }
            )
            return
        if command.plain:
            self._plain.discard(command.call_sid)
            if not self._plain:
                raise SocketOver(1000, "call ended")

    async def _admit(self, command: commands.Subscribe, follower: Follower) -> None:
        """
        Let a subscriber in once the call is known and the token allows it.

        Unknown and not allowed look alike, in answer and in time: nobody learns what exists.
        """
        if not self._grant.could_allow(command.call_sid):
            raise SubscriptionRefused(4403, "the token can never see this call")
        await follower.synced()  # while NATS is away nobody can say what exists
        try:
            async with asyncio.timeout(UNKNOWN_CALL_SECONDS):
                await follower.known()
                if not self._grant.allows(command.call_sid, self._numbers(follower)):
                    await asyncio.Event().wait()
        except TimeoutError:
            raise SubscriptionRefused(4404, "no such call") from None
        if command.since is not None and command.since > follower.last:
            raise SubscriptionRefused(4400, f"since is beyond the last record, {follower.last}")
        if follower.expired_first is not None:
            await self._send(
                {"type": "Expired", "callSid": command.call_sid, "first": follower.expired_first}
            )

    def _numbers(self, follower: Follower) -> tuple[str | None, str | None]:
        if follower.started is None:
            return None, None
        return follower.started.get("from"), follower.started.get("to")

    async def _deliver_in_json(self, command: commands.Subscribe, follower: Follower) -> None:
        """Pass payloads on, and say where the past lies and when it has been told."""
        first, last = follower.first, follower.last
        names = {"callSid": command.call_sid}
        await self._send({"type": "Subscribed", **names, "first": first, "last": last})
        behind = command.since is not None and command.since < last
        if not behind:
            await self._send({"type": "CaughtUp", **names, "seq": last})
        async for delivery in follower:
            await self._send_text(delivery.payload.decode())
            if behind and delivery.seq is not None and delivery.seq >= last:
                behind = False
                await self._send({"type": "CaughtUp", **names, "seq": delivery.seq})

    async def _send(self, message: object) -> None:
        await self._send_text(msgspec.json.encode(message).decode())

    async def _send_text(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._settings.write_timeout):
                await self._websocket.send_text(text)
        except TimeoutError:
            raise SocketOver(4408, "too slow: come back with since") from None


def _first(group: BaseExceptionGroup[SocketOver]) -> SocketOver:
    """Return the first error of a group, however deep it lies."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
