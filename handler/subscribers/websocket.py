"""
``WS /client``: a subscriber reads calls live, with the past and without gaps.

``docs/protocol.md`` is the page that this obeys.
"""

import asyncio
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace

from starlette.websockets import WebSocket, WebSocketDisconnect

from handler.errors import (
    CallRefused,
    EndCode,
    HandlerError,
    InvalidToken,
    SubscriberError,
    TooSlow,
    first_of,
)
from handler.refusals import refusals
from handler.server.allowance import Allowance
from handler.server.sockets import SubscriberSocket
from handler.subscribers import commands
from handler.subscribers.admission import Admission, Subscribers
from handler.subscribers.call_reader import LEAST_PATIENCE, CallReader, read_call
from handler.subscribers.calls_list import ListReader
from handler.subscribers.delivery import CallDelivery, refusal_message
from handler.subscribers.http import refuse
from handler.subscribers.subscriptions import MAX_SUBSCRIPTIONS, Subscriptions
from handler.tokens.grants import Grant

# What a subscriber may say: a subscription to each of so many calls at once, then so many a second.
BURST = 2 * MAX_SUBSCRIPTIONS
MESSAGES_A_SECOND = 20.0
# Questions of a socket whether we are here that are answered at once: pages ask every 2.2 s while
# all is quiet, the client of ours never more than once a second; some more as a reader comes back.
QUESTIONS_AT_ONCE = 10
QUESTIONS_A_SECOND = 1.0
# Calls that are over and may go on all the same: so many a socket awaits, beside what it follows;
# of so many older ones it remembers how far it was.
MAX_OVER = 100
MAX_REMEMBERED = 1000
# How long a close waits for the word that says why to be taken.
FAREWELL_SECONDS = 1.0


