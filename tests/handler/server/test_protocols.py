"""handler/server, the protocols: what an application may do with its connection."""

import asyncio
import contextlib

import httpx
import pytest
from support.served import serving
from support.timing import patience
from uvicorn.protocols.utils import ClientDisconnected

from handler.server.connection import CONNECTION

START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"", "more_body": False}


async def test_pieces_that_are_written_directly_are_those_that_arrive():
    async def app(scope, receive, send):
        connection = scope["extensions"][CONNECTION]
        await send(START)
        assert connection.write(b"one, ")
        assert connection.write(b"")  # which is not the end
        await send({"type": "http.response.body", "body": b"two, ", "more_body": True})
        assert connection.write(b"x" * 20)
        await send(END)

    async with serving(app) as port, httpx.AsyncClient(trust_env=False) as client:
        for _ in range(2):  # the connection is kept, and goes on
            answer = await client.get(f"http://127.0.0.1:{port}/")
            assert (answer.status_code, answer.text) == (200, "one, two, " + "x" * 20)


async def test_a_peer_that_does_not_read_is_waited_for_until_it_does():
    seen = []

    async def app(scope, receive, send):
        connection = scope["extensions"][CONNECTION]
        await send(START)
        seen.append(connection.write(b"x" * 30_000_000))
        with contextlib.suppress(TimeoutError):
            async with patience(0.1):
                await connection.drained()
                seen.append("drained although nobody reads")
        reading.set()
        await connection.drained()
        await send(END)

    reading = asyncio.Event()
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await reading.wait()
        whole = 0
        while data := await reader.read(2**20):
            whole += len(data)
        writer.close()
    assert seen == [False]
    assert whole > 30_000_000


async def test_what_is_written_to_a_peer_that_is_gone_says_so():
    gone = asyncio.get_running_loop().create_future()

    async def app(scope, receive, send):
        await send(START)
        while (await receive())["type"] != "http.disconnect":
            pass
        with pytest.raises(ClientDisconnected):
            scope["extensions"][CONNECTION].write(b"too late")
        gone.set_result(True)

    async with serving(app) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0)
        writer.transport.abort()
        async with patience():
            assert await gone
