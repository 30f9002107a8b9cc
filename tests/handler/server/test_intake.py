"""handler/server/intake.py: how a websocket is read, by ASGI, taken, and polled."""

import asyncio
import contextlib
import random
from typing import Any

import pytest
from starlette.websockets import WebSocket
from support.raw_websocket import dialled, wire
from support.served import serving
from support.timing import patience, until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from broker import supervise
from handler.server.connection import CONNECTION
from handler.server.intake import READ_SIZE, TEXTS_A_TURN


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request):
    """Transports differ in how they pause."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


class App:
    """Reads by ASGI until it is told "take", then takes; everything in the order that it came."""

    def __init__(self, *, polled: bool = False) -> None:
        self.heard: list[Any] = []
        self.most = 0  # at once
        self.end: Any = None
        self.polled = polled
        self.protocol: Any = None

    async def __call__(self, scope, receive, send) -> None:
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        self.protocol = scope["extensions"][CONNECTION]
        while True:
            message = await websocket.receive()
            if message["type"] != "websocket.receive":
                self.end = message
                return
            said = message.get("text", message.get("bytes"))
            self.heard.append(said)
            if said == "take":
                self.protocol.take_texts(self.take)
                if self.polled:
                    self.protocol.poll()

    def take(self, texts: list[bytes]) -> None:
        self.heard += [text.decode() for text in texts]
        self.most = max(self.most, len(texts))
        if b"end" in texts:
            self.protocol.end(1000, "as asked")


@contextlib.asynccontextmanager
async def polling(app: App, seconds: float = 0.005):
    """Poll as a call does; only so anything is read."""

    async def poll() -> None:
        while True:
            await asyncio.sleep(seconds)
            if app.protocol is not None and "take" in app.heard:
                app.protocol.poll()

    task = supervise.start(poll(), "polling")
    try:
        yield
    finally:
        await supervise.end(task)


@contextlib.asynccontextmanager
async def talking(app: App):
    """A peer that says what it likes; yields what sends, and what tells how it ends."""
    async with serving(app) as port, dialled(port) as peer:
        await peer.opened()
        yield peer.writer, peer.reader


def conversation(seed: int) -> tuple[list[Frame], list[bytes | str]]:
    """Messages of all kinds, some in pieces with pings between; and what an application hears."""
    chance = random.Random(seed)
    frames = [Frame(Opcode.TEXT, b"take")]
    heard: list[bytes | str] = ["take"]
    for number in range(200):
        name = f"{number}:" + "x" * chance.choice([0, 100, 400, 3000])
        match chance.randrange(8):
            case 0:
                frames.append(Frame(Opcode.PING, name[:100].encode()))
            case 1:
                frames.append(Frame(Opcode.BINARY, name.encode()))
                heard.append(name.encode())
            case 2:
                pieces = [name[:2], name[2:50], name[50:]]
                for at, piece in enumerate(pieces):
                    opcode = Opcode.CONT if at else Opcode.TEXT
                    frames.append(Frame(opcode, piece.encode(), fin=at == 2))
                    frames.append(Frame(Opcode.PONG, b""))
                heard.append(name)
            case 3:
                frames.append(Frame(Opcode.TEXT, f"{name}é".encode()))
                heard.append(f"{name}é")
            case _:
                frames.append(Frame(Opcode.TEXT, name.encode()))
                heard.append(name)
    return frames, heard


@pytest.mark.parametrize("polled", [False, True], ids=["pushed", "polled"])
@pytest.mark.parametrize("seed", range(4))
async def test_whatever_comes_in_whatever_pieces_is_heard_once_and_in_order(seed, polled):
    frames, heard = conversation(seed)
    app = App(polled=polled)
    chance = random.Random(seed)
    data = wire(*frames)
    async with talking(app) as (writer, _), polling(app) if polled else contextlib.nullcontext():
        while data:
            size = chance.choice([1, 7, 300, 5000, 100_000])
            writer.write(data[:size])
            data = data[size:]
            await writer.drain()
            await asyncio.sleep(0)
        async with patience():
            await until(lambda: len(app.heard) >= len(heard))
    assert app.heard == heard


async def test_what_is_polled_is_not_read_in_between():
    app = App(polled=True)
    async with talking(app) as (writer, _):
        writer.write(wire(Frame(Opcode.TEXT, b"take")))
        await until(lambda: app.heard == ["take"])
        writer.write(wire(*[Frame(Opcode.TEXT, b"%d" % number) for number in range(3)]))
        for _ in range(20):
            await asyncio.sleep(0)
        assert app.heard == ["take"]
        await until(lambda: app.protocol.poll() or len(app.heard) > 1)
        assert (app.heard, app.most) == (["take", "0", "1", "2"], 3)


async def test_of_a_burst_no_more_is_taken_in_a_turn_than_others_can_wait_for():
    count = 5 * READ_SIZE // 400
    app = App(polled=True)
    async with talking(app) as (writer, _), polling(app):
        frames = [Frame(Opcode.TEXT, b"%0400d" % number) for number in range(count)]
        writer.write(wire(Frame(Opcode.TEXT, b"take"), *frames))
        await until(lambda: len(app.heard) == count + 1)
    assert app.heard[1:] == [f"{number:0400}" for number in range(count)]
    assert app.most <= TEXTS_A_TURN


@pytest.mark.parametrize("polled", [False, True], ids=["pushed", "polled"])
async def test_an_end_is_heard_and_answered(polled):
    app = App(polled=polled)
    async with serving(app) as port, polling(app):
        async with connect(f"ws://127.0.0.1:{port}") as peer:
            await peer.send("take")
            await peer.send("last")
        await until(lambda: app.end)
        assert (app.heard, app.end["code"], peer.close_code) == (["take", "last"], 1000, 1000)


async def test_what_is_polled_no_more_is_read_by_itself_to_its_end():
    app = App(polled=True)
    async with serving(app) as port:
        async with connect(f"ws://127.0.0.1:{port}") as peer:
            await peer.send("take")
            await until(lambda: app.heard)
            await peer.send("behind")
            await asyncio.sleep(0)
            app.protocol.release()
            await until(lambda: app.heard == ["take", "behind"])
            await peer.send("last")
        await until(lambda: app.end)
        assert (app.heard, app.most, peer.close_code) == (["take", "behind", "last"], 0, 1000)
        app.protocol.release()  # it is over: nothing is there to be read


@pytest.mark.parametrize("polled", [False, True], ids=["pushed", "polled"])
async def test_the_application_ends_it_in_the_midst_of_what_it_takes(polled):
    app = App(polled=polled)
    async with serving(app) as port, polling(app):
        async with connect(f"ws://127.0.0.1:{port}") as peer:
            for text in ("take", "end", "behind"):
                await peer.send(text)
            with pytest.raises(ConnectionClosed):
                await peer.recv()
        await until(lambda: app.end)
        assert (peer.close_code, app.end["code"]) == (1000, 1000)


@pytest.mark.parametrize("polled", [False, True], ids=["pushed", "polled"])
async def test_the_answer_to_an_end_by_asgi_is_heard(polled):
    app = App(polled=polled)
    async with serving(app) as port, connect(f"ws://127.0.0.1:{port}") as peer:
        await peer.send("take")
        await until(lambda: app.heard == ["take"])
        app.protocol.close_timeout = 1e6  # or it would be taken for heard in the end
        await app.protocol.send({"type": "websocket.close", "code": 1012, "reason": ""})
        await until(lambda: app.protocol.disconnected)
    assert peer.close_code == 1012


@pytest.mark.parametrize("polled", [False, True], ids=["pushed", "polled"])
async def test_a_peer_that_is_gone_without_a_word_is_found_to_be(polled):
    app = App(polled=polled)
    async with talking(app) as (writer, _), polling(app):
        writer.write(wire(Frame(Opcode.TEXT, b"take"), Frame(Opcode.TEXT, b"last")))
        await until(lambda: "last" in app.heard)
        writer.transport.abort()
        await until(lambda: app.end)
    assert app.end["type"] == "websocket.disconnect"


@pytest.mark.parametrize("polled", [False, True], ids=["pushed", "polled"])
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\xff" * 40, 1002),
        (wire(Frame(Opcode.TEXT, b"\xff")), 1007),
        (b"\x81\xff" + b"\x00\x00\x00\x00\x7f\xff\xff\xff" + bytes(4), 1009),
    ],
    ids=["no frame", "no text", "too long"],
)
async def test_what_websockets_would_refuse_is_refused_as_ever(sent, code, polled):
    app = App(polled=polled)
    async with talking(app) as (writer, reader), polling(app):
        writer.write(wire(Frame(Opcode.TEXT, b"take"), Frame(Opcode.TEXT, b"good")) + sent)
        answer = await reader.readexactly(4)
        await until(lambda: app.end)
    assert app.heard == ["take", "good"]
    assert int.from_bytes(answer[2:4]) == code


async def test_a_ping_is_answered_while_it_is_polled():
    app = App(polled=True)
    async with serving(app) as port, polling(app), connect(f"ws://127.0.0.1:{port}") as peer:
        await peer.send("take")
        async with patience():
            assert await (await peer.ping()) >= 0
