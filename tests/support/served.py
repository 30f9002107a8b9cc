"""An application under our own protocols, in the process of the test; and peers that misbehave."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import uvicorn
from support.timing import patience, until

from handler.cli.serve import MAX_MESSAGE, Server
from handler.server.bodies import NO_BODIES, Bodies
from handler.server.http_protocol import HttpProtocol
from handler.server.lobby import Lobby
from handler.server.websocket_protocol import WebSocketProtocol


@contextlib.asynccontextmanager
async def running(
    app: Any,
    lobby: Lobby | None = None,
    bodies: Bodies = NO_BODIES,
    port: int = 0,
    units: float = 60,
) -> AsyncIterator[Server]:
    """
    Serve an application, at any port if none is given; at the end the server must end too.

    All of it has so many units of time.
    """
    lobby = Lobby() if lobby is None else lobby
    config = uvicorn.Config(
        app,
        http=partial(HttpProtocol, lobby=lobby, bodies=bodies),  # type: ignore[arg-type]
        ws=WebSocketProtocol,
        ws_max_size=MAX_MESSAGE,
        ws_ping_timeout=None,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=2,
    )
    server = Server(config, lobby)
    listener = socket.create_server(("127.0.0.1", port))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with patience(units):
        await until(lambda: server.started or serving.done())
        try:
            yield server
        finally:
            server.should_exit = True
            await serving


def port_of(server: Server) -> int:
    return int(server.servers[0].sockets[0].getsockname()[1])


@contextlib.asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[int]:
    """Serve an application; yields the port."""
    async with running(app, **options) as server:
        yield port_of(server)


async def say(port: int, *pieces: bytes) -> bytes:
    """Send bytes, one piece after the other; returns all that comes until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with patience():
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        try:
            return await _read(reader)
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    whole = b""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(2**16):
            whole += data
    return whole
