"""The stand-in for Twilio, seen by a small server."""

import asyncio
import base64
import contextlib
import json
import re
import socket
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.utils import accept_key

from rehearsal.errors import CallFailed, HandshakeRefused
from rehearsal.twilio import Frame, HangUp, Messages, Options, Signature, place_call, schedule
from rehearsal.twilio import media_stream as module

TOKEN = "12345"
CALL = Options(
    auth_token=TOKEN,
    account_sid="AC" + "1" * 32,
    call_sid="CA" + "2" * 32,
    stream_sid="MZ" + "3" * 32,
)


@dataclass
class Server:
    """What a media stream looks like from the other side."""

    port: int = 0
    request: Request | None = None
    messages: list[dict] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    close_code: int | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/twilio"

    def of(self, track: str) -> list[dict]:
        return [m["media"] for m in self.messages if m.get("media", {}).get("track") == track]


@contextlib.asynccontextmanager
async def listening(first: str | bytes | None = None, close: int | None = None, **options):
    """Take media streams; maybe say something or close when one has begun."""
    server = Server()

    async def take(ws: ServerConnection) -> None:
        server.request = ws.request
        with contextlib.suppress(ConnectionClosed):
            async for text in ws:
                server.times.append(asyncio.get_running_loop().time())
                server.messages.append(json.loads(text))
                if len(server.messages) == 2 and first is not None:
                    await ws.send(first)
                if len(server.messages) == 2 and close is not None:
                    await ws.close(close)
        server.close_code = ws.close_code
        server.ended.set()

    async with serve(take, "127.0.0.1", 0, **options) as listener:
        server.port = next(iter(listener.sockets)).getsockname()[1]
        yield server


def fast(**changes) -> Options:
    return Options(auth_token=TOKEN, speed=100, **changes)


async def test_the_handshake_is_twilios():
    async with listening() as server:
        await place_call(f"{server.url}?token=lost", b"\xff" * 160, b"", fast())
    headers = server.request.headers
    assert server.request.path == "/twilio"
    assert headers["User-Agent"] == "Twilio.TmeWs/1.0"
    assert "x-twilio-signature" in [name for name, _ in headers.raw_items()]
    for absent in ("Origin", "Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"):
        assert absent not in headers


@pytest.mark.parametrize(
    ("changes", "url", "valid"),
    [
        ({}, "{url}", True),
        ({"signature": Signature.SLASH}, "{url}/", True),
        ({"signature": Signature.SLASH}, "{url}", False),
        ({"signature": Signature.WRONG}, "{url}", False),
        ({"signed_url": "wss://calls.example.com/twilio"}, "wss://calls.example.com/twilio", True),
    ],
)
async def test_the_official_validator_judges_the_signature(changes, url, valid):
    async with listening() as server:
        await place_call(server.url, b"\xff" * 160, b"", fast(**changes))
    given = server.request.headers["x-twilio-signature"]
    signed = url.format(url=server.url)
    assert RequestValidator(TOKEN).validate(signed, {}, given) is valid


@pytest.mark.parametrize("options", [fast(signature=Signature.NONE), Options(speed=100)])
async def test_the_signature_may_be_missing(options):
    async with listening() as server:
        await place_call(server.url, b"\xff" * 160, b"", options)
    assert "x-twilio-signature" not in server.request.headers


def test_messages_are_written_as_twilio_writes_them():
    messages = Messages(CALL)
    assert messages.connected() == '{"event":"connected","protocol":"Call","version":"1.0.0"}'
    ac, ca, mz = CALL.account_sid, CALL.call_sid, CALL.stream_sid
    assert messages.start() == (
        f'{{"event":"start","sequenceNumber":"1","start":{{"accountSid":"{ac}",'
        f'"streamSid":"{mz}","callSid":"{ca}","tracks":["inbound","outbound"],'
        '"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},'
        f'"customParameters":{{}}}},"streamSid":"{mz}"}}'
    )
    assert messages.media(Frame(0.02, "inbound", 155, b"\xff\x00")) == (
        '{"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1",'
        f'"timestamp":"155","payload":"/wA="}},"streamSid":"{mz}"}}'
    )
    assert messages.stop() == (
        f'{{"event":"stop","sequenceNumber":"3","streamSid":"{mz}",'
        f'"stop":{{"accountSid":"{ac}","callSid":"{ca}"}}}}'
    )


