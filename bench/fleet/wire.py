"""
One connection to NATS with no more than a load needs: it must cost little beside the servers.

Source: https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

import asyncio
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

END = b"\r\n"
CONNECT = b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\n'
Take = Callable[[bytes, bytes, bytes], None]  # subject, headers, payload
RETRY_SECONDS = 0.25


class Wire(asyncio.Protocol):
    """
    A connection that is made again, to the next server, whenever it is lost.

    Attributes:
        connected: Whether it is there.
    """

    def __init__(self, urls: list[str], subscriptions: list[str], take: Take) -> None:
        self.connected = False
        self._urls = urls
        self._subscriptions = subscriptions
        self._take = take
        self._left = b""
        self._transport: asyncio.Transport | None = None
        self._closing = False
        self._connecting: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def connect(self) -> None:
        """Connect to the first server that takes it; returns once it knows the subscriptions."""
        while not self._closing:
            url = urlsplit(self._urls[0])
            self._urls = self._urls[1:] + self._urls[:1]
            try:
                await asyncio.get_running_loop().create_connection(
                    lambda: self, url.hostname or "", url.port or 0
                )
            except OSError:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await self._ready.wait()
                return

    def close(self) -> None:
        """Close it for good."""
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    def publish(self, subject: str, payload: bytes) -> None:
        """Publish without headers; nothing while it is not connected."""
        if self.connected and self._transport is not None:
            self._transport.write(
                b"PUB %s %d\r\n%b\r\n" % (subject.encode(), len(payload), payload)
            )

    def request(self, subject: str, reply: str, headers: str, payload: bytes) -> None:
        """Publish with headers (lines that end in CR LF), for an answer to ``reply``."""
        head = f"NATS/1.0\r\n{headers}\r\n".encode() if headers else b""
        sizes = f"{len(head)} {len(head) + len(payload)}" if head else f"{len(payload)}"
        verb = "HPUB" if head else "PUB"
        if self.connected and self._transport is not None:
            self._transport.write(
                f"{verb} {subject} {reply} {sizes}\r\n".encode() + head + payload + END
            )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who it is, and subscribe."""
        writing = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._transport, self._left = writing, b""
        lines = (f"SUB {subject} {n}\r\n" for n, subject in enumerate(self._subscriptions, 1))
        writing.write(CONNECT + "".join(lines).encode() + b"PING\r\n")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's
        """Connect to another server."""
        self.connected = False
        self._ready.clear()
        if not self._closing:
            self._connecting = asyncio.ensure_future(self.connect())

    def data_received(self, data: bytes) -> None:
        """Hand on each whole message; keep the rest."""
        data = self._left + data if self._left else data
        at = 0
        while (end := data.find(END, at)) >= 0:
            line, body = data[at:end], end + 2
            if line.startswith((b"MSG", b"HMSG")):
                words = line.split(b" ")
                total = int(words[-1])
                if len(data) < body + total + 2:
                    break
                head = int(words[-2]) if line.startswith(b"H") else 0
                self._take(words[1], data[body : body + head], data[body + head : body + total])
                at = body + total + 2
                continue
            if line == b"PING" and self._transport is not None:
                self._transport.write(b"PONG\r\n")
            elif line == b"PONG":
                self.connected = True
                self._ready.set()
            elif line.startswith(b"-ERR"):
                raise RuntimeError(line.decode())
            at = body
        self._left = data[at:]