class ClientEndpoint:
    """Takes subscribers' websockets."""

    def __init__(self, subscribers: Subscribers) -> None:
        self._subscribers = subscribers

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one websocket."""
        subscribers = self._subscribers
        try:
            grant = await subscribers.access.authenticate(websocket)
            commands.check_names(websocket.query_params, commands.OF_SOCKET)
            first = commands.from_query(websocket.query_params)
            if isinstance(first, commands.Subscribe):
                await subscribers.check_could_be_read(first.call_sid, grant)
            with subscribers.admitted(grant):
                await websocket.accept()
                await Subscriber(subscribers, websocket, grant).serve(first)
        except HandlerError as exc:
            await websocket.send_denial_response(refuse(exc, subscribers, websocket))


class Subscriber:
    """
    One subscriber's socket.

    Its task reads what the subscriber says, and owns one for each subscription. A subscription is
    a cursor into a log that all followers of the call share, so a slow subscriber holds up nobody.
    """

    def __init__(self, subscribers: Subscribers, websocket: WebSocket, grant: Grant) -> None:
        self._shared = subscribers
        self._websocket = websocket
        self._socket = SubscriberSocket(websocket, subscribers.settings.write_timeout)
        self._admission = Admission(subscribers, grant)
        self._tasks = asyncio.TaskGroup()
        self._subscriptions = Subscriptions()
        self._calls: dict[str, _FollowedCall] = {}
        self._numbers: dict[str, _FollowedNumber] = {}
        self._list: ListReader | None = None
        self._renewed: commands.Renew | None = None
        self._over: dict[_FollowedCall, None] = {}  # those that are over; the first comes first
        # The last seq of calls that were over, and are forgotten.
        self._reached: dict[str, int] = {}

    async def serve(self, first: commands.Command | None) -> None:
        """Serve the socket until one side ends it."""
        self._socket.prepare()
        try:
            async with self._admission, self._tasks:
                if first is None:
                    visible = self._shared.calls_list.visible(self._admission.grant)
                    await self._socket.say([call.call_sid for call in visible])
                else:
                    await self._obey(first)
                await self._receive()
        except* SubscriberError as group:
            await self._end(first_of(group))
        except* _CallEnded:
            await self._socket.close(EndCode.CALL_ENDED, "call ended")
        except* WebSocketDisconnect:
            pass  # the subscriber left

    async def _end(self, error: SubscriberError) -> None:
        """Close the socket; what was done wrong is said as a text, too: few see a reason."""
        self._admission.note_end(error)
        if error.code is EndCode.LEAVING and self._has_told_all:
            await self._socket.close(EndCode.CALL_ENDED, "call ended")
            return
        if error.code not in (EndCode.LEAVING, EndCode.TOO_SLOW):
            with suppress(TooSlow, TimeoutError, WebSocketDisconnect):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await self._socket.send(refusal_message(None, error))
        await self._socket.close(error.code, error.reason)

    @property
    def _has_told_all(self) -> bool:
        """Whether it is a plain socket that only waits for calls that have ended to go on."""
        waits = all(followed.wanted.plain and followed.ended for followed in self._calls.values())
        return bool(self._calls) and waits and not self._numbers and self._list is None

    # What the subscriber says

    async def _receive(self) -> None:
        allowance = Allowance(BURST, MESSAGES_A_SECOND, time.monotonic())
        questions = Allowance(QUESTIONS_AT_ONCE, QUESTIONS_A_SECOND, time.monotonic())
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                self._shared.limited += message.get("code") == EndCode.TOO_MUCH
                raise WebSocketDisconnect(message.get("code", 1006))
            if not allowance.spend(time.monotonic()):
                too_many = f"more than {MESSAGES_A_SECOND:g} messages a second"
                raise SubscriberError(EndCode.TOO_MUCH, too_many)
            text = message.get("text")
            if text is None:
                raise SubscriberError(EndCode.BAD_REQUEST, "text only")
            command = commands.parse(text)
            # A late answer is none: whoever asks whether we are here is answered at once, but for
            # who asks more often than anybody needs to.
            is_question = command == self._renewed
            if not (is_question and questions.spend(time.monotonic())):
                await self._shared.wait_to_be_heard(self._admission.grant.bearer)
            if is_question:
                await self._say_until_when()
            else:
                await self._obey(command)

    async def _obey(self, command: commands.Command) -> None:
        self._subscriptions.ended = {sid for sid, call in self._calls.items() if call.ended}
        match command:
            case commands.Subscribe(call_sid):
                self._subscriptions.ask_call(call_sid)
                self._begin(command)
            case commands.SubscribeNumber(number):
                if self._subscriptions.ask_number(number):
                    task = self._tasks.create_task(self._follow_number(command))
                    self._numbers[number] = _FollowedNumber(command, task)
            case commands.Unsubscribe(target):
                self._unsubscribe(target)
            case commands.ListCalls():
                if self._subscriptions.ask_list():
                    self._tasks.create_task(self._send_lists())
                elif self._list is not None:  # else it has not been told yet
                    self._list.repeat()
            case commands.Renew(token):
                await self._renew(token)
                self._renewed = command

    def _unsubscribe(self, target: str) -> None:
        if (number := self._numbers.pop(target, None)) is not None:
            number.task.cancel()
        for call_sid in self._subscriptions.drop(target):
            self._stop(self._calls.pop(call_sid))

    async def _renew(self, token: str) -> None:
        if self._shared.access.open_to_all:
            await self._say_until_when()
            return
        try:
            grant = await self._shared.access.verify(token)
        except InvalidToken as exc:
            refusals.note("renewal refused", EndCode.TOKEN, reason=exc.reason)
            raise SubscriberError(EndCode.TOKEN, "token refused") from exc
        if grant.subject != self._admission.grant.subject:
            refusals.note("renewal refused", EndCode.TOKEN, reason="another sub")
            raise SubscriberError(EndCode.TOKEN, "token refused")
        # All of it before anything is sent: nothing more comes of what is no longer allowed.
        self._admission.renew(grant)
        if self._list is not None:
            self._list.renew(grant)
        refused = self._end_what_is_no_longer_granted()
        for followed in self._numbers.values():
            calls = self._shared.calls_list.of_number(followed.wanted.number)
            self._look_at(followed.wanted, [call.call_sid for call in calls])
        await self._say_until_when()
        for call_sid, error in refused:
            await self._socket.send(refusal_message(call_sid, error))

    async def _say_until_when(self) -> None:
        is_open = self._shared.access.open_to_all
        expires = None if is_open else int(self._admission.grant.expires)
        await self._socket.say({"type": "Token", "exp": expires})

    def _end_what_is_no_longer_granted(self) -> list[tuple[str, CallRefused]]:
        refused = []
        for call_sid, followed in list(self._calls.items()):
            if followed.is_allowed(self._admission.grant):
                continue
            error = CallRefused(EndCode.FORBIDDEN, "the token no longer allows this call")
            if followed.wanted.plain:
                raise error
            self._stop(followed)
            self._forget(followed)
            if not followed.over:
                refused.append((call_sid, error))
        return refused

    # What the subscriber gets

    def _begin(self, wanted: commands.Subscribe) -> None:
        """Follow a call; a second subscription to it replaces the first."""
        if (former := self._calls.pop(wanted.call_sid, None)) is not None:
            self._stop(former)
        followed = self._calls[wanted.call_sid] = _FollowedCall(wanted)
        followed.task = self._tasks.create_task(self._follow(followed))

    async def _follow(self, followed: "_FollowedCall") -> None:
        """Carry one call to the subscriber, and again whenever it goes on after it was over."""
        try:
            while True:
                await self._read(followed)
                if followed.wanted.plain:
                    break
                self._keep_over(followed)
                await self._shared.calls_list.listed(followed.call_sid)
                self._over.pop(followed, None)
        except CallRefused as exc:
            if followed.wanted.plain:
                raise
            self._forget(followed)
            self._admission.note_end(exc)
            await self._socket.send(refusal_message(followed.wanted.call_sid, exc))
            return
        self._forget(followed)
        if self._subscriptions.empty:
            raise _CallEnded

    async def _read(self, followed: "_FollowedCall") -> None:
        """Carry one call to the subscriber, from the first record it wants until it is over."""
        settings, wanted = self._shared.settings, followed.wanted
        if not wanted.plain and settings.await_call_seconds > LEAST_PATIENCE:
            followed.waiting = self._tasks.create_task(self._say_that_it_waits(wanted))
        try:
            async with read_call(
                self._shared.broker,
                wanted,
                lambda: self._admission.grant,
                patience=settings.await_call_seconds,
                pause=settings.pause_seconds,
                unknown_calls=self._shared.unknown_calls,
            ) as reader:
                followed.begin(reader)
                try:
                    await CallDelivery(self._shared, self._socket, wanted).run(reader)
                finally:
                    followed.told_all = reader.ended  # of a call that is left nothing is kept
        finally:
            followed.wait_no_more()
        followed.end(reader)

    async def _say_that_it_waits(self, wanted: commands.Subscribe) -> None:
        """Say how long a call is awaited; of one that is not allowed the same, at the same time."""
        await asyncio.sleep(LEAST_PATIENCE)
        seconds = self._shared.settings.await_call_seconds
        await self._socket.say({"type": "Waiting", "callSid": wanted.call_sid, "seconds": seconds})

    def _keep_over(self, followed: "_FollowedCall") -> None:
        """Await that a call goes on; of the one that is over for longest only remember how far."""
        self._over[followed] = None
        if len(self._over) <= MAX_OVER:
            return
        oldest = next(iter(self._over))
        self._stop(oldest)
        self._forget(oldest)
        self._reached[oldest.wanted.call_sid] = oldest.wanted.since or 0
        if len(self._reached) > MAX_REMEMBERED:
            del self._reached[next(iter(self._reached))]

    def _stop(self, followed: "_FollowedCall") -> None:
        followed.task.cancel()
        self._over.pop(followed, None)

    def _forget(self, followed: "_FollowedCall") -> None:
        """Follow a call no longer, unless another subscription has taken its place."""
        call_sid = followed.wanted.call_sid
        if self._calls.get(call_sid) is followed:
            del self._calls[call_sid]
            self._subscriptions.end(call_sid)

    async def _follow_number(self, wanted: commands.SubscribeNumber) -> None:
        """Subscribe to each call of a number, those that are live and those to come."""
        async with self._shared.calls_list.follow_number(wanted.number) as follower:
            while True:
                self._look_at(wanted, await follower.changed())

    def _look_at(self, wanted: commands.SubscribeNumber, call_sids: Collection[str]) -> None:
        """Follow those calls of a number that are not followed yet, and may be."""
        grant, number = self._admission.grant, wanted.number
        found = map(self._shared.calls_list.get, call_sids)
        live = [call for call in found if call is not None]
        allowed = [
            call.call_sid
            for call in sorted(live, key=lambda call: (call.started_at, call.call_sid))
            if number in (call.from_, call.to)
            and grant.allows(call.call_sid, (call.from_, call.to))
        ]
        for call_sid in self._subscriptions.see(number, call_sids, allowed):
            since = self._reached.get(call_sid, 0)
            self._begin(commands.Subscribe(call_sid, since, wanted.interim))

    async def _send_lists(self) -> None:
        async with self._shared.calls_list.read(self._admission.grant) as self._list:
            while True:
                await self._socket.send(await self._list.newest())


class _CallEnded(Exception):
    """A plain socket has told all of its call."""


@dataclass(slots=True, eq=False)
class _FollowedCall:
    """A call on its way to the subscriber."""

    wanted: commands.Subscribe  # from where it is to be read next
    task: asyncio.Task[None] = field(init=False)
    call_sid: str = ""  # of the call: what is asked for may be a leg of it
    reader: CallReader | None = None  # while it is read: it holds all records of the call
    over: bool = False  # all was told, and it is awaited to go on
    told_all: bool = False  # when it was last read, it had ended, and all of it was told
    waiting: asyncio.Task[None] | None = None  # says so, while nobody knows the call

    @property
    def ended(self) -> bool:
        """Whether the call has ended, for now at least, and all of it was told."""
        return self.over or self.told_all or (self.reader is not None and self.reader.ended)

    def begin(self, reader: CallReader) -> None:
        """Note that the subscriber was let in."""
        self.wait_no_more()
        self.reader, self.over, self.told_all = reader, False, False
        self.call_sid = reader.call_sid

    def wait_no_more(self) -> None:
        """Let nobody say that the call is awaited."""
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None

    def end(self, reader: CallReader) -> None:
        """Note that all was told; should the call go on, it is read from there."""
        self.wanted = replace(self.wanted, since=reader.cursor)
        self.reader, self.over = None, True

    def is_allowed(self, grant: Grant) -> bool:
        """Whether a token allows it, or may turn out to once its numbers are known."""
        call_sid = self.wanted.call_sid
        if self.reader is None:
            return grant.could_allow(call_sid)
        return self.reader.allowed_by(grant)


@dataclass(frozen=True, slots=True)
class _FollowedNumber:
    """A number whose calls begin by themselves."""

    wanted: commands.SubscribeNumber
    task: asyncio.Task[None]
