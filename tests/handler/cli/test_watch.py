"""handler/cli/watch.py: a subscriber in the terminal, over connections that break."""

import asyncio
import json
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from support.messages import CALL, ended, error, final, over, resumed, started
from support.processes import ENVIRON, partyline
from support.sids import call_sid
from support.timing import patience
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
)
from websockets.frames import Close
from websockets.http11 import Response

from handler.cli.ends import in_words
from handler.cli.watch import main

OTHER = call_sid(2)
CALL_ASKED = call_sid(3)  # where a single call is asked for
NUMBER = "+15550100001"


def asked(call: str, since: int) -> dict:
    return {"subscribe": call, "since": since, "interim": True}


class Script:
    """A service that says on each connection what it is told, and closes with a code."""

    def __init__(self, *connections: tuple[int, list[dict]]) -> None:
        self.connections = list(connections)
        self.commands: list[list[dict]] = []

    async def serve(self, socket: ServerConnection) -> None:
        code, messages = self.connections[len(self.commands)]
        await socket.send(json.dumps([CALL]))
        commands: list[dict] = []
        self.commands.append(commands)
        while not commands or commands[-1]["subscribe"] not in (NUMBER, CALL_ASKED):
            commands.append(json.loads(await socket.recv()))
        for message in messages:
            await socket.send(json.dumps(message))
        await socket.close(code)


@asynccontextmanager
async def watching(
    script: Script, *arguments: str, stdout: int = asyncio.subprocess.PIPE
) -> AsyncIterator[asyncio.subprocess.Process]:
    async with serve(script.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        watch = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "handler.cli", "watch", "--url", f"http://127.0.0.1:{port}"),
            *arguments,
            env=ENVIRON,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield watch
        finally:
            if watch.returncode is None:
                watch.kill()
            await watch.communicate()


async def printed(script: Script, *arguments: str) -> tuple[list[str], str, int | None]:
    async with patience(), watching(script, *arguments) as watch:
        output, errors = await watch.communicate()
        return output.decode().splitlines(), errors.decode(), watch.returncode


async def test_a_call_goes_on_after_a_broken_connection_where_it_was():
    script = Script(
        (1001, [started(call=CALL_ASKED), final("Hello.", 2, CALL_ASKED)]),
        (1012, [final("Again.", 3, CALL_ASKED)]),
        (1012, [ended(4, CALL_ASKED)]),
        (1012, [resumed(5, CALL_ASKED), final("Back.", 6, CALL_ASKED)]),
        (1000, [ended(7, CALL_ASKED), over(7, CALL_ASKED)]),
    )
    lines, errors, code = await printed(script, CALL_ASKED)
    positions = (0, 2, 3, 4, 6)
    assert script.commands == [
        [{"subscribe": CALL_ASKED, "since": since, "interim": True}] for since in positions
    ]
    assert lines == [
        "── call begins",
        "00:01.0  caller  Hello.",
        "00:01.0  caller  Again.",
        "── call ended after 00:03.0",
        "── call resumes",
        "00:01.0  caller  Back.",
        "── call ended after 00:03.0",
    ]
    assert errors.count(" was lost; trying again\nconnected to http://127.0.0.1:") == 4
    assert code == 0


