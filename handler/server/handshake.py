"""
A websocket until its handshake is answered: by a 101, or by a refusal in words, and soon.

``tests/handler/server/test_handshake.py`` holds what it relies on of uvicorn's and of websockets'.
"""

import asyncio
import logging
from asyncio import TimerHandle
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import SecurityError
from websockets.http11 import Request
from websockets.protocol import OPEN

from handler.refusals import refusals
from handler.server.connection import CONNECTION, NO_PLACE, part, refuse
from handler.server.lobby import Lobby
from handler.server.waiting import Gate, Mailbox

# From the handshake to the application's answer to it.
ANSWER_SECONDS = 10.0


class Handshake(WebSocketsSansIOProtocol):
    """What becomes a websocket; until then it has a place in the lobby."""

    lobby: Lobby
    _unanswered: TimerHandle | None = None
    _application_ended = False
    _lost = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  uvicorn's
        super().__init__(*args, **kwargs)
        self.queue: Mailbox[ASGIReceiveEvent] = Mailbox()  # type: ignore[assignment]
        self.writable: Gate = Gate()  # type: ignore[assignment]

    def enter(self, lobby: Lobby, transport: asyncio.Transport) -> None:
        """Begin, in the lobby in which the request was."""
        self.lobby = lobby
        transport.set_protocol(self)
        self.connection_made(transport)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the handshake's answer."""
        super().connection_made(transport)
        self.lobby.serve(self)
        self._unanswered = self.loop.call_later(ANSWER_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Be over, answered or not."""
        self._answered()
        super().connection_lost(exc)
        self._lost = True
        self._check_over()

    def evict(self) -> None:
        """Lose the place."""
        self._end(503, NO_PLACE)

    def data_received(self, data: bytes) -> None:
        """Take the handshake, and nothing more before it is answered: RFC 6455 section 4.1."""
        if self.handshake_complete:
            super().data_received(data)
        elif self.handshake_initiated:
            self._end(400, "a websocket says nothing before its handshake is answered")
        else:
            self.conn.receive_data(data)
            if (exc := self.conn.handshake_exc) is None:
                self.handle_events()
            else:
                status = 431 if isinstance(exc, SecurityError) else 400
                self._end(status, f"the handshake cannot be read: {exc.__cause__ or exc}")

    def handle_connect(self, event: Request) -> None:
        """Answer a handshake that is none; let the application answer others."""
        self.app = _until_left(self.app)
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][CONNECTION] = self  # type: ignore[assignment]
        else:
            words = bytes(self.response.body).decode().strip()
            refusals.note("handshake refused", self.response.status_code, advice=words)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Note that the application has ended."""
        super().on_task_complete(task)
        self._application_ended = True
        self._check_over()

    def start_keepalive(self) -> None:
        """Be a websocket: its 101 has been sent."""
        self._answered()
        # Nobody asks for them any more; websockets' parser holds on to the request.
        self.request.headers.clear()
        del self.request, self.response
        super().start_keepalive()

    def send_500_response(self) -> None:
        """Answer for an application that has not, if anybody is there to read it."""
        if not self.conn.eof_sent and not self.transport.is_closing():
            super().send_500_response()

    def shutdown(self) -> None:
        """End with the process, in whatever state."""
        if not self.handshake_complete:
            self._end(503, "draining: come back in a moment")
        elif self.close_sent or self.conn.state is OPEN:
            super().shutdown()
        else:
            part(self.transport)

    def _check_over(self) -> None:
        if self._lost and self._application_ended:
            self.let_go()

    def let_go(self) -> None:
        """Hold nothing that holds this, now that it is over: else both wait for the collector."""
        self.scope["extensions"].pop(CONNECTION, None)
        self.conn.parser.close()  # it waits for the next frame, in a frame that holds the protocol

    def _answered(self) -> None:
        if self._unanswered is not None:
            self._unanswered.cancel()
            self._unanswered = None
        self.lobby.leave(self)

    def _give_up(self) -> None:
        self._end(503, f"no answer to the handshake within {ANSWER_SECONDS:g} s", logging.WARNING)

    def _end(self, status: int, words: str, level: int = logging.INFO) -> None:
        """Answer the handshake ourselves; for the application the peer is gone."""
        if self.transport.is_closing():
            return  # the peer is gone, and the transport will say so by itself
        refusals.note("handshake refused", status, level, advice=words)
        self.connection_lost(ConnectionAbortedError(words))
        refuse(self.transport, status, words, self.lobby)


def _until_left(app: ASGIApp) -> ASGIApp:
    """Let an application end without a word when its peer has left."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(WebSocketDisconnect, ClientDisconnected):
            await app(scope, receive, send)

    return run
