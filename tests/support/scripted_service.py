"""A service that says to its subscribers what a test tells it to, and closes as it is told."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from support.messages import Body
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


@dataclass
class Visit:
    """
    What the service does with one connection.

    Attributes:
        says: Messages, once something was asked for.
        code: It is closed with that; None: it stays open until the other side leaves.
        begins: What it says first.
    """

    says: Sequence[Body] = ()
    code: int | None = 1012
    begins: str = "[]"


@dataclass
class ScriptedService:
    """
    Serves one visit after the other, and the last one again and again.

    Attributes:
        heard: Of each connection, what was asked for.
        tokens: Of each connection, what was shown.
    """

    visits: Sequence[Visit]
    heard: list[list[Body]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    url: str = ""

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        visit = self.visits[min(len(self.tokens), len(self.visits) - 1)]
        bearer = socket.request.headers.get("Authorization")
        self.tokens.append(bearer and bearer.removeprefix("Bearer "))
        heard: list[Body] = []
        self.heard.append(heard)
        await socket.send(visit.begins)
        heard.append(json.loads(await socket.recv()))
        for body in visit.says:
            await socket.send(json.dumps(body))
        if visit.code is not None:
            await socket.close(visit.code)
        with suppress(ConnectionClosed):
            while True:
                heard.append(json.loads(await socket.recv()))


@asynccontextmanager
async def scripted_service(*visits: Visit) -> AsyncIterator[ScriptedService]:
    service = ScriptedService(visits)
    async with serve(service.serve, "127.0.0.1", 0) as server:
        service.url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        yield service
