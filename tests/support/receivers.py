"""Receivers of webhooks, which check what comes, and do to who sends what receivers do."""

import asyncio
import base64
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from standardwebhooks import Webhook

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
# What a receiver does instead of answering.
CUT, HALF, SILENT, FLOOD = "cut", "half an answer", "nothing", "an answer without end"
REASONS = {200: "OK", 410: "Gone", 422: "Unprocessable Content", 500: "Internal Server Error"}


@dataclass(frozen=True)
class Received:
    """One request."""

    name: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.body)
        return loaded

    @property
    def call_sid(self) -> str:
        return self.name.partition(":")[0]


# What becomes of a request: a status, or one of the above; maybe a header line beside.
Answer = int | str | tuple[int, str]


@dataclass
class Receiver:
    """
    Takes what is sent, checks the signature by the package of Standard Webhooks, and answers.

    Attributes:
        answer: Says what becomes of a request.
        came: All requests, in the order in which they came.
        taken: Those that were answered with 200, or would have been, by call.
    """

    answer: Callable[[Received], Answer] = lambda _: 200
    came: list[Received] = field(default_factory=list)
    taken: dict[str, list[Received]] = field(default_factory=lambda: defaultdict(list))
    port: int = 0
    checks: bool = True
    _server: asyncio.Server | None = None
    _sockets: set[asyncio.StreamWriter] = field(default_factory=set)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/calls"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def kill(self) -> None:
        """End as by kill -9: nothing is answered any more, the port is closed."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break all connections."""
        for writer in self._sockets:
            writer.transport.abort()

    def release(self) -> None:
        """Answer those who were left without an answer."""
        self._released.set()

    def seqs(self, call_sid: str) -> list[int]:
        """Return the numbers of what was taken of a call, each when it came first."""
        return list(dict.fromkeys(int(one.name.split(":")[1]) for one in self.taken[call_sid]))

    def bodies(self, call_sid: str) -> list[bytes]:
        """Return what was taken of a call, each when it came first; repetitions are the same."""
        found: dict[str, bytes] = {}
        for one in self.taken[call_sid]:
            assert found.setdefault(one.name, one.body) == one.body
        return list(found.values())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sockets.add(writer)
        try:
            while (received := await self._read(reader)) is not None:
                if not await self._answer(received, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._sockets.discard(writer)
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader) -> Received | None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0].startswith("POST /")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        if self.checks:
            Webhook(SECRET).verify(body, headers)
        return Received(headers["webhook-id"], headers, body)

    async def _answer(self, received: Received, writer: asyncio.StreamWriter) -> bool:
        self.came.append(received)
        answer = self.answer(received)
        status, more = answer if isinstance(answer, tuple) else (answer, "")
        if status == SILENT:
            await self._released.wait()
            status = 200
        if status in (200, CUT, HALF, FLOOD):
            self.taken[received.call_sid].append(received)
        if status == CUT:
            return False
        if status == HALF:
            writer.write(b"HTTP/1.1 200 O")
            await writer.drain()
            return False
        if status == FLOOD:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
            while True:
                writer.write(bytes(65536))
                await writer.drain()
        assert isinstance(status, int)
        line = f"HTTP/1.1 {status} {REASONS.get(status, 'Other')}\r\n{more}"
        writer.write(f"{line}content-length: 0\r\n\r\n".encode())
        await writer.drain()
        return True