@pytest.mark.parametrize("flags", [[], ["--json"]])
async def test_a_number_prints_nothing_twice_after_a_broken_connection(flags):
    begun = [started(), final("Hello.", 2), started(call=OTHER)]
    script = Script(
        (1012, begun),
        # OTHER has ended meanwhile: only who asks for it by name is told.
        (1012, [*begun, final("Again.", 3), ended(2, OTHER), over(2, OTHER)]),
        (4401, begun),
    )
    lines, _, code = await printed(script, NUMBER, *flags)
    number = {"subscribe": NUMBER, "interim": True}
    assert script.commands == [
        [number],
        [asked(OTHER, 1), asked(CALL, 2), number],
        [asked(CALL, 3), number],
    ]
    if flags:
        messages = [line for line in map(json.loads, lines) if line["type"] != "Over"]
        lines = [f"{line['callSid']} {line['seq']}" for line in messages]
        expected = [f"{CALL} 1", f"{CALL} 2", f"{OTHER} 1", f"{CALL} 3", f"{OTHER} 2"]
    else:
        expected = [
            f"…{CALL[-6:]}  ── call begins",
            f"…{CALL[-6:]}  00:01.0  caller  Hello.",
            f"…{OTHER[-6:]}  ── call begins",
            f"…{CALL[-6:]}  00:01.0  caller  Again.",
            f"…{OTHER[-6:]}  ── call ended after 00:03.0",
        ]
    assert (lines, code) == (expected, 1)


async def test_a_call_that_cannot_be_read_ends_it_and_one_of_a_number_does_not():
    lines, errors, code = await printed(
        Script((4401, [error(4404, "no such call", CALL_ASKED)])), CALL_ASKED
    )
    assert (lines, errors, code) == ([], f"{CALL_ASKED}: no such call\n", 1)
    lines, _, _ = await printed(
        Script((4401, [error(4404, "no such call"), final("Hi.", 1, OTHER)])), NUMBER
    )
    assert lines == [f"…{CALL[-6:]}  ── no such call", f"…{OTHER[-6:]}  00:01.0  caller  Hi."]


@pytest.mark.parametrize("flags", [[], ["--json"]])
async def test_it_ends_in_silence_when_nobody_reads_what_it_prints(flags):
    """As with ``| head``: another connection would find no reader either."""
    reading, writing = os.pipe()
    os.close(reading)
    script = Script((1012, [final("Hello.", 1)]), (4401, []))
    async with patience(), watching(script, NUMBER, *flags, stdout=writing) as watch:
        os.close(writing)
        _, errors = await watch.communicate()
    told = errors.decode().splitlines()
    assert ([line[:12] for line in told], watch.returncode) == (["connected to"], 0)
    assert len(script.commands) == 1


def refused(status: int) -> InvalidStatus:
    return InvalidStatus(Response(status, HTTPStatus(status).phrase, Headers()))


@pytest.mark.parametrize(
    ("exc", "has_token", "words"),
    [
        (refused(503), True, "full or restarting"),
        (refused(429), True, "too many connections"),
        (refused(401), False, "a token is needed"),
        (refused(401), True, "refuses this token"),
        (refused(404), True, "HTTP 404"),
        (ConnectionClosedError(None, None), True, "the connection to http://h was lost"),
        (ConnectionClosedError(None, Close(1011, "no pong")), True, "was lost"),
        (ConnectionClosedError(None, Close(1007, "")), True, "is it Partyline"),
        (ConnectionClosedError(Close(4408, ""), None), True, "was lost"),
        (ConnectionClosedOK(Close(1001, ""), None), True, "was lost"),
        (ConnectionClosedError(Close(4401, "why"), None), True, "(4401): why"),
        (ConnectionRefusedError(111, ""), True, "cannot reach http://h: connection refused"),
        (TimeoutError("during handshake"), True, "cannot reach http://h: no answer in time"),
        (socket.gaierror(socket.EAI_AGAIN, ""), True, "no such host: is the name right?"),
        (socket.gaierror(socket.EAI_NONAME, ""), True, "no such host: is the name right?"),
    ],
)
def test_the_end_of_a_connection_is_told_in_words(exc, has_token, words):
    assert words in in_words(exc, url="http://h", has_token=has_token)


@asynccontextmanager
async def raw_server(answer: bytes) -> AsyncIterator[str]:
    """Answer whatever comes; yields host and port."""

    async def serve_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve_it, "127.0.0.1", 0) as server:
        yield "127.0.0.1:{1}".format(*server.sockets[0].getsockname())


