"""A REST API that says what a test has written down, over real sockets."""

import asyncio
import base64
import contextlib
import json
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from support.timing import patience, until


def said(status: int, body: object = None, **headers: str) -> Response:
    """Make an answer; the names of headers are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(body), status, named, "application/json")


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    form: list[tuple[str, str]]
    user: str
    password: str


@dataclass
class Api:
    """What it was asked; and its answers: those written down first, then what ``answer`` says."""

    answer: Callable[[Asked], Response] = lambda _: said(404, {"code": 20404, "message": "none"})
    answers: deque[Response] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    # Requests that are held until it is set.
    gate: asyncio.Event | None = None
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            asked = await _read(request)
            self.asked.append(asked)
            if self.gate is not None:
                await self.gate.wait()
            answer = self.answers.popleft() if self.answers else self.answer(asked)
        finally:
            self.at_once -= 1
        await answer(scope, receive, send)


async def _read(request: Request) -> Asked:
    _, _, encoded = request.headers.get("authorization", "Basic ").partition(" ")
    user, _, password = base64.b64decode(encoded).decode().partition(":")
    form = parse_qsl((await request.body()).decode(), keep_blank_values=True)
    return Asked(
        request.method,
        request.scope["raw_path"].decode(),
        dict(request.query_params),
        form,
        user,
        password,
    )


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: they are for who runs the tests."""
        yield


@contextlib.asynccontextmanager
async def serving(app: Any, port: int = 0) -> AsyncIterator[str]:
    """Serve an application by plain uvicorn; yields its address."""
    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
    server = _Server(config)
    listener = socket.create_server(("127.0.0.1", port))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started or running.done())
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        async with patience():
            await running
