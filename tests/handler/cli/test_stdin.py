"""handler/cli/stdin.py and rehearsal/stdin.py: what ends when standard input does."""

import asyncio
import fcntl
import os
import sys
import termios
from pathlib import Path

import pytest
from support.processes import ENVIRON
from support.timing import patience, until

PROGRAM = """
import asyncio, importlib, sys
async def main():
    gone = asyncio.Event()
    importlib.import_module(sys.argv[1]).watch_standard_input(gone)
    print("watching", flush=True)
    await gone.wait()
    print("gone", flush=True)
asyncio.run(main())
"""
HOMES = ["handler.cli.stdin", "rehearsal.stdin"]
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("module", HOMES)
async def test_an_input_that_has_nothing_yet_has_not_ended(module):
    """The other end of a pipe that does not block may be anybody's, as a supervisor's in Node."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, module),
        cwd=ROOT,
        env=ENVIRON,
        stdin=reading,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert program.stdout is not None
        async with patience():
            assert await program.stdout.readline() == b"watching\n"
            for _ in range(5):  # it reads on after it found nothing
                os.write(writing, b"a line\n")
                await until(lambda: is_empty(reading) or program.returncode is not None)
                assert program.returncode is None
            os.close(writing)
            assert await program.communicate() == (b"gone\n", None)
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
        os.close(reading)


def is_empty(pipe: int) -> bool:
    return fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)) == bytes(4)


def test_service_and_rehearsal_do_it_alike():
    """Neither imports the other, so what they share is written twice."""
    service, rehearsal = (
        (ROOT / f"{module.replace('.', '/')}.py").read_text().partition("\nimport ")[2]
        for module in HOMES
    )
    assert service == rehearsal
