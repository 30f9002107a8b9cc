"""
What a connection is, whatever it speaks: how its application finds it, and its bounds.

The protocols beside it are subclasses of uvicorn's, for what ASGI has no word for. A message that a
thousand subscribers read is made into a frame once and written to each socket as it is. A peer that
does not read is cut off, where ASGI could only wait for it. And the head of a request is bounded in
time and size. An application under another server finds no :data:`CONNECTION` in its scope, and
does without.
"""

import asyncio
import socket
from typing import Any

# Where a scope's extensions name its connection.
CONNECTION = "partyline.connection"
# What the kernel may hold for a subscriber who does not read. At 1 kB a result, minutes of a call.
SEND_BUFFER = 64 * 1024


def refuse(transport: asyncio.Transport, status: str) -> None:
    """Answer a request that never gets as far as the application."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    transport.write(head.encode("ascii"))
    transport.close()


def limit_buffer(transport: asyncio.Transport) -> None:
    """Bound what the kernel keeps for a peer."""
    connection: Any = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
