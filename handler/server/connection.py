"""
What a connection is, whatever it speaks: how its application finds it, and its bounds.

The protocols beside it are subclasses of uvicorn's, for what ASGI has no word for. A message that a
thousand subscribers read is made into a frame once and written to each socket as it is. A peer that
does not read is cut off, where ASGI could only wait for it. And what comes before there is an
answer is bounded in time, size and number. An application under another server finds no
:data:`CONNECTION` in its scope, and does without.
"""

import asyncio
import socket
from asyncio import TimerHandle
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from handler.server.lobby import Lobby

NO_PLACE = "no place here: come back in a moment"
# Where a scope's extensions name its connection.
CONNECTION = "partyline.connection"
# Of a refusal: Fly.io's proxy asks another machine.
# https://fly.io/docs/networking/dynamic-request-routing/
ELSEWHERE_ON_FLY = {"fly-replay": "elsewhere=true"}
# What the kernel may hold for a subscriber who does not read. At 1 kB a result, minutes of a call.
SEND_BUFFER = 64 * 1024
# A connection that we close is cut when its peer takes nothing of what is left for so long.
UNREAD_SECONDS = 10.0
# A peer keeps up while no more than this waits for it here: less than what a transport calls too
# much, so who waits for a peer is always the one who wrote last.
KEEPS_UP_BYTES = 32 * 1024
# A peer that was refused while it still sends is let send so much, so that it reads why: closed at
# once, the kernel would take the answer back.
LINGER_SECONDS = 2.0
LINGER_BYTES = 256 * 1024


class Lingering(asyncio.Protocol):
    """A connection that was refused: nothing that it says is read, and soon it is over."""

    def __init__(self, transport: asyncio.Transport, lobby: Lobby) -> None:
        self._transport = transport
        self._lobby = lobby
        self._left = LINGER_BYTES
        loop = asyncio.get_running_loop()
        self._end: TimerHandle = loop.call_later(LINGER_SECONDS, transport.abort)
        lobby.enter(self)

    def data_received(self, data: bytes) -> None:
        """Take what was on its way."""
        self._left -= len(data)
        if self._left < 0:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Be over."""
        del exc
        self._end.cancel()
        self._lobby.leave(self)

    def evict(self) -> None:
        """Be over at once."""
        self._transport.abort()


def refuse(transport: asyncio.Transport, status: int, words: str, lobby: Lobby) -> None:
    """
    Answer a request that never gets as far as the application, and close.

    Its protocol is told before, by its own ``connection_lost``: it hears nothing more.
    """
    if transport.is_closing():
        return
    transport.write(_answer(status, words))
    with suppress(OSError):  # asyncio's, of a peer that has just gone; it will tell that itself
        transport.write_eof()
    transport.set_protocol(Lingering(transport, lobby))
    transport.resume_reading()


def dismiss(transport: asyncio.Transport, status: int, words: str) -> None:
    """Answer, and close at once: where there is no place to wait until it is read."""
    if not transport.is_closing():
        transport.write(_answer(status, words))
        transport.close()


def part(transport: asyncio.Transport, unread: int = -1) -> None:
    """Close a connection whose peer may read what is left, but not take for ever."""
    left = transport.get_write_buffer_size()
    if left == unread:
        transport.abort()
        return
    transport.close()
    if left:
        asyncio.get_running_loop().call_later(UNREAD_SECONDS, part, transport, left)


def limit_buffer(transport: asyncio.Transport) -> None:
    """Bound what the kernel keeps for a peer, if it is there."""
    connection: Any = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


def keeps_up(transport: asyncio.Transport, more: int) -> bool:
    """Whether a peer is there, and with so many bytes more not too much waits for it."""
    return not transport.is_closing() and transport.get_write_buffer_size() + more <= KEEPS_UP_BYTES


def _answer(status: int, words: str) -> bytes:
    body = f"{words}\n".encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
