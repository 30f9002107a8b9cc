"""
Programs that read a call by a client of ours, as tests/clients/README.md says.

Each is a process of its own: a table of them, and what the conformance suite asks of one.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from deno import find_deno_bin
from starlette.responses import PlainTextResponse, Response
from support.node import NODE
from support.processes import ENVIRON
from support.timing import patience
from support.twilio_api import serving

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "clients"
DENO = [find_deno_bin(), "run", "--no-check", "--allow-net"]
# Each name is a line of the suite's table.
CLIENTS: dict[str, list[str]] = {
    "deno": [*DENO, str(PROGRAMS / "read.mjs")],
    "python": [sys.executable, str(PROGRAMS / "read.py")],
    "python, sync": [sys.executable, str(PROGRAMS / "read.py"), "--sync"],
}
if NODE is not None:
    CLIENTS["node"] = [*NODE, str(PROGRAMS / "read.mjs")]
# So short that a thousand breaks do not take an hour; users have half a second.
FIRST_WAIT = "0.01"

Message = dict[str, Any]


class Program:
    """A client at work: what it has told so far, line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.messages: list[Message] = []
        self.states: list[str] = []
        self.last: Message = {}  # line of a state
        self._news = asyncio.Condition()

    @property
    def records(self) -> list[Message]:
        """Return the records that it has told."""
        return self.records_and()

    def records_and(self, *kinds: str) -> list[Message]:
        """Return the records that it has told, and messages of these types among them."""
        return [one for one in self.messages if one["type"] in kinds or _is_record(one)]

    async def read(self) -> None:
        """Take its lines, to the end."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            told = json.loads(line)
            async with self._news:
                if "state" in told:
                    self.states.append(told["state"])
                    self.last = told
                else:
                    self.messages.append(told)
                self._news.notify_all()

    async def heard(self, count: int) -> None:
        """Wait until it has told so many records."""
        async with patience(), self._news:
            await self._news.wait_for(lambda: len(self.records) >= count)

    async def told(self, kind: str) -> None:
        """Wait until it has told a message of a type."""
        async with patience(), self._news:
            await self._news.wait_for(lambda: any(one["type"] == kind for one in self.messages))

    async def was(self, state: str, times: int) -> None:
        """Wait until it has told so often that it is in a state."""
        async with patience(), self._news:
            await self._news.wait_for(lambda: self.states.count(state) >= times)

    async def news(self, seconds: float) -> None:
        """Wait for its next line, or so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait()

    async def ended(self) -> int:
        """Wait for its end; returns its exit code."""
        async with patience():
            return await self.process.wait()


def _is_record(message: Message) -> bool:
    """``CaughtUp`` and ``Over`` name a record, and are none."""
    return "seq" in message and message["type"] not in ("CaughtUp", "Over")


async def begin(*command: str) -> asyncio.subprocess.Process:
    """Run a program that reads by a client; who does ends it."""
    return await asyncio.create_subprocess_exec(
        *command,
        env={**ENVIRON, "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        limit=1024 * 1024,
    )


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of a program."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


@contextlib.asynccontextmanager
async def client_program(name: str, url: str, tokens: str, target: str) -> AsyncIterator[Program]:
    """Run a client; what is left of it at the end is killed."""
    process = await begin(*CLIENTS[name], url, tokens, target, "--wait", FIRST_WAIT)
    program = Program(process)
    reading = asyncio.create_task(program.read())
    try:
        yield program
    finally:
        await end(process)
        await reading


class TokenSource:
    """What an application's own server is to its clients: each GET gets a token."""

    def __init__(self, make: Callable[[], str]) -> None:
        self.make = make
        self.asked = 0
        self.away = False
        self._news = asyncio.Condition()

    async def until_asked(self, times: int) -> None:
        """Wait until it was asked so often, and has answered."""
        async with patience(), self._news:
            await self._news.wait_for(lambda: self.asked >= times)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        answer = Response(status_code=503) if self.away else PlainTextResponse(self.make())
        await answer(scope, receive, send)
        async with self._news:
            self.asked += 1
            self._news.notify_all()


@contextlib.asynccontextmanager
async def token_source(make: Callable[[], str]) -> AsyncIterator[tuple[TokenSource, str]]:
    """Serve tokens; yields the source and its address."""
    source = TokenSource(make)
    async with serving(source) as url:
        yield source, url
