"""
A websocket, as uvicorn's class and ours of it see it.

``tests/system/test_subscribers.py`` holds what it relies on of uvicorn's.
"""

from uvicorn.protocols.utils import ClientDisconnected

from handler.server.connection import limit_buffer
from handler.server.handshake import Handshake

# How long a peer may take to read a close frame.
CLOSE_SECONDS = 5.0


class WebSocketProtocol(Handshake):
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
