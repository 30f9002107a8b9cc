"""A connection that speaks HTTP: one of plain requests, or a websocket to be."""

import asyncio
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from websockets.http11 import MAX_LINE_LENGTH

from handler.server.connection import CONNECTION, limit_buffer, refuse

# From the connection to the end of the request's head.
HEAD_SECONDS = 10.0
MAX_HEAD = 64 * 1024


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
