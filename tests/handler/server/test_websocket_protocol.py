"""handler/server/websocket_protocol.py: what a peer may send, and a peer that is gone."""

import asyncio
import contextlib
import gc
import json
import logging
import os
import weakref

import pytest
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from support.raw_websocket import Peer, dialled, wire
from support.served import serving
from support.timing import patience, until
from uvicorn.protocols.utils import ClientDisconnected
from websockets.frames import Close, Frame, Opcode

from handler.server import websocket_protocol
from handler.server.connection import CONNECTION
from handler.server.intake import FRAMES_A_TURN
from handler.server.sockets import SUBSCRIBER_FRAMES, close
from handler.server.websocket_protocol import MEDIA_FRAMES, FrameLimit

FEW = FrameLimit(50, 10.0, 4429)
MANY = 20_000  # more than any limit, in less than one read

FLOODS = {
    "pings": [Frame(Opcode.PING, b"")],
    "pings with something in them": [Frame(Opcode.PING, b"x" * 100)],
    "pongs": [Frame(Opcode.PONG, b"")],
    "texts of one byte": [Frame(Opcode.TEXT, b"1")],
    "texts that are empty": [Frame(Opcode.TEXT, b"")],
    "binary messages": [Frame(Opcode.BINARY, b"")],
    "continuations that are empty": [
        Frame(Opcode.TEXT, b"", fin=False),
        *[Frame(Opcode.CONT, b"", fin=False)] * 100,
        Frame(Opcode.CONT, b""),
    ],
    "messages in two pieces": [Frame(Opcode.TEXT, b"1", fin=False), Frame(Opcode.CONT, b"2")],
    "pings between the pieces": [
        Frame(Opcode.TEXT, b"", fin=False),
        *[Frame(Opcode.PING, b"")] * 10,
        Frame(Opcode.CONT, b""),
    ],
}


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request):
    """Transports that are closed differ: those of the service are uvloop's where there is one."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


class App:
    """Takes what comes, under a limit."""

    def __init__(self, limit: FrameLimit = MEDIA_FRAMES) -> None:
        self.limit = limit
        self.taken: list[str] = []
        self.ends: list[int] = []
        self.asked = asyncio.Event()
        self.may_open = asyncio.Event()
        self.may_open.set()
        self.errors: list[BaseException] = []
        self.over = 0
        self.parts: list[weakref.ref[object]] = []

    async def __call__(self, scope, receive, send) -> None:
        self.asked.set()
        try:
            await self.serve(WebSocket(scope, receive, send))
        except BaseException as exc:
            self.errors.append(exc)
            raise
        finally:
            self.over += 1

    async def serve(self, websocket: WebSocket) -> None:
        await self.may_open.wait()
        await websocket.accept()
        connection = websocket.scope["extensions"][CONNECTION]
        connection.limit_frames(self.limit)
        self.parts = [weakref.ref(connection), weakref.ref(connection.conn)]
        del connection
        while (message := await websocket.receive())["type"] == "websocket.receive":
            self.taken.append(message.get("text", ""))
        self.ends.append(1)


@pytest.fixture
def said(caplog):
    """Return what was logged as wrong."""
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("kind", FLOODS)
async def test_frames_are_counted_whatever_their_kind(kind, said):
    flood = wire(*FLOODS[kind])
    flood *= MANY // len(FLOODS[kind])
    # While the machine is busy none is earned.
    limit = FEW._replace(per_second=0.001)
    app = App(limit)
    async with serving(app) as port, dialled(port) as peer:
        await peer.opened()
        peer.writer.write(flood)
        end = await peer.closed()
        assert end.code == 4429
        assert end.reason.startswith(f"more than {limit.per_second:g} frames a second")
        assert len(end.reason) < 120
        await until(lambda: app.ends or app.errors)
    assert len(app.taken) <= limit.burst
    assert not said()


async def test_a_connection_that_is_over_does_not_wait_for_the_collector():
    app = App()
    async with serving(app) as port:
        gc.disable()
        try:
            async with dialled(port) as peer:
                await peer.opened()
                await until(lambda: app.parts)
                peer.writer.write(wire(Frame(Opcode.CLOSE, Close(1000, "").serialize())))
                await peer.closed()
            await until(lambda: not any(part() for part in app.parts))
        finally:
            gc.enable()
    assert app.ends == [1]


async def test_a_subscriber_that_is_cut_off_is_told_why_in_a_text_too():
    async with serving(App(SUBSCRIBER_FRAMES)) as port, dialled(port) as peer:
        await peer.opened()
        peer.writer.write(wire(Frame(Opcode.PONG, b"")) * MANY)
        opcode, said = await peer.frame()
        assert opcode is Opcode.TEXT
        assert json.loads(said)["message"].startswith("more than 40 frames a second")
        assert (await peer.closed()).code == json.loads(said)["code"] == 4429


UNREADABLE = {
    "text that is not UTF-8": (wire(Frame(Opcode.TEXT, b"\xff")), 1007),
    "a reason that is not UTF-8": (wire(Frame(Opcode.CLOSE, b"\x03\xe8\xff")), 1007),
    "a close code that is none": (wire(Frame(Opcode.CLOSE, b"\x00\x00")), 1002),
    "a message that is too large": (wire(Frame(Opcode.TEXT, b"x" * 200_000)), 1009),
    "pieces of one that is too large": (
        wire(Frame(Opcode.TEXT, b"x" * 60_000, fin=False), Frame(Opcode.CONT, b"x" * 60_000)),
        1009,
    ),
    "a frame without a mask": (Frame(Opcode.TEXT, b"1").serialize(mask=False), 1002),
    "a ping, then an unknown opcode": (wire(Frame(Opcode.PING, b"")) + b"\x8b\x80\0\0\0\0", 1002),
    "a ping in pieces": (b"\x09\x80\0\0\0\0", 1002),
}


@pytest.mark.parametrize("kind", UNREADABLE)
async def test_a_subscriber_that_says_what_cannot_be_read_is_told_why_in_a_text_too(kind):
    """Before the close frame: behind it nothing may come (RFC 6455 section 5.5.1)."""
    sent, code = UNREADABLE[kind]
    async with serving(App(SUBSCRIBER_FRAMES)) as port, dialled(port) as peer:
        await peer.opened()
        peer.writer.write(sent)
        frames: list[tuple[Opcode, bytes]] = []
        async with patience():
            while not frames or frames[-1][0] is not Opcode.CLOSE:
                frames.append(await peer.frame())
        assert Close.parse(frames[-1][1]).code == code
        (said,) = [json.loads(data) for opcode, data in frames if opcode is Opcode.TEXT]
        assert (said["type"], said["code"]) == ("Error", code)
        assert said["message"]


@pytest.mark.parametrize("kind", UNREADABLE)
async def test_a_media_stream_is_told_by_its_close_alone(kind):
    sent, code = UNREADABLE[kind]
    async with serving(App()) as port, dialled(port) as peer:
        await peer.opened()
        peer.writer.write(sent)
        async with patience():
            while (frame := await peer.frame())[0] is Opcode.PONG:
                pass
        assert (frame[0], Close.parse(frame[1]).code) == (Opcode.CLOSE, code)


async def test_who_has_ended_the_connection_is_told_nothing_more():
    sent, code = BAD["an end amid a message"]
    async with serving(App(SUBSCRIBER_FRAMES)) as port, dialled(port) as peer:
        await peer.opened()
        peer.writer.write(sent)
        async with patience():
            opcode, said = await peer.frame()
        assert (opcode, Close.parse(said).code) == (Opcode.CLOSE, code)


async def test_a_flood_after_the_end_was_told_is_not_read(said, monkeypatch):
    """Nor is the peer told another end."""
    monkeypatch.setattr(websocket_protocol, "CLOSE_SECONDS", 0.5)

    class Ends(App):
        async def serve(self, websocket):
            await websocket.accept()
            websocket.scope["extensions"][CONNECTION].end(4401, "token expired")
            self.ends.append(1)

    app = Ends()
    async with serving(app) as port, dialled(port) as peer:
        await peer.opened()
        assert (await peer.closed()).code == 4401
        peer.writer.write(wire(Frame(Opcode.TEXT, b"1")) * MANY)
        await peer.cut_off()
    assert not said()


async def test_what_comes_at_once_holds_the_loop_no_longer_than_a_turn():
    """Whatever else is to be done is done between two turns, and no message is lost by it."""
    count = MEDIA_FRAMES.burst // 2
    messages = [f"{number:06}" for number in range(count)]
    app = App()
    async with serving(app) as port, dialled(port) as peer:
        await peer.opened()
        turns = 0
        most = 0
        peer.writer.write(wire(*[Frame(Opcode.TEXT, text.encode()) for text in messages]))
        async with patience():
            while len(app.taken) < count:
                before = len(app.taken)
                await asyncio.sleep(0)
                most = max(most, len(app.taken) - before)
                turns += 1
        assert app.taken == messages
        assert most <= 2 * FRAMES_A_TURN


async def test_a_message_that_comes_in_many_reads_is_read_whole():
    text = os.urandom(30_000).hex()
    app = App(FEW)
    async with serving(app) as port, dialled(port) as peer:
        await peer.opened()
        peer.writer.write(wire(Frame(Opcode.TEXT, text.encode())) * 3)
        await until(lambda: len(app.taken) == 3)
        assert app.taken == [text] * 3


async def test_pings_within_the_limit_are_answered():
    app = App(FEW)
    async with serving(app) as port, dialled(port) as peer:
        await peer.opened()
        for number in range(FEW.burst // 2):
            peer.writer.write(wire(Frame(Opcode.PING, b"%d" % number)))
            assert await peer.frame() == (Opcode.PONG, b"%d" % number)


BAD = {
    "text that is not UTF-8": (wire(Frame(Opcode.TEXT, b"\xff")), 1007),
    "such text, then an end": (
        wire(Frame(Opcode.TEXT, b"\xff"), Frame(Opcode.CLOSE, Close(1000, "").serialize())),
        1007,
    ),
    "such text, again and again": (wire(Frame(Opcode.TEXT, b"\xff")) * 40, 1007),
    "a frame without a mask": (Frame(Opcode.TEXT, b"1").serialize(mask=False), 1002),
    "messages, then nonsense": (wire(Frame(Opcode.TEXT, b"1")) * 40 + b"\xff" * 400, 1002),
    "an unknown opcode": (b"\x8b\x80" + b"\0" * 4, 1002),
    "an end amid a message": (
        wire(Frame(Opcode.TEXT, b"1", fin=False), Frame(Opcode.CLOSE, b"")),
        1002,
    ),
}


@pytest.mark.parametrize("kind", BAD)
async def test_what_is_no_message_ends_the_connection_without_a_traceback(kind, said):
    sent, code = BAD[kind]

    class Answers(App):
        async def serve(self, websocket):
            """As an application does that has an answer to each message, and to the end."""
            await websocket.accept()
            with contextlib.suppress(WebSocketDisconnect):
                while True:
                    self.taken.append(await websocket.receive_text())
                    await asyncio.sleep(0)
                    await websocket.send_text("yes")
            if websocket.application_state is WebSocketState.CONNECTED:  # it was told by receive
                with contextlib.suppress(WebSocketDisconnect):
                    await websocket.send_text("gone?")
            self.ends.append(1)

    app = Answers()
    async with serving(app) as port, dialled(port) as peer:
        await peer.opened()
        peer.writer.write(sent)
        assert (await peer.closed()).code == code
        await until(lambda: app.ends or app.errors)
    assert not said()


async def test_what_came_whole_before_what_is_no_message_is_taken():
    sent, code = BAD["messages, then nonsense"]
    app = App()
    async with serving(app) as port, dialled(port) as peer:
        await peer.opened()
        peer.writer.write(sent)
        assert (await peer.closed()).code == code
        await until(lambda: app.ends or app.errors)
    assert app.taken == ["1"] * 40


class Stubborn(App):
    """Writes for as long as it may, then ends a connection in every way there is."""

    async def serve(self, websocket: WebSocket) -> None:
        await websocket.receive()
        await self.may_open.wait()
        await websocket.accept()
        connection = websocket.scope["extensions"][CONNECTION]
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await websocket.send_text("x" * 1000)
                await asyncio.sleep(0)
        connection.end(4401, "token expired")
        await close(websocket, 1000, "")


async def leaves_before_it_is_let_in(app: App, peer: Peer, number: int) -> None:
    app.may_open.clear()
    peer.writer.write(wire(Frame(Opcode.PING, b"")))
    asyncio.get_running_loop().call_later(number / 1000, app.may_open.set)


async def leaves_while_it_is_let_in(_: App, peer: Peer, number: int) -> None:
    for _turn in range(number):
        await asyncio.sleep(0)


async def leaves_amid_messages(_: App, peer: Peer, number: int) -> None:
    await peer.opened()
    peer.writer.write(wire(Frame(Opcode.TEXT, b"1")) * number * 100)
    await peer.reader.read(1000 * number)


async def leaves_amid_pings(_: App, peer: Peer, number: int) -> None:
    await peer.opened()
    peer.writer.write(wire(Frame(Opcode.PING, b"")) * number * 100)
    await peer.reader.read(1000 * number)


async def leaves_with_an_end(_: App, peer: Peer, number: int) -> None:
    await peer.opened()
    peer.writer.write(wire(*[Frame(Opcode.PING, b"")] * number, Frame(Opcode.CLOSE, b"")))
    await peer.writer.drain()


LEAVING = [
    leaves_before_it_is_let_in,
    leaves_while_it_is_let_in,
    leaves_amid_messages,
    leaves_amid_pings,
    leaves_with_an_end,
]


@pytest.mark.parametrize("leave", LEAVING)
async def test_a_peer_that_is_gone_at_any_moment_is_no_defect(leave, said):
    """Whatever the application asks of its connection then: it learns that the peer is gone."""
    app = Stubborn()
    async with serving(app) as port:
        for number in range(1, 21):
            async with dialled(port) as peer:
                await leave(app, peer, number)
            app.may_open.set()
        await until(lambda: app.over == 20)  # a server that ends cancels what still runs
    assert {type(error) for error in app.errors} <= {WebSocketDisconnect, ClientDisconnected}
    assert not said()
