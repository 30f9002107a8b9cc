"""A websocket's client, byte for byte: what no library would send, and what it is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from support.timing import patience
from websockets.frames import Close, Frame, Opcode


def wire(*frames: Frame) -> bytes:
    """Write frames as a client sends them."""
    return b"".join(frame.serialize(mask=True) for frame in frames)


class Peer:
    """A client that says whatever it likes, byte for byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def opened(self) -> None:
        assert b" 101 " in await self.reader.readuntil(b"\r\n\r\n")

    async def frame(self) -> tuple[Opcode, bytes]:
        """Return what the server says next."""
        first, size = await self.reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2))
        return Opcode(first & 15), await self.reader.readexactly(size)

    async def closed(self) -> Close:
        """Return how the server closes, whatever it says before."""
        async with patience():
            while True:
                opcode, data = await self.frame()
                if opcode is Opcode.CLOSE:
                    return Close.parse(data)

    async def cut_off(self) -> None:
        """Wait until there is no connection, though this side has not answered the end."""
        async with patience():
            with contextlib.suppress(ConnectionResetError):
                assert await self.reader.read() == b""


@contextlib.asynccontextmanager
async def dialled(port: int) -> AsyncIterator[Peer]:
    """Ask for a websocket; whether it was opened is the peer's to find out."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()
