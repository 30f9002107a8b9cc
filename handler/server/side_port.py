"""A port beside the service's own, for an application of a few short answers."""

import asyncio
import socket

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from handler.server.http_protocol import HttpProtocol
from handler.server.listener import Listener
from handler.server.lobby import Lobby


class SidePort:
    """Serves an application on a socket that listens, with the bounds of every connection here."""

    def __init__(self, app: ASGIApp, listener: socket.socket, places: int) -> None:
        self._lobby = Lobby(places)
        self._state = ServerState()
        self._config = uvicorn.Config(
            app,
            interface="asgi3",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        self._config.load()
        self._listener = Listener(listener, self._connection, self._lobby)

    def close(self) -> None:
        """Take nobody any more, and let nobody stay."""
        self._listener.close()
        for connection in list(self._state.connections):
            connection.transport.abort()

    def _connection(self) -> asyncio.Protocol:
        return HttpProtocol(self._config, self._state, {}, lobby=self._lobby)
