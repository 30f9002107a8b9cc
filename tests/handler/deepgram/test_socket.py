"""handler/deepgram/socket.py: what comes is heard in order, what goes is sent at once."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator

import pytest
from support.timing import patience, until
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from handler.deepgram.socket import DeepgramSocket


class Peer:
    """A server that says what it is asked to, and notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[str | bytes] = []
        self.connection: ServerConnection | None = None
        self.reads = asyncio.Event()
        self.reads.set()

    async def __call__(self, connection: ServerConnection) -> None:
        self.connection = connection
        while True:
            await self.reads.wait()
            self.heard.append(await connection.recv())

    async def say(self, *messages: object) -> None:
        assert self.connection is not None
        for message in messages:
            await self.connection.send(message)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def serving(peer: Peer) -> AsyncIterator[connect]:
    """Serve a peer; yields what connects to it."""
    async with serve(peer, "127.0.0.1", 0, compression=None) as server:
        host, port = next(iter(server.sockets)).getsockname()[:2]
        url = f"ws://{host}:{port}"
        yield connect(url, create_connection=DeepgramSocket, compression=None)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Peer, DeepgramSocket]]:
    peer = Peer()
    async with serving(peer) as connecting, connecting as socket:
        await until(lambda: peer.connection)
        assert isinstance(socket, DeepgramSocket)
        yield peer, socket


async def test_whole_texts_are_heard_and_nothing_of_them_waits(pair):
    peer, socket = pair
    heard: list[str | bytes] = []
    socket.hear = heard.append
    await peer.say("one", "zwölf")
    await until(lambda: len(heard) == 2)
    assert heard == [b"one", "zwölf".encode()]


async def test_what_comes_in_pieces_keeps_its_place_before_all_that_follows(pair):
    peer, socket = pair
    heard: list[str | bytes] = []
    socket.hear = heard.append
    await peer.say("one", ["t", "w", "o"], "three", b"four", "five")
    async with patience():
        rest = [await socket.recv() for _ in range(4)]
    assert (heard, rest) == ([b"one"], ["two", "three", b"four", "five"])


async def test_audio_is_sent_at_once_while_the_peer_keeps_up(pair):
    peer, socket = pair
    assert socket.send_now(b"one")
    assert socket.send_now(b"two")
    await until(lambda: len(peer.heard) == 2)
    assert peer.heard == [b"one", b"two"]


async def test_a_peer_that_does_not_read_is_sent_no_more_at_once(pair):
    peer, socket = pair
    peer.reads.clear()
    sent = 0
    async with patience():
        while socket.send_now(bytes(100_000)):
            sent += 1
            await asyncio.sleep(0)
        peer.reads.set()
        await socket.send(b"the last")  # waits, as the sender's task does
        await until(lambda: len(peer.heard) == sent + 1)
    assert peer.heard[-1] == b"the last"


async def test_nothing_is_sent_to_a_connection_that_has_ended(pair):
    _, socket = pair
    await socket.close()
    assert not socket.send_now(b"late")


async def test_a_connection_that_has_ended_does_not_wait_for_the_collector():
    gc.disable()
    try:
        async with serving(Peer()) as connecting:
            socket = await connecting
            protocol = weakref.ref(socket.protocol)
            await socket.close()
            del socket, connecting
            await until(lambda: protocol() is None)
    finally:
        gc.enable()
