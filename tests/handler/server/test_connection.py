"""handler/server/connection.py: what is offered to a peer that reads, and to one that does not."""

import asyncio
import socket
from collections.abc import Callable

import pytest
from starlette.websockets import WebSocket
from support.served import serving
from support.timing import patience, until

from handler.server.connection import CONNECTION, KEEPS_UP_BYTES
from handler.server.frames import chunk, text_frame

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
# More than the kernel takes for a peer on any machine.
MOST = 100_000


class Offering:
    """Offers numbered messages for as long as they are taken; again when it is told to."""

    def __init__(self) -> None:
        self.made: list[bytes] = []
        self.refused = 0
        self.again = asyncio.Event()
        self.over = asyncio.Event()

    async def __call__(self, scope, receive, send) -> None:
        make: Callable[[bytes], bytes] = chunk
        if scope["type"] == "websocket":
            websocket = WebSocket(scope, receive, send)
            await websocket.accept()
            make = text_frame
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"-", "more_body": True})
        connection = scope["extensions"][CONNECTION]
        for _ in range(2):
            await self.again.wait()
            self.again.clear()
            self.offer_all(connection, make)
        self.left = connection.transport.get_write_buffer_size()
        await self.over.wait()
        connection.transport.abort()
        assert not connection.keeps_up(0)

    def offer_all(self, connection, make) -> None:
        for number in range(len(self.made), MOST):
            message = make(b"%07d" % number + b"x" * 1000)
            if not connection.keeps_up(len(message)):
                self.refused += 1
                return
            connection.transport.write(message)
            self.made.append(message)


@pytest.mark.parametrize("hello", [HANDSHAKE, REQUEST], ids=["websocket", "response"])
async def test_what_a_peer_that_does_not_read_is_offered_is_refused_whole(hello):
    """And taken again when it has read: it has all that was taken, in order, and nothing else."""
    app = Offering()
    async with serving(app) as port:
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.setblocking(False)
            loop = asyncio.get_running_loop()
            async with patience():
                await loop.sock_sendall(peer, hello)
                got = b""
                while not got.endswith((b"\r\n\r\n", b"1\r\n-\r\n")):
                    got = got + await loop.sock_recv(peer, 2**16)
                app.again.set()
                await until(lambda: app.refused == 1)
                first = len(app.made)
                got = await read(peer, sum(map(len, app.made)))
                assert got == b"".join(app.made)
                app.again.set()
                await until(lambda: app.refused == 2)
            assert len(app.made) > first
            assert 0 < app.left <= KEEPS_UP_BYTES
            app.over.set()


async def read(peer: socket.socket, size: int) -> bytes:
    whole = bytearray()
    while len(whole) < size:
        whole += await asyncio.get_running_loop().sock_recv(peer, 2**20)
    return bytes(whole)
