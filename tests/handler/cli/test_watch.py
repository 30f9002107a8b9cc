"""handler/cli/watch.py: a subscriber in the terminal, over connections that break."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from support.processes import ENVIRON
from support.sids import call_sid
from support.timing import patience
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from handler.cli.transcript import Transcript
from handler.cli.watch import judge, main, subscriptions

CALL, OTHER = call_sid(1), call_sid(2)
CALL_ASKED = call_sid(3)  # where a single call is asked for
NUMBER = "+15550100001"


def record(kind: str, seq: int, call: str = CALL, **rest: object) -> dict:
    return {"type": kind, "callSid": call, "seq": seq, **rest}


def said(text: str, seq: int, call: str = CALL) -> dict:
    channel = {"alternatives": [{"transcript": text}]}
    head = record("Results", seq, call, track="inbound", start=1.0)
    return {**head, "is_final": True, "channel": channel}


def ended(seq: int, call: str = CALL) -> dict:
    return record("CallEnded", seq, call, duration=3.0)


def over(seq: int, call: str = CALL) -> dict:
    return record("Over", seq, call)


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
        (1001, [record("CallStarted", 1, CALL_ASKED), said("Hello.", 2, CALL_ASKED)]),
        (1012, [said("Again.", 3, CALL_ASKED)]),
        (1012, [ended(4, CALL_ASKED)]),
        (1012, [record("CallResumed", 5, CALL_ASKED), said("Back.", 6, CALL_ASKED)]),
        (1000, [ended(7, CALL_ASKED), over(7, CALL_ASKED)]),
    )
    lines, errors, code = await printed(script, CALL_ASKED)
    positions = (0, 2, 3, 4, 6)
    assert script.commands == [[{"subscribe": CALL_ASKED, "since": since}] for since in positions]
    assert lines == [
        "── call begins",
        "00:01.0  caller  Hello.",
        "00:01.0  caller  Again.",
        "── call ended after 00:03.0",
        "── call resumes",
        "00:01.0  caller  Back.",
        "── call ended after 00:03.0",
    ]
    assert errors.count("the connection was lost; trying again") == 4
    assert code == 0


@pytest.mark.parametrize("flags", [[], ["--json"]])
async def test_a_number_prints_nothing_twice_after_a_broken_connection(flags):
    begun = [record("CallStarted", 1), said("Hello.", 2), record("CallStarted", 1, OTHER)]
    script = Script(
        (1012, begun),
        # OTHER has ended meanwhile: only who asks for it by name is told.
        (1012, [*begun, said("Again.", 3), ended(2, OTHER), over(2, OTHER)]),
        (4401, begun),
    )
    lines, _, code = await printed(script, NUMBER, *flags)
    assert script.commands == [
        [{"subscribe": NUMBER}],
        [{"subscribe": CALL, "since": 2}, {"subscribe": OTHER, "since": 1}, {"subscribe": NUMBER}],
        [{"subscribe": CALL, "since": 3}, {"subscribe": NUMBER}],
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
    def error(call: str) -> dict:
        return {"type": "Error", "callSid": call, "code": 4404, "message": "no such call"}

    lines, errors, code = await printed(Script((4401, [error(CALL_ASKED)])), CALL_ASKED)
    assert (lines, errors, code) == ([], f"{CALL_ASKED}: no such call\n", 1)
    lines, _, _ = await printed(Script((4401, [error(CALL), said("Hi.", 1, OTHER)])), NUMBER)
    assert lines == [f"…{CALL[-6:]}  ── no such call", f"…{OTHER[-6:]}  00:01.0  caller  Hi."]


@pytest.mark.parametrize("flags", [[], ["--json"]])
async def test_it_ends_in_silence_when_nobody_reads_what_it_prints(flags):
    """As with ``| head``: another connection would find no reader either."""
    reading, writing = os.pipe()
    os.close(reading)
    script = Script((1012, [said("Hello.", 1)]), (4401, []))
    async with patience(), watching(script, NUMBER, *flags, stdout=writing) as watch:
        os.close(writing)
        _, errors = await watch.communicate()
    assert (errors.decode(), watch.returncode, len(script.commands)) == ("", 0, 1)


def refused(status: int) -> InvalidStatus:
    return InvalidStatus(Response(status, HTTPStatus(status).phrase, Headers()))


@pytest.mark.parametrize(
    ("exc", "has_token", "come_back", "words"),
    [
        (refused(503), True, True, "full or restarting"),
        (refused(401), False, False, "a token is needed"),
        (refused(401), True, False, "refuses this token"),
        (refused(404), True, False, "HTTP 404"),
        (ConnectionClosedError(None, None), True, True, "the connection was lost"),
        (ConnectionClosedError(Close(4408, ""), None), True, True, "the connection was lost"),
        (ConnectionClosedOK(Close(1001, ""), None), True, True, "the connection was lost"),
        (ConnectionClosedError(Close(4401, "why"), None), True, False, "closed with 4401: why"),
        (OSError("refused"), True, True, "cannot reach http://h: refused"),
    ],
)
def test_the_end_of_a_connection_says_whether_to_come_back(exc, has_token, come_back, words):
    end = judge(exc, url="http://h", has_token=has_token)
    assert end.come_back is come_back
    assert words in end.reason


def test_of_very_many_calls_those_that_began_last_are_resumed():
    transcript = Transcript(several=True)
    for number in range(1, 61):
        list(transcript.receive(said("Hello.", 7, call_sid(number))))
    commands = subscriptions(NUMBER, transcript)
    assert commands[0] == {"subscribe": call_sid(11), "since": 7}
    assert commands[-1] == {"subscribe": NUMBER}
    assert len(commands) == 51


@pytest.mark.parametrize("url", ["ftp://h", "http://", "http://[h", "http://h:42x2", "http://h:0"])
def test_an_address_that_cannot_be_one_is_refused_in_words(url, capsys):
    with pytest.raises(SystemExit) as raised:
        main([NUMBER, "--url", url])
    assert raised.value.code == 2
    assert f"{url!r} is not like https://calls.example.com" in capsys.readouterr().err