@pytest.mark.parametrize(("shared", "chunks"), [(True, ["1", "2", "3"]), (False, ["1", "1", "2"])])
def test_chunks_are_counted_for_both_tracks_or_for_each(shared, chunks):
    messages = Messages(Options(shared_chunks=shared))
    frames = [Frame(0, track, 1, b"") for track in ("outbound", "inbound", "inbound")]
    assert [json.loads(messages.media(f))["media"]["chunk"] for f in frames] == chunks


def test_frames_lie_on_one_clock_with_jitter_and_outbound_comes_later():
    options = Options(outbound_delay=0.05, seed=7)
    frames = list(schedule(b"a" * 400, b"b" * 320, options))
    assert [(round(f.at * 1000), f.track, len(f.payload)) for f in frames] == [
        (20, "inbound", 160),
        (40, "inbound", 160),
        (60, "inbound", 80),
        (60, "outbound", 160),
        (80, "outbound", 160),
    ]
    strays = [f.timestamp - 155 - (round(f.at * 1000) - 20) for f in frames]
    assert all(-2 <= stray <= 2 for stray in strays)
    assert any(strays)
    assert list(schedule(b"a" * 400, b"b" * 320, options)) == frames
    assert list(schedule(b"", b"", options)) == []


async def test_a_call_is_sent_whole_and_in_order(sound):
    inbound, outbound = sound.noise(0.5), sound.noise(0.3, seed=2)
    options = fast(parameters={"from": "+15550100001"}, outbound_delay=0.1)
    async with listening() as server:
        report = await place_call(server.url, inbound, outbound, options, keep_frames=True)
        await server.ended.wait()
    assert report.ok
    assert report.frames == 25 + 15
    events = [message["event"] for message in server.messages]
    assert events == ["connected", "start", *["media"] * 40, "stop"]
    assert server.messages[1]["start"]["customParameters"] == {"from": "+15550100001"}
    assert [m["sequenceNumber"] for m in server.messages[1:]] == [str(n + 1) for n in range(42)]
    assert b"".join(base64.b64decode(m["payload"]) for m in server.of("inbound")) == inbound
    assert b"".join(base64.b64decode(m["payload"]) for m in server.of("outbound")) == outbound
    assert [(f.track, str(f.timestamp), base64.b64encode(f.payload)) for f in report.sent] == [
        (m["media"]["track"], m["media"]["timestamp"], m["media"]["payload"].encode())
        for m in server.messages[2:-1]
    ]
    assert server.close_code == 1000


async def test_frames_leave_in_real_time():
    begun = asyncio.get_running_loop().time()
    async with listening() as server:
        await place_call(server.url, b"\xff" * 8000, b"\xff" * 8000, Options())
        await server.ended.wait()
    media = [
        at for at, m in zip(server.times, server.messages, strict=True) if m["event"] == "media"
    ]
    assert (len(media), media[-1] - begun >= 1) == (100, True)


async def test_a_frame_that_leaves_late_delays_none_behind_it(monkeypatch):
    """By a clock of its own, on which each frame is late."""
    now, due = 0.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        due.append(now + seconds)
        now = due[-1] + 0.005
        await asyncio.sleep(0)

    clock = {"sleep": sleep, "get_running_loop": lambda: SimpleNamespace(time=lambda: now)}
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(**vars(asyncio) | clock))
    sides = b"\xff" * 8000, b"\xff" * 8000
    async with listening() as server:
        await place_call(server.url, *sides, Options())
    assert due == pytest.approx([frame.at for frame in schedule(*sides, Options())])
    assert due[-1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("how", "events", "code"),
    [(HangUp.STOP, "stop", 1000), (HangUp.CLOSE, "media", 1000), (HangUp.RESET, "media", 1006)],
)
async def test_a_stream_ends_in_different_ways(how, events, code):
    async with listening() as server:
        await place_call(server.url, b"\xff" * 320, b"", fast(hang_up=how))
        await server.ended.wait()
    assert server.close_code == code
    if how is not HangUp.RESET:
        assert server.messages[-1]["event"] == events


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ('{"event":"mark"}', "31924 Protocol Error: mark on a one-way stream"),
        ('{"event":"hello"}', "31951 Invalid Message"),
        ("hello", "31951 Invalid Message"),
        (b"\0", "31950 Malformed Message"),
    ],
)
async def test_whatever_the_server_says_is_a_problem(said, problem):
    async with listening(first=said) as server:
        report = await place_call(server.url, b"\xff" * 1600, b"", fast())
    assert report.problems == {problem: 1}
    assert not report.ok


