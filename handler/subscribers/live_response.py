"""
Responses that go on until one side ends them: event streams, and captions that grow.

Each is a subscriber, as a websocket is: counted, cut off when it is too slow, ended with its token.
"""

import asyncio
from abc import abstractmethod
from asyncio import TaskGroup
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, nullcontext, suppress
from types import MappingProxyType

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from broker import durations
from handler.errors import AlreadyComplete, HandlerError, SubscriberError, TooSlow, first_of
from handler.server.connection import CONNECTION
from handler.server.http_protocol import HttpProtocol
from handler.server.sockets import MESSAGES_A_TURN
from handler.subscribers.admission import Admission, Subscribers
from handler.subscribers.call_reader import LEAST_PATIENCE
from handler.subscribers.http import PRIVATE, refuse
from handler.tokens.grants import Grant

# Each proxy's idle limit is longer.
HEARTBEAT_SECONDS = 15.0
AWAY = "NATS cannot be reached: what there is of this call comes when it is back"
AWAITED = "nobody knows this call yet: it is awaited for {}"


class LiveResponse(Response):
    """
    A response that is sent piece by piece, as things happen.

    Its task sends, and owns one that waits for the subscriber to go, and shows meanwhile that the
    line is alive. What :meth:`pieces` raises before its first piece is answered with a status. A
    request for the head alone goes the same way, as far as the head.

    Attributes:
        goes_on: Whether it goes on until something ends it, and with its token at the latest; what
            is whole is read to its end.
        found: Whether what is asked for is there: else it is awaited, in the lobby.
        opening: What comes before the first piece.
        heartbeat: What means nothing.
        more_headers: Of the response, beside those of all.
    """

    goes_on = True
    found = True
    opening = b""
    heartbeat = b""
    more_headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, subscribers: Subscribers, grant: Grant) -> None:
        super().__init__()
        self.shared = subscribers
        self.admission = Admission(subscribers, grant)
        self._started = False
        self._head_alone = False
        self._sent = 0

    @abstractmethod
    def pieces(self) -> AsyncGenerator[bytes]:
        """Yield what is to be sent; when it ends, so does the response."""

    def note_found(self) -> None:
        """Wait no longer: what is asked for is there, and who asks is let in."""
        self.found = True
        if self._started and self._connection is not None:
            self._connection.limit_buffer()

    def aside(self, words: str) -> bytes:
        """Return words to who reads along, as no part of what was asked for."""
        raise NotImplementedError

    def farewell(self, error: SubscriberError) -> bytes:
        """Return what the subscriber is told at an end that is not the call's."""
        del error
        return b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as ASGI has it."""
        self._send_message = send
        connection = scope.get("extensions", {}).get(CONNECTION)
        self._connection = connection if isinstance(connection, HttpProtocol) else None
        self._head_alone = scope["method"] == "HEAD"
        try:
            with self.shared.admitted(self.admission.grant):
                await self._serve(receive)
                await self._end()
        except TooSlow as exc:
            self.admission.note_end(exc)
            await self._cut_off(receive)
        except HandlerError as exc:
            await self._refuse_or_end(exc, scope, receive, send)

    async def _serve(self, receive: Receive) -> None:
        try:
            async with self.admission if self.goes_on else nullcontext(), TaskGroup() as tasks:
                beside = tasks.create_task(self._accompany(receive))
                async with aclosing(self.pieces()) as pieces:
                    async for piece in pieces:
                        await self._send(piece)
                beside.cancel()
                return
        except BaseExceptionGroup as group:
            error = first_of(group)
            group.__traceback__ = None  # its frames hold the group
        # Raised here, it does not hold the group; and this frame, which it holds, does not hold it.
        # Else each that is refused would stay until Python collects rings.
        try:
            if not isinstance(error, _PeerLeft | _HeadSent):
                raise error
        finally:
            del error

    async def _send(self, piece: bytes) -> None:
        if not self._started:
            await self._start()
        if self._head_alone:
            raise _HeadSent
        self._sent += 1
        if self._sent % MESSAGES_A_TURN == 0:
            await asyncio.sleep(0)
        if self._connection is None:
            await self._write({"type": "http.response.body", "body": piece, "more_body": True})
            return
        try:
            if not self._connection.write(piece):
                async with asyncio.timeout(self.shared.settings.write_timeout):
                    await self._connection.drained()
        except TimeoutError:
            raise TooSlow from None
        except ClientDisconnected:
            raise _PeerLeft from None

    @property
    def write(self) -> Callable[[bytes], object] | None:
        """
        What writes a piece that is a chunk already, if :meth:`keeps_up`; None if nothing does.

        Only while the next of :meth:`pieces` is awaited: all before it were sent.
        """
        return None if self._connection is None else self._connection.transport.write

    def keeps_up(self, more: int) -> bool:
        """Whether chunks of so many bytes may be written at once: the peer takes what it gets."""
        return self._connection is not None and self._connection.keeps_up(more)

    async def _write(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self.shared.settings.write_timeout):
                await self._send_message(message)
        except TimeoutError:
            raise TooSlow from None

    async def _start(self) -> None:
        self._started = True
        if self.found:
            self.note_found()
        headers = {**PRIVATE, "Content-Type": str(self.media_type), "X-Accel-Buffering": "no"}
        headers |= self.more_headers
        if self._head_alone:  # which is all before we are done: another request would be too early
            headers["Connection"] = "close"
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self._write({"type": "http.response.start", "status": 200, "headers": raw})
        await self._write({"type": "http.response.body", "body": self.opening, "more_body": True})

    async def _end(self) -> None:
        if not self._started:  # nothing to say, or nobody to say it to
            await self._start()
        await self._write({"type": "http.response.body", "body": b"", "more_body": False})

    async def _refuse_or_end(
        self, exc: HandlerError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if not self._started:
            response = refuse(exc, self.shared, HTTPConnection(scope))
            response.headers.update(PRIVATE)
            await response(scope, receive, send)
        elif isinstance(exc, SubscriberError | AlreadyComplete):
            try:
                if isinstance(exc, SubscriberError):
                    self.admission.note_end(exc)
                    await self._send(self.farewell(exc))
                await self._end()
            except TooSlow:
                await self._cut_off(receive)
            except _PeerLeft:
                pass
        else:
            raise exc

    async def _cut_off(self, receive: Receive) -> None:
        """End although the reader does not read: what is still to be written would wait for it."""
        if self._connection is not None:
            self._connection.abort()
            while (await receive())["type"] != "http.disconnect":
                pass

    async def _accompany(self, receive: Receive) -> None:
        """Wait for the subscriber to go, and show meanwhile that the line is alive."""
        while not self.found and not self._started:
            await self._stays(receive, LEAST_PATIENCE)
            await self._say_that_it_waits()
        while True:
            await self._stays(receive, HEARTBEAT_SECONDS if self.goes_on else None)
            if self._started:
                await self._send(self.heartbeat)

    async def _stays(self, receive: Receive, seconds: float | None) -> None:
        """Wait for so long, unless the subscriber goes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
                raise _PeerLeft

    async def _say_that_it_waits(self) -> None:
        """
        Begin although there is nothing yet, and say why: so nobody takes the service for dead.

        An EventSource would never come back after a 503. Of a call that is not allowed the same is
        said, at the same time, as of one that nobody knows.
        """
        patience = self.shared.settings.await_call_seconds
        if self.found or self._started:
            return
        if not self.shared.broker.connected:
            await self._send(self.aside(AWAY))
        elif patience > LEAST_PATIENCE:
            await self._send(self.aside(AWAITED.format(durations.shown(patience))))


class _PeerLeft(Exception):
    """The subscriber is gone."""


class _HeadSent(Exception):
    """The head was asked for, and no more."""
