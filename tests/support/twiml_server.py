"""A server that Twilio calls: answers TwiML, takes callbacks and media streams, and keeps all."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from support.timing import patience, until
from twilio.request_validator import RequestValidator

Answers = Callable[[dict[str, str]], "str | Response"]


@dataclass
class Asked:
    """A request: its path, its parameters, its headers, and whether Twilio's own signed it."""

    path: str
    form: dict[str, str]
    headers: dict[str, str]
    method: str
    signed: bool


@dataclass
class TwimlServer:
    """
    What was asked of it.

    Attributes:
        answers: By path, what makes the answer; a text is TwiML, and anything else gets an empty
            one.
        handshakes: The headers of each media stream.
        streams: The messages of each media stream, in the order in which they were opened.
        held: What answers wait for.
        close: After how many messages a stream is closed, and with which code.
    """

    auth_token: str
    port: int = 0
    tls: bool = False
    answers: dict[str, Answers] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    handshakes: list[dict[str, str]] = field(default_factory=list)
    streams: list[list[dict[str, Any]]] = field(default_factory=list)
    held: asyncio.Event | None = None
    close: tuple[int, int] | None = None

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws{self.url.removeprefix('http')}/twilio"

    def forms(self, path: str) -> list[dict[str, str]]:
        return [one.form for one in self.asked if one.path == path]

    def started(self) -> Iterator[dict[str, Any]]:
        return (messages[1]["start"] for messages in self.streams if len(messages) > 1)

    async def told(self, path: str, count: int) -> list[dict[str, str]]:
        """Wait for so many requests to a path."""
        await until(lambda: len(self.forms(path)) >= count)
        return self.forms(path)

    async def begun(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many streams to begin."""
        await until(lambda: len(list(self.started())) >= count)
        return list(self.started())

    async def stopped(self, count: int) -> None:
        """Wait for so many streams to say that they are over."""

        def over() -> int:
            return sum(one[-1]["event"] == "stop" for one in self.streams if one)

        await until(lambda: over() >= count)

    async def answer(self, request: Request) -> Response:
        body = (await request.body()).decode()
        pairs = parse_qsl(body or request.url.query, keep_blank_values=True)
        url = f"{self.url}{request.url.path}"
        if request.url.query:
            url += f"?{request.url.query}"
        signature = request.headers.get("x-twilio-signature", "")
        signed = RequestValidator(self.auth_token).validate(
            url, dict(parse_qsl(body, True)), signature
        )
        asked = Asked(
            request.url.path, dict(pairs), dict(request.headers), request.method, bool(signed)
        )
        self.asked.append(asked)
        if self.held is not None:
            await self.held.wait()
        answer = self.answers.get(request.url.path, lambda _: Response())(asked.form)
        if isinstance(answer, Response):
            return answer
        return Response(answer, media_type="text/xml")

    async def stream(self, websocket: WebSocket) -> None:
        self.handshakes.append(dict(websocket.headers))
        await websocket.accept()
        messages: list[dict[str, Any]] = []
        self.streams.append(messages)
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                messages.append(json.loads(await websocket.receive_text()))
                if self.close is not None and len(messages) == self.close[0]:
                    await websocket.close(self.close[1])
                    return


@contextlib.asynccontextmanager
async def twiml_server(
    auth_token: str, certificate: tuple[Path, Path] | None = None
) -> AsyncIterator[TwimlServer]:
    """Serve on a free port; with TLS, if there is a certificate with its key."""
    known = TwimlServer(auth_token, tls=certificate is not None)
    app = Starlette(
        routes=[
            WebSocketRoute("/twilio", known.stream),
            Route("/{path:path}", known.answer, methods=["GET", "POST"]),
        ]
    )
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
        ssl_certfile=None if certificate is None else certificate[0],
        ssl_keyfile=None if certificate is None else certificate[1],
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    known.port = listener.getsockname()[1]
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with patience():
        await until(lambda: server.started or serving.done())
    try:
        yield known
    finally:
        server.should_exit = server.force_exit = True
        await serving