async def test_a_server_that_closes_is_a_problem():
    async with listening(close=1012) as server:
        report = await place_call(server.url, b"\xff" * 16_000, b"", Options(speed=4))
    assert report.problems == {"31921 Close Error: the server closed with 1012": 1}
    assert report.close_code == 1012


async def test_a_refusal_is_reported_in_words():
    def refuse(ws: ServerConnection, _: Request):
        return ws.respond(403, "another account\nand more")

    async with listening(process_request=refuse) as server:
        with pytest.raises(HandshakeRefused) as caught:
            await place_call(server.url, b"\xff", b"", fast())
    said = "31920 Handshake Error: the server answered HTTP 403 Forbidden: another account"
    assert str(caught.value) == said
    assert (caught.value.status, caught.value.code) == (403, 31920)


async def test_what_cannot_be_reached_is_reported_in_words():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{free.getsockname()[1]}/"
        with pytest.raises(CallFailed) as caught:
            await place_call(url, b"\xff", b"", fast())
    assert str(caught.value) == f"31902 Connection Refused: {url}: is a server running there?"
    with pytest.raises(CallFailed, match=r"31902 .*: no such host: is the name right"):
        await place_call("ws://nowhere.invalid/", b"\xff", b"", fast())


@pytest.mark.parametrize("url", ["ftp://h/", "ws://", "ws://[h", "ws://h:42x2/", "ws://h:0/"])
async def test_what_is_no_address_of_a_websocket_is_told_as_that(url):
    with pytest.raises(
        CallFailed, match=r"^31922 URL schema unsupported: .* is not like wss://HOST"
    ):
        await place_call(url, b"\xff", b"", fast())


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ("ws", "31920 Handshake Error: {}: what answers there takes no websocket, or closed the"),
        ("wss", "31910 SSL Protocol Error: {}: TLS failed (wrong version number): does the server"),
    ],
)
async def test_what_speaks_another_protocol_is_told_in_words(scheme, words):
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(CallFailed) as caught:
            await place_call(url, b"\xff", b"", fast())
    assert str(caught.value).startswith(words.format(url))


async def test_audio_for_a_peer_that_does_not_read_is_discarded_at_last(monkeypatch):
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        [key] = re.findall(r"(?i)sec-websocket-key: (\S+)", request)
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(key).encode() + b"\r\n\r\n"
        )
        raw_transport: Any = writer.transport
        raw_transport.pause_reading()
        await done.wait()
        writer.transport.abort()

    async def with_small_buffers(*arguments, **options):
        # The kernel's own would take minutes of audio before anything is felt here.
        connection = await connect(*arguments, **options)
        raw = connection.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return connection

    monkeypatch.setattr(module, "connect", with_small_buffers)
    monkeypatch.setattr(module, "MAX_UNSENT", 8000)
    monkeypatch.setattr(module, "ARRIVE_SECONDS", 0)
    done = asyncio.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    async with await asyncio.start_server(accept, sock=listener, limit=4096):
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        noise = b"\xff" * 16_000
        report = await place_call(url, noise, noise, Options(hang_up=HangUp.RESET))
        done.set()
    assert set(report.problems) == {"31930 Buffer Overflow"}
    assert report.frames + report.problems["31930 Buffer Overflow"] == 200
    assert report.frames > 10


async def test_a_path_breaks_behind_what_was_sent_though_the_server_has_not_read_it_yet():
    """Else the report would count frames that nobody got."""
    received = 0
    late, over = asyncio.Event(), asyncio.Event()

    async def take(ws: ServerConnection) -> None:
        nonlocal received
        await late.wait()
        with contextlib.suppress(ConnectionClosed):
            async for _ in ws:
                received += 1
        over.set()

    def after_three_seconds(at: float) -> None:
        if at > 3:
            late.set()

    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    noise = b"\xff" * 32_000
    async with serve(take, sock=listener):
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        call = fast(hang_up=HangUp.RESET)
        report = await place_call(url, noise, noise, call, progress=after_three_seconds)
        await over.wait()
    assert report.frames == 400
    assert received == 2 + report.frames
