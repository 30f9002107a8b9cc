"""handler/server/side_port.py: another port, with the same bounds."""

import asyncio
import socket
import threading

import pytest
from starlette.responses import PlainTextResponse
from support.served import say
from support.timing import patience, until

from handler.server import http_protocol
from handler.server.side_port import SidePort

ASK = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
async def port():
    listener = socket.create_server(("127.0.0.1", 0))
    side = SidePort(PlainTextResponse("figures"), listener, 5)
    yield listener.getsockname()[1]
    side.close()
    assert listener.fileno() == -1


async def test_who_says_nothing_takes_no_thread_and_nobodys_place(port):
    threads = threading.active_count()
    hung = []
    for _ in range(30):
        hung.append(await asyncio.open_connection("127.0.0.1", port))
        hung[-1][1].write(b"GET /metrics HTTP/1.1\r\n")
        await asyncio.sleep(0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ASK)
    async with patience():
        assert (await reader.readuntil(b"figures")).startswith(b"HTTP/1.1 200 ")
        assert b" 503 " in await hung[0][0].read()
    assert threading.active_count() == threads
    for _, one in (*hung, (reader, writer)):
        one.close()


async def test_a_request_without_end_ends(port, monkeypatch):
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 0.1)
    assert b" 408 " in await say(port, b"GET /metrics HTTP/1.1\r\n")


async def test_a_websocket_is_answered_as_any_request(port):
    offer = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + offer)
    async with patience():
        assert (await reader.readuntil(b"figures")).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_nobody_stays_when_it_is_closed():
    listener = socket.create_server(("127.0.0.1", 0))
    side = SidePort(PlainTextResponse("figures"), listener, 5)
    peer, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
    await until(lambda: side._state.connections)
    side.close()
    async with patience():
        assert await peer.read() == b""
    writer.close()
