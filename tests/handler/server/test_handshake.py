"""handler/server/handshake.py: each handshake is answered, and soon, whatever it is like."""

import asyncio
import struct

import pytest
from structlog.testing import capture_logs
from support.served import port_of, running, say, serving
from support.timing import patience, until
from websockets.asyncio.client import connect

from handler.server import handshake, http_protocol

UPGRADE = {
    "Host": "x",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version": "13",
}


def request(*more: str, body: bytes = b"", **changes: str | None) -> bytes:
    fields = {**UPGRADE, **{name.replace("_", "-"): value for name, value in changes.items()}}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    head = "\r\n".join(["GET /client HTTP/1.1", *lines, *more, "", ""])
    return head.encode() + body


async def accept(scope, receive, send):
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})


async def never_answer(scope, receive, send):
    while (await receive())["type"] != "websocket.disconnect":
        pass


BAD = {
    "129 fields": (431, request(*(f"X-{n}: 1" for n in range(124)))),
    "500 fields": (431, request(*(f"X-{n}: 1" for n in range(500)))),
    "a long field": (431, request("X: " + "y" * 9000)),
    "a long line": (431, request().replace(b"/client", b"/" + b"y" * 9000)),
    "a body": (400, request("Content-Length: 10", body=b"0123456789")),
    "a body that does not come": (400, request("Content-Length: 10")),
    "a body without end": (400, request("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n")),
    "a body of nothing in pieces": (400, request("Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    "no key": (400, request(Sec_WebSocket_Key=None)),
    "two keys": (400, request("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")),
    "a short key": (400, request(Sec_WebSocket_Key="AAAA")),
    "an old version": (400, request(Sec_WebSocket_Version="8")),
    "another method": (405, request().replace(b"GET", b"POST", 1)),
    "a frame before the answer": (400, request(body=b"\x89\x80\0\0\0\0")),
}


@pytest.mark.parametrize(("status", "sent"), BAD.values(), ids=BAD.keys())
async def test_a_handshake_that_is_none_is_refused_in_words_and_in_the_log(status, sent):
    with capture_logs() as lines:
        async with serving(accept) as port:
            answer = await say(port, sent)
    head, _, words = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in head.lower()
    assert words.strip()
    assert [line["status"] for line in lines if "refused" in line["event"]] == [status]


@pytest.mark.parametrize("sent", [request(), request("Content-Length: 0")])
async def test_a_handshake_as_it_should_be_is_taken(sent):
    async with serving(accept) as port:
        assert (await say(port, sent)).startswith(b"HTTP/1.1 101 ")


async def test_a_handshake_that_the_application_does_not_answer_ends(monkeypatch):
    monkeypatch.setattr(handshake, "ANSWER_SECONDS", 0.1)
    async with serving(never_answer) as port:
        assert (await say(port, request())).startswith(b"HTTP/1.1 503 ")


async def test_a_handshake_that_does_not_come_to_its_end_ends(monkeypatch):
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 0.1)
    async with serving(accept) as port:
        assert (await say(port, request()[:-2])).startswith(b"HTTP/1.1 408 ")


async def test_what_is_said_before_the_answer_is_not_read():
    async with serving(never_answer) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request())
        await writer.drain()
        await asyncio.sleep(0.05)  # so that it is read by itself
        writer.write(b"\x89\x80\0\0\0\0")
        async with patience():
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()


async def test_the_end_of_the_process_survives_a_connection_in_any_state():
    """A handshake unanswered, half of one, one refused and unread, a socket whose peer closes."""
    async with running(never_answer) as server:
        port = port_of(server)
        peers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        sent = [request(), request()[:50], b"", request("Content-Length: 10")]
        for (_, writer), data in zip(peers, sent, strict=True):
            writer.write(data)
        await until(lambda: server.server_state.tasks)
    answers = [await reader.read() for reader, _ in peers]
    assert answers[0].startswith(b"HTTP/1.1 503 ")
    assert answers[3].startswith(b"HTTP/1.1 400 ")
    for _, writer in peers:
        writer.close()


async def test_the_end_of_the_process_survives_a_socket_that_is_closed_but_not_read():
    async def flood(scope, receive, send):
        await accept_only(receive, send)
        for _ in range(200):
            await send({"type": "websocket.send", "bytes": b"x" * 65536})

    async def accept_only(receive, send):
        await receive()
        await send({"type": "websocket.accept"})

    async with running(flood) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server), limit=1024)
        writer.write(request())
        await until(
            lambda: any(
                c.transport.get_write_buffer_size() for c in server.server_state.connections
            )
        )
        writer.write(b"\x88\x82\0\0\0\0" + struct.pack(">H", 1000))
        await writer.drain()
        await until(lambda: all(c.transport.is_closing() for c in server.server_state.connections))
    writer.transport.abort()
    del reader


async def test_a_peer_that_leaves_in_the_handshake_is_no_defect(caplog):
    """Nor a hundred of them: no traceback."""
    going = asyncio.Event()

    async def late(scope, receive, send):
        await receive()
        going.set()
        await receive()  # the peer left
        await send({"type": "websocket.accept"})

    async with running(late) as server:
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            writer.write(request())
            await going.wait()
            going.clear()
            writer.transport.abort()
        await until(lambda: not server.server_state.tasks)
    assert not caplog.records


async def test_a_websocket_goes_on_for_longer_than_its_handshake_may_take(monkeypatch):
    monkeypatch.setattr(handshake, "ANSWER_SECONDS", 0.5)

    async def echo(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})

    async with serving(echo) as port, connect(f"ws://127.0.0.1:{port}/", proxy=None) as socket:
        await asyncio.sleep(0.6)
        await socket.send("still here")
        assert await socket.recv() == "still here"
