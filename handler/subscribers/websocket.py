"""
``WS /client``: a subscriber reads calls live, with the past and without gaps.

``docs/protocol.md`` is the page that this obeys.
"""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from handler.errors import (
    Forbidden,
    HandlerError,
    InvalidToken,
    SocketOver,
    SubscriptionRefused,
    TooSlow,
)
from handler.server.sockets import SubscriberSocket
from handler.subscribers import commands
from handler.subscribers.access import calls_message, visible
from handler.subscribers.admission import Subscribers
from handler.subscribers.call_reader import Reading, read_call
from handler.subscribers.http import refusal
from handler.tokens.tokens import Grant

MAX_SUBSCRIPTIONS = 100
# What a subscriber may say: a subscription to each of so many calls at once, then so many a second.
BURST = 2 * MAX_SUBSCRIPTIONS
MESSAGES_A_SECOND = 20.0
# Ended calls of which a socket remembers how far it was: one may be resumed.
MAX_ENDED = 1000

_log = structlog.get_logger()


class ClientEndpoint:
    """Takes subscribers' websockets."""

    def __init__(self, subscribers: Subscribers) -> None:
        self._subscribers = subscribers

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one websocket."""
        subscribers = self._subscribers
        try:
            grant = await subscribers.access.authenticate(websocket)
            first = self._first_command(websocket, grant)
            with subscribers.admitted():
                await websocket.accept()
                await Subscriber(subscribers, websocket, grant).serve(first)
        except HandlerError as exc:
            if isinstance(exc, InvalidToken):
                _log.info("subscriber refused", reason=exc.reason)
            subscribers.refused += 1
            await websocket.send_denial_response(refusal(exc, subscribers))

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


@dataclass(slots=True)
class _Subscription:
    """What a subscriber follows, and the task that carries it."""

    task: asyncio.Task[None]
    plain: bool = False
    asked_for: bool = True  # not begun by a number
    reading: Reading | None = None  # of a call, once the subscriber was let in


class Subscriber:
    """
    One subscriber's socket.

    It owns a task for what the subscriber says and one for each subscription. A subscription is a
    cursor into a log that all followers of the call share, so a slow subscriber holds up nobody;
    one that falls too far behind, or takes nothing for the write timeout, is cut off with 4408.
    """

    def __init__(self, subscribers: Subscribers, websocket: WebSocket, grant: Grant) -> None:
        self._shared = subscribers
        self._websocket = websocket
        self._socket = SubscriberSocket(websocket, subscribers.settings.write_timeout)
        self._grant = grant
        self._renewed = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._subscriptions: dict[str, _Subscription] = {}
        self._ended: dict[str, int] = {}  # calls that ended, and the last seq that was sent of them
        self._allowance = float(BURST)  # messages that the subscriber may send now
        self._counted_at = time.monotonic()

    async def serve(self, first: commands.Command | None) -> None:
        """Serve the socket until one side ends it."""
        self._socket.prepare()
        try:
            async with self._tasks:
                if first is None:
                    sids = [call.call_sid for call in visible(self._shared.broker, self._grant)]
                    await self._send(sids)
                else:
                    await self._obey(first)
                self._tasks.create_task(self._watch_token())
                self._tasks.create_task(self._watch_leaving())
                self._tasks.create_task(self._read())
        except* SocketOver as group:
            over = _first(group)
            if isinstance(over, TooSlow):
                self._shared.too_slow += 1
                _log.info("subscriber cut off: too slow", since=over.since)
            await self._socket.close(over.close_code, over.reason)
        except* WebSocketDisconnect:
            pass  # the subscriber left

    # What the subscriber says

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1006))
            self._count()
            text = message.get("text")
            if text is None:
                raise SocketOver(4400, "text only")
            await self._obey(commands.parse(text))

    def _count(self) -> None:
        """Bound how much a subscriber says."""
        now = time.monotonic()
        earned = (now - self._counted_at) * MESSAGES_A_SECOND
        self._allowance = min(BURST, self._allowance + earned) - 1
        self._counted_at = now
        if self._allowance < 0:
            raise SocketOver(4429, f"more than {MESSAGES_A_SECOND:g} messages a second")

    async def _obey(self, command: commands.Command) -> None:
        match command:
            case commands.Subscribe():
                self._begin(command.call_sid, self._follow(command), plain=command.plain)
            case commands.SubscribeNumber(number):
                if number not in self._subscriptions:
                    self._begin(number, self._follow_number(command))
            case commands.Unsubscribe(target):
                if (subscription := self._subscriptions.pop(target, None)) is not None:
                    subscription.task.cancel()
            case commands.ListCalls():
                if "list" not in self._subscriptions:
                    self._begin("list", self._send_lists())
            case commands.Renew(token):
                await self._renew(token)

    def _begin(
        self,
        target: str,
        carry: Coroutine[Any, Any, None],
        *,
        plain: bool = False,
        asked_for: bool = True,
    ) -> None:
        """Start a subscription; a second one to the same target replaces the first."""
        if (former := self._subscriptions.pop(target, None)) is not None:
            former.task.cancel()
        elif asked_for and self._asked_for >= MAX_SUBSCRIPTIONS:
            carry.close()
            raise SocketOver(4429, f"more than {MAX_SUBSCRIPTIONS} subscriptions")
        task = self._tasks.create_task(carry)
        subscription = _Subscription(task, plain, asked_for)
        self._subscriptions[target] = subscription

        def forget(_: asyncio.Task[None]) -> None:
            if self._subscriptions.get(target) is subscription:
                del self._subscriptions[target]

        task.add_done_callback(forget)

    @property
    def _asked_for(self) -> int:
        """How many subscriptions the subscriber has made; a number's calls begin by themselves."""
        return sum(one.asked_for for one in self._subscriptions.values())

    async def _renew(self, token: str) -> None:
        if self._shared.access.open_to_all:
            await self._send({"type": "Token", "exp": None})
            return
        try:
            grant = await self._shared.access.verify(token)
        except InvalidToken as exc:
            _log.info("renewal refused", reason=exc.reason)
            raise SocketOver(4401, "token refused") from exc
        if grant.subject != self._grant.subject:
            _log.info("renewal refused", reason="another sub")
            raise SocketOver(4401, "token refused")
        self._grant = grant
        self._renewed.set()
        refusals = self._end_what_is_no_longer_granted()
        await self._send({"type": "Token", "exp": int(grant.expires)})
        for refused in refusals:
            await self._send(refused)

    def _end_what_is_no_longer_granted(self) -> list[dict[str, object]]:
        """End all of it before anything is sent; returns what is to be said of each."""
        refusals = []
        for call_sid, subscription in list(self._subscriptions.items()):
            reading = subscription.reading
            if reading is None or self._grant.allows(call_sid, reading.numbers):
                continue
            refused = SubscriptionRefused(4403, "the token no longer allows this call")
            if subscription.plain:
                raise SocketOver(refused.close_code, refused.reason)
            subscription.task.cancel()
            refusals.append(_error(call_sid, refused))
        return refusals

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
        await self._shared.leaving.wait()
        raise SocketOver(1012, "draining: come back with since")

    # What the subscriber hears

    async def _send_lists(self) -> None:
        sent = b""
        async for _ in self._shared.broker.registry.changes():
            message = msgspec.json.encode(calls_message(self._shared.broker, self._grant))
            if message != sent:  # something that the token does not see
                sent = message
                await self._socket.send(message)

    async def _follow_number(self, command: commands.SubscribeNumber) -> None:
        """Subscribe to each call of a number, those that are live and those to come."""
        begun: set[str] = set()
        registry = self._shared.broker.registry
        async for _ in registry.changes():
            live = registry.by_number(command.number)
            begun &= {call.call_sid for call in live}
            for call in live:
                if call.call_sid in self._subscriptions:
                    begun.add(call.call_sid)  # the subscriber asked for it itself
                if call.call_sid not in begun and self._grant.allows(
                    call.call_sid, (call.from_, call.to)
                ):
                    begun.add(call.call_sid)
                    since = self._ended.get(call.call_sid, 0)
                    subscribe = commands.Subscribe(call.call_sid, since, command.interim)
                    self._begin(call.call_sid, self._follow(subscribe), asked_for=False)

    async def _follow(self, command: commands.Subscribe) -> None:
        """Carry one call to the subscriber, from the first record it wants to the last."""
        call_sid = command.call_sid
        patience = self._shared.settings.await_call_seconds
        try:
            async with read_call(
                self._shared.broker, command, lambda: self._grant, patience=patience
            ) as reading:
                subscription = self._subscriptions[call_sid]
                subscription.reading = reading
                await reading.check_since()
                try:
                    await self._deliver(command, reading)
                finally:
                    self._shared.skipped_interims += reading.skipped_interims
        except SubscriptionRefused as exc:
            if command.plain:
                raise SocketOver(exc.close_code, exc.reason) from exc
            await self._send(_error(call_sid, exc))
            return
        self._ended[call_sid] = reading.told
        if len(self._ended) > MAX_ENDED:
            del self._ended[next(iter(self._ended))]
        if self._subscriptions.get(call_sid) is subscription:
            del self._subscriptions[call_sid]
        if command.plain and not self._subscriptions:
            raise SocketOver(1000, "call ended")

    async def _deliver(self, command: commands.Subscribe, reading: Reading) -> None:
        """Pass payloads on; in JSON say where the past lies, and when it has been told."""
        if (expired := reading.expired) is not None:
            await self._send(expired)
        last = reading.last
        names = {"callSid": command.call_sid}
        if not command.plain:
            told = {"type": "Subscribed", **names, "first": reading.first, "last": last}
            await self._send(told)
        behind = not command.plain
        if behind and (command.since is None or command.since >= last):
            behind = False
            await self._send({"type": "CaughtUp", **names, "seq": last})
        async for delivery in reading:
            await self._send_to(reading, delivery.payload)
            if behind and delivery.seq is not None and delivery.seq >= last:
                behind = False
                await self._send({"type": "CaughtUp", **names, "seq": delivery.seq})

    async def _send_to(self, reading: Reading, payload: bytes) -> None:
        """Send a message of a call; a subscriber that is too slow is told where to resume."""
        self._shared.deliveries += 1
        try:
            kept_up = await self._socket.send(payload)
        except TooSlow:
            raise TooSlow(reading.told) from None
        if not kept_up:
            reading.check_pace()

    async def _send(self, message: object) -> None:
        await self._socket.send(msgspec.json.encode(message))


def _error(call_sid: str, refused: SubscriptionRefused) -> dict[str, object]:
    return {
        "type": "Error",
        "code": refused.close_code,
        "callSid": call_sid,
        "message": refused.reason,
    }


def _first(group: BaseExceptionGroup[SocketOver]) -> SocketOver:
    """Return the first error of a group, however deep it lies."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
