"""
The programs of the demo, each a process of its own.

However this process ends, the others do too: they see their standard input end.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from rehearsal.errors import DemoFailed

T = TypeVar("T")

# Loading the recogniser takes two seconds, on a slow and busy machine many more.
START_SECONDS = 90.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.05
TAIL_LINES = 15
# What the programs get of our environment. No setting of another service may leak in.
INHERITED = frozenset(
    {"HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ"}
)
INHERITED_PREFIXES = ("LC_", "PYTHON")


@dataclass(frozen=True, slots=True)
class Part:
    """A program of the demo, and the file that its output goes to."""

    name: str
    process: Process
    output: Path

    def lines(self) -> list[str]:
        """Return what it has said so far."""
        return self.output.read_text(errors="replace").splitlines()

    def failed(self, what: str) -> DemoFailed:
        """Return the error that says what the program did, and its last words."""
        return DemoFailed("\n".join([f"{self.name} {what}:", *self.lines()[-TAIL_LINES:]]))


@dataclass(slots=True)
class Programs:
    """
    What runs.

    Attributes:
        directory: For what the programs write; the demo's own.
        environ: The settings of the programs.
        parts: The programs that run, in the order in which they started.
    """

    directory: Path
    environ: dict[str, str]
    parts: list[Part] = field(default_factory=list)

    async def start(self, name: str, *arguments: str) -> Part:
        path = self.directory / f"{name}.log"
        with path.open("wb") as output:
            process = await self._spawn(*arguments, stdin=PIPE, stdout=output, stderr=output)
        part = Part(name, process, path)
        self.parts.append(part)
        return part

    async def output(self, *arguments: str) -> str | None:
        """Run a program to its end; returns what it printed, None if it failed."""
        process = await self._spawn(*arguments, stdin=DEVNULL, stdout=PIPE)
        printed, _ = await process.communicate()
        return printed.decode().strip() if process.returncode == 0 else None

    async def stop(self) -> None:
        """Stop the programs, the last one first; each ends by itself when its input does."""
        for part in reversed(self.parts):
            if part.process.stdin is not None:
                part.process.stdin.close()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await part.process.wait()
            except TimeoutError:
                part.process.kill()
                await part.process.wait()

    async def watch(self) -> None:
        """
        Wait for a program to end that should not.

        Raises:
            DemoFailed: one has; says which, and its last words.
        """
        waiting = {asyncio.create_task(part.process.wait()): part for part in self.parts}
        try:
            ended, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        part = waiting[ended.pop()]
        raise part.failed(f"ended unexpectedly with exit code {part.process.returncode}")

    @contextlib.asynccontextmanager
    async def watched(
        self,
    ) -> AsyncIterator[Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]]:
        """Give a function that awaits something, unless a part of the demo fails meanwhile."""
        failing = asyncio.create_task(self.watch())

        async def unless_a_part_fails(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
            task = asyncio.create_task(work)
            try:
                await asyncio.wait({failing, task}, return_when=asyncio.FIRST_COMPLETED)
                if failing.done():
                    failing.result()  # raises: it explains what the work may have failed of, too
                return task.result()
            finally:
                task.cancel()
                await asyncio.wait({task})

        try:
            yield unless_a_part_fails
        finally:
            failing.cancel()
            await asyncio.wait({failing})

    async def _spawn(
        self,
        *arguments: str,
        stdin: int,
        stdout: int | IO[bytes],
        stderr: int | IO[bytes] | None = None,
    ) -> Process:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in INHERITED or name.startswith(INHERITED_PREFIXES)
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "handler.cli",
            *arguments,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env={**inherited, **self.environ},
            start_new_session=True,  # Ctrl-C reaches us alone; we stop them in order
        )


async def found(part: Part, find: Callable[[str], T | None]) -> T:
    """Wait for a line of a program's output in which ``find`` finds something."""
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                ended = part.process.returncode is not None  # before its last lines are read
                for line in part.lines():
                    if (value := find(line)) is not None:
                        return value
                if ended:
                    raise part.failed("did not start")
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise part.failed(f"did not start within {START_SECONDS:g} s") from None
