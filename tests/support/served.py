"""An application served under the protocols of the service, in the loop of the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from support.timing import patience, until

from handler.cli.serve import MAX_MESSAGE, Server
from handler.server.http_protocol import HttpProtocol
from handler.server.websocket_protocol import WebSocketProtocol


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    """Serve an application; yields the port."""
    config = uvicorn.Config(
        app,
        port=0,
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_max_size=MAX_MESSAGE,
        ws_ping_timeout=None,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
    )
    server = Server(config)
    running = asyncio.create_task(server.serve())
    async with patience():
        await until(lambda: server.started)
        try:
            yield server.servers[0].sockets[0].getsockname()[1]
        finally:
            server.should_exit = True
            await running
