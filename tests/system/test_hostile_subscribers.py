"""
What a subscriber with a good token may cost, however narrow the token: beside each, a live call.

A round is a second of attack.
"""

import asyncio
import contextlib
import itertools
import json
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest
from support.beside import live_call
from support.raw_websocket import wire
from support.sids import call_sid
from support.timing import LOOK, PATIENCE, patience
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

SOCKETS = 20
# What one of them sends at once, again and again; the smallest frames there are.
SENT_AT_ONCE = 256 * 1024
NOBODY = call_sid(9)

pytestmark = pytest.mark.proof


PIECES = [Frame(Opcode.CONT, b"", fin=False)] * 1000
FLOODS = {
    "pings": wire(Frame(Opcode.PING, b"")),
    "pongs": wire(Frame(Opcode.PONG, b"")),
    "texts": wire(Frame(Opcode.TEXT, b"1")),
    "pieces": wire(Frame(Opcode.TEXT, b"", fin=False), *PIECES, Frame(Opcode.CONT, b"")),
}


async def opened(service, query: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a socket by hand."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(
        f"GET /client?{query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def flood(service, token: str, frames: bytes, until: float) -> None:
    """Send frames without end, on one socket after the other."""
    data = frames * (SENT_AT_ONCE // len(frames))
    while asyncio.get_running_loop().time() < until:
        reader, writer = await opened(service, f"token={token}")
        came = asyncio.create_task(reader.read())
        with contextlib.suppress(ConnectionError):
            while not came.done():
                writer.write(data)
                sent = asyncio.create_task(writer.drain())
                await asyncio.wait({came, sent}, return_when=asyncio.FIRST_COMPLETED)
                if sent.done():
                    sent.result()
                else:
                    sent.cancel()
        writer.transport.abort()
        await asyncio.wait({came})
        came.exception()


async def test_frames_of_no_meaning_from_the_narrowest_token(serve, mint, rounds):
    seconds = len(rounds(sample=2, full=5))
    narrow = mint(calls=[NOBODY])
    with live_call(serve, mint(calls=["*"])) as call:
        until = asyncio.get_running_loop().time() + seconds
        kinds = itertools.cycle(FLOODS.values())
        async with patience(), asyncio.TaskGroup() as tasks:
            for frames, _ in zip(kinds, range(SOCKETS), strict=False):
                tasks.create_task(flood(call.service, narrow, frames, until))
        await asyncio.to_thread(call.check)
        assert call.service.stop() == 0
        assert "websocket cut off" in call.service.text
        assert "Traceback" not in call.service.text


async def await_unknown(service, token: str, count: int, seconds: float) -> list[int]:
    """Subscribe to calls that nobody knows, and wait for them; returns what was refused."""
    answers: list[int | None] = []
    async with connect(f"{service.ws}/client?token={token}", proxy=None) as socket:
        for _ in range(count):
            await socket.send(json.dumps({"subscribe": f"CA{os.urandom(16).hex()}"}))
        while len(answers) < count:
            said = json.loads(await socket.recv())
            if isinstance(said, dict) and said["type"] in {"Waiting", "Error"}:
                answers.append(said.get("code"))
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(seconds):
                while True:
                    await socket.recv()
    return [code for code in answers if code is not None]


async def test_subscriptions_to_calls_that_nobody_knows(serve, mint, rounds):
    seconds = len(rounds(sample=3, full=30))
    everything = mint(calls=["*"])
    with live_call(serve, everything) as call:
        async with patience(), asyncio.TaskGroup() as tasks:
            asking = [
                tasks.create_task(await_unknown(call.service, everything, 100, seconds))
                for _ in range(40)
            ]
        refused = [code for task in asking for code in task.result()]
        await asyncio.to_thread(call.check)
        assert refused.count(4429) > 40 * 100 // 2
        assert call.service.stop() == 0
        assert "Traceback" not in call.service.text


@pytest.fixture
async def long_call(tell):
    """Return what tells of a call of an hour or more."""

    async def make(service, records: int) -> str:
        told = await tell(service)
        await told.say_much("the quick brown fox jumps over the lazy dog and runs on", records)
        await told.stored()
        return told.sid

    return make


async def ask(client: httpx.AsyncClient, url: str, until: float) -> list[int]:
    """Ask for a transcript again and again; returns what was answered."""
    answers = []
    while asyncio.get_running_loop().time() < until:
        answer = await client.get(url)
        answers.append(answer.status_code)
        if answer.status_code != 200:
            assert int(answer.headers["retry-after"]) > 0
            assert b"come back" in answer.content
            await asyncio.sleep(LOOK)
    return answers


async def test_transcripts_of_a_long_call_from_one_token(serve, mint, long_call, rounds):
    seconds = len(rounds(sample=2, full=10))
    everything = mint(calls=["*"])
    with live_call(serve, everything) as call:
        sid = await long_call(call.service, 400 * seconds)
        call.attacked()
        limits = httpx.Limits(max_connections=None)
        async with (
            patience(),
            httpx.AsyncClient(trust_env=False, limits=limits, timeout=PATIENCE) as client,
            asyncio.TaskGroup() as tasks,
        ):
            url = f"{call.service.url}/calls/{sid}/transcript"
            until = asyncio.get_running_loop().time() + seconds
            asking = [
                tasks.create_task(ask(client, f"{url}.{form}?token={everything}", until))
                for form, _ in zip(itertools.cycle(["json", "txt", "srt", "vtt"]), range(30))
            ]
        answers = Counter(code for task in asking for code in task.result())
        await asyncio.to_thread(call.check, memory=14.0)
        assert answers[200] > 0
        assert answers[429] > 0
        assert set(answers) <= {200, 429, 503}
        assert call.service.stop() == 0
        assert "Traceback" not in call.service.text


@contextlib.asynccontextmanager
async def left_unread(port: int, path: str) -> AsyncIterator[None]:
    """Ask for something, and read no more than that it comes; another may be first, for a time."""
    loop = asyncio.get_running_loop()
    while True:
        with socket.socket() as idle:
            idle.setblocking(False)
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(idle, ("127.0.0.1", port))
            await loop.sock_sendall(idle, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            if (await loop.sock_recv(idle, 12)).endswith(b"200"):
                yield
                return


async def until_free_again(client: httpx.AsyncClient, url: str) -> httpx.Response:
    """Ask again and again, until there was no room and then there is some."""
    refused = 0
    while (answer := await client.get(url)).status_code != 200 or not refused:
        assert answer.status_code in (200, 503)
        refused += answer.status_code == 503
        await asyncio.sleep(LOOK)
    return answer


async def test_a_transcript_that_nobody_reads_holds_its_place_no_longer_than_any_subscriber(
    serve, mint, long_call
):
    service = serve(MAX_TRANSCRIPTS="1", WRITE_TIMEOUT="5")
    sid = await long_call(service, 500)
    path = f"/calls/{sid}/transcript.json?token={mint(calls=['*'])}"
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client, patience():
        # Before: however late that one's answer is noticed here, the place is found taken.
        asking = asyncio.create_task(until_free_again(client, f"{service.url}{path}"))
        async with left_unread(service.port, path):
            answer = await asking
            assert len(answer.json()["turns"][0]["words"]) == 500 * 12
            head = await client.head(f"{service.url}{path}")
            assert (head.status_code, head.content) == (200, b"")
            head = await client.head(f"{service.url}{path.replace(sid, NOBODY)}")
            assert head.status_code == 404


async def test_places_of_one_sub_leave_room_for_others(serve, mint, tell):
    service = serve(MAX_SUBSCRIBERS="60", MAX_SHARE="50")
    told = await tell(service)
    one, another = mint(calls=["*"], subject="one"), mint(calls=["*"], subject="another")
    async with contextlib.AsyncExitStack() as stack, httpx.AsyncClient(trust_env=False) as client:
        for _ in range(30):
            url = f"{service.ws}/client?token={mint(calls=['*'], subject='one')}"
            await stack.enter_async_context(connect(url, proxy=None))
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{service.ws}/client?token={one}", proxy=None)
        assert refused.value.response.status_code == 429
        assert b"another sub" in (refused.value.response.body or b"")
        events = f"{service.url}/calls/{told.sid}/events"
        answer = await client.get(f"{events}?token={one}")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
        async with connect(f"{service.ws}/client?token={another}", proxy=None):
            pass
        async with client.stream("GET", f"{events}?token={another}") as answer:
            assert answer.status_code == 200