def answer(status: int, *headers: str, body: str = "") -> bytes:
    head = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", body]).encode()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "closed the connection without an answer: if it speaks TLS"),
        (b"SSH-2.0-OpenSSH\r\n", "does not answer as the service does: is it Partyline"),
        (b"HTTP/1.1 101 x\r\n\r\n", "does not answer as the service does"),
        (answer(200, body="Hello"), "HTTP 200: ok: is it Partyline"),
        (answer(301, "Location: https://u:secret@h/client"), "leads on to https://h/client"),
        (answer(302), "HTTP 302: found: is it Partyline that answers there"),
        (answer(401, "WWW-Authenticate: Basic realm=x"), "asks for a user and a password"),
        (answer(403, body="forbidden: this page\nmore"), "HTTP 403: forbidden: this page"),
        (answer(404, body="<html>"), "HTTP 404: there is no /client: is it Partyline"),
        (answer(426), "HTTP 426: a proxy before the service takes Upgrade away"),
        (answer(429, body="too many: come back"), "HTTP 429: too many: come back"),
        (answer(500), "HTTP 500: internal server error"),
        (answer(502, body="<html>"), "HTTP 502: a proxy is there, but not the service"),
        (answer(599, body='{"a":1}'), "HTTP 599: which is no status"),
    ],
)
async def test_what_is_no_service_or_takes_nobody_is_told_in_our_words(said, words):
    async with raw_server(said) as url, patience():
        with pytest.raises((InvalidHandshake, InvalidURI)) as caught:
            await connect(f"ws://{url}/client", proxy=None)
    assert isinstance(caught.value, InvalidHandshake | InvalidURI)
    told = in_words(caught.value, url=f"http://{url}", has_token=True)
    assert words in told
    assert url in told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (answer(400), "TLS failed (wrong version number): does the server speak it on this"),
        (b"", "without an answer: if it speaks no TLS on this port, --url begins with http:"),
    ],
)
async def test_tls_to_a_plain_port_is_told_as_that(said, words):
    async with raw_server(said) as url, patience():
        with pytest.raises((ssl.SSLError, ConnectionResetError)) as caught:
            await connect(f"wss://{url}/client", proxy=None)
    told = in_words(caught.value, url=f"https://{url}", has_token=True)
    assert words in told
    assert url in told


@pytest.mark.parametrize("begins", ["{}", "hello", "4"])
async def test_a_websocket_of_others_is_told_from_the_service(begins):
    async def other(socket: ServerConnection) -> None:
        await socket.send(begins)
        await socket.wait_closed()

    async with patience(), serve(other, "127.0.0.1", 0) as server:
        url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        ended = await asyncio.to_thread(partyline, "watch", NUMBER, "--url", url)
    assert ended.returncode == 1
    assert f"{url} does not answer as the service does: is it Partyline" in ended.stderr


async def test_a_number_is_said_to_be_waited_for_as_soon_as_it_is():
    async with patience(), watching(Script((1000, [])), NUMBER) as watch:
        assert watch.stderr is not None
        line = (await watch.stderr.readline()).decode()
    assert line.startswith("connected to http://127.0.0.1:")
    assert line.endswith(f": waiting for calls of {NUMBER}\n")


@pytest.mark.parametrize("token", ["eyJ…", "two words", "a\nb"])
def test_what_cannot_be_a_token_is_refused_in_words(token):
    ended = partyline("watch", NUMBER, PARTYLINE_TOKEN=token)
    assert ended.returncode == 2
    assert ended.stderr.startswith("partyline watch: PARTYLINE_TOKEN: is no token")


@pytest.mark.parametrize(
    "url", ["ftp://h", "http://", "http://a..b", "http://[h", "http://h:42x2", "http://h:0"]
)
def test_an_address_that_cannot_be_one_is_refused_in_words(url, capsys):
    with pytest.raises(SystemExit) as raised:
        main([NUMBER, "--url", url])
    assert raised.value.code == 2
    assert f"{url!r} is not like https://calls.example.com" in capsys.readouterr().err
