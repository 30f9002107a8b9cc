"""A proxy that does with the heads of requests what no proxy should."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from broker import supervise

Meddle = Callable[[bytes], bytes]


def without(name: bytes) -> Meddle:
    """Cut a header off."""
    return lambda head: re.sub(rb"(?im)^" + name + rb":.*\r\n", b"", head)


@asynccontextmanager
async def meddling(port: int, meddle: Meddle) -> AsyncIterator[int]:
    """Stand before a port; each connection's first head is changed on its way. Yields the port."""
    tasks = list[asyncio.Task[None]]()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(_serve(reader, writer, port, meddle)))

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        yield int(server.sockets[0].getsockname()[1])
        await supervise.end(*tasks)


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, meddle: Meddle
) -> None:
    writers = [writer]
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writers.append(back)
        # One request each, so that no other head slips by.
        if b"upgrade: websocket" not in head.lower():
            head = head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        back.write(meddle(head))
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # it was connected, and nothing was asked
    finally:
        for one in writers:
            one.transport.abort()
            with contextlib.suppress(ConnectionError):
                await one.wait_closed()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
