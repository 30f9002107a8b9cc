"""handler/server/listener.py: a port that stays open, whatever there is not enough of."""

import asyncio
import contextlib
import os
import resource
import socket
from pathlib import Path

from structlog.testing import capture_logs
from support.timing import patience, until

from handler.server.listener import Listener
from handler.server.lobby import Lobby
from handler.server.vitals import Vitals


class Greeting(asyncio.Protocol):
    """Says a word and closes."""

    def connection_made(self, transport):
        transport.write(b"hello")
        transport.close()


@contextlib.contextmanager
def no_descriptors():
    """Leave the process none to open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    held = []
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.dup(0))
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_descriptors_it_says_once_what_to_change_and_goes_on_when_there_are_some():
    loop = asyncio.get_running_loop()
    listening = socket.create_server(("127.0.0.1", 0))
    peers = [socket.socket() for _ in range(3)]
    vitals = Vitals()
    listener = Listener(listening, Greeting, Lobby(), vitals)
    with capture_logs() as lines, no_descriptors():
        for peer in peers:
            peer.setblocking(False)
            await loop.sock_connect(peer, listening.getsockname())
        await until(lambda: lines)
        await until(lambda: vitals.accept_pauses == 4)  # it tries again, and in between it sleeps
    assert [line["event"] for line in lines] == ["cannot accept connections"]
    assert "ulimit -n" in lines[0]["advice"]
    async with patience():
        for peer in peers:
            assert await loop.sock_recv(peer, 100) == b"hello"
            peer.close()
    listener.close()
    await listener.wait_closed()
    assert listening.fileno() == -1


async def test_who_has_left_before_it_is_taken_in_is_no_matter():
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    for _ in range(5):
        with socket.create_connection(address) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST
    listener = Listener(listening, Greeting, Lobby())
    async with patience():
        reader, writer = await asyncio.open_connection(*address)
        assert await reader.read() == b"hello"
        writer.close()
    listener.close()
    await listener.wait_closed()


async def test_many_who_come_at_once_are_all_taken_in():
    listening = socket.create_server(("127.0.0.1", 0), backlog=300)
    peers = [socket.create_connection(listening.getsockname()) for _ in range(100)]
    listener = Listener(listening, Greeting, Lobby())
    loop = asyncio.get_running_loop()
    async with patience():
        for peer in peers:
            peer.setblocking(False)
            assert await loop.sock_recv(peer, 100) == b"hello"
            peer.close()
    listener.close()
    await listener.wait_closed()
