"""
uvicorn's protocols, with what ASGI has no word for.

A message that a thousand subscribers read is made into a frame once and written to each socket as
it is. A peer that does not read is cut off, where ASGI could only wait for it. And the head of a
request is bounded in time and size.

The classes are subclasses of uvicorn's; ``tests/system/test_subscribers.py`` holds what they rely
on. An application under another server finds no :data:`CONNECTION` in its scope, and does without.
"""

import asyncio
import socket
from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import MAX_LINE_LENGTH, Request

# Where a scope's extensions name its connection.
CONNECTION = "partyline.connection"
# From the connection to the end of the request's head.
HEAD_SECONDS = 10.0
MAX_HEAD = 64 * 1024
# How long a peer may take to read a close frame.
CLOSE_SECONDS = 5.0
# What the kernel may hold for a subscriber who does not read. At 1 kB a result, minutes of a call.
SEND_BUFFER = 64 * 1024


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """A websocket; an application finds it in its scope's extensions as :data:`CONNECTION`."""

    def write(self, frame: bytes) -> bool:
        """
        Write a frame that is ready; returns whether the peer keeps up with what it is sent.

        Raises:
            ClientDisconnected: the peer, or we, have closed.
        """
        if self.disconnected or self.close_sent or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.write(frame)
        return self.writable.is_set()

    async def drained(self) -> None:
        """Wait until the peer has taken enough of what was written."""
        await self.writable.wait()

    def end(self, code: int, reason: str) -> None:
        """Close without waiting: a peer that does not read it soon is cut off."""
        if self.disconnected or self.close_sent or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.stop_keepalive()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:  # the answer to the close is to be heard
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def expect_pongs(self, seconds: float) -> None:
        """End the connection, as too slow, if a ping is not answered for so long."""
        self.ping_timeout = seconds

    def limit_buffer(self) -> None:
        """Let the kernel keep little of what the peer does not read."""
        limit_buffer(self.transport)

    def handle_connect(self, event: Request) -> None:
        """Let the application find this object."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][CONNECTION] = self  # type: ignore[assignment]

    def handle_ping(self) -> None:
        """Answer a ping; a peer that does not read its answers gets no more of them."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def keepalive_timeout(self) -> None:
        """End a connection whose peer does not answer."""
        self.pong_timer = None
        self.end(4408, "no answer to a ping: come back with since")

    def handle_parser_exception(self) -> None:
        """End a connection whose peer does not speak the protocol."""
        if self.conn.close_sent is None:  # in the handshake, where uvicorn expects none
            refuse(self.transport, "400 Bad Request")
        else:
            super().handle_parser_exception()


class HttpProtocol(HttpToolsProtocol):
    """A connection before it is a websocket, or one of plain requests."""

    _head_timer: TimerHandle | None = None
    _head_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, but no endless head."""
        if self._head_timer is not None:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self._head_came()
                refuse(self.transport, "431 Request Header Fields Too Large")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Take the request's head."""
        self._head_came()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Become a websocket."""
        lines = [len(self.url) + 16, *(len(name) + len(value) + 4 for name, value in self.headers)]
        if max(lines) > MAX_LINE_LENGTH:  # of the websocket's own parser
            refuse(self.transport, "431 Request Header Fields Too Large")
        else:
            super().handle_websocket_upgrade()

    def limit_buffer(self) -> None:
        """Let the kernel keep little of what the peer does not read."""
        limit_buffer(self.transport)

    def write(self, body: bytes) -> bool:
        """
        Write a piece of a response that goes on; returns whether the peer keeps up.

        The response must have begun, without a length: it is sent in chunks. The piece itself is
        not copied, as ASGI would, so that many who get the same one share it.

        Raises:
            ClientDisconnected: the peer is gone.
        """
        if self.transport.is_closing():
            raise ClientDisconnected
        if body:  # an empty chunk would be the end
            self.transport.writelines((b"%x\r\n" % len(body), body, b"\r\n"))
        return not self.flow.write_paused

    async def drained(self) -> None:
        """Wait until the peer has taken enough of what was written, or is gone."""
        await self.flow.drain()

    def abort(self) -> None:
        """Cut the connection, without what is still to be written."""
        self.transport.abort()

    def _await_head(self) -> None:
        self._head_size = 0
        self._head_timer = self.loop.call_later(
            HEAD_SECONDS, refuse, self.transport, "408 Request Timeout"
        )

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def refuse(transport: asyncio.Transport, status: str) -> None:
    """Answer a request that never gets as far as the application."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    transport.write(head.encode("ascii"))
    transport.close()


def limit_buffer(transport: asyncio.Transport) -> None:
    """Bound what the kernel keeps for a peer."""
    connection: Any = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
