"""
A websocket, as uvicorn's class and ours of it see it.

``tests/system/test_subscribers.py`` holds what it relies on of uvicorn's.
"""

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from handler.server.connection import CONNECTION, limit_buffer, refuse

# How long a peer may take to read a close frame.
CLOSE_SECONDS = 5.0


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """
    A websocket; an application finds it in its scope's extensions as :data:`CONNECTION`.

    Attributes:
        unanswered_since: Loop time of the ping of :meth:`ask` that the peer has not answered.
    """

    unanswered_since: float | None = None

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

    def ask(self) -> None:
        """Ask the peer for a sign of life, with a ping, unless it owes the answer to one."""
        if self.unanswered_since is not None or self.close_sent or self.transport.is_closing():
            return
        self.unanswered_since = self.loop.time()
        self.conn.send_ping(b"")
        self.transport.write(b"".join(self.conn.data_to_send()))

    def handle_pong(self, event: Frame) -> None:
        """Take a sign of life, whichever ping it answers."""
        self.unanswered_since = None
        super().handle_pong(event)

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
