"""handler/cli/stdin.py and its twin in rehearsal: a program ends with its standard input."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import ENVIRON
from support.timing import PATIENCE

ROOT = Path(__file__).parents[3]
MODULES = ("handler.cli.stdin", "rehearsal.stdin")
PROGRAM = """
import asyncio, sys
from {module} import watch_standard_input

async def main():
    gone = asyncio.Event()
    watch_standard_input(gone)
    print("watching", flush=True)
    if sys.argv[1] == "wait":
        await gone.wait()
        print("gone")

asyncio.run(main())
"""


def program(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM.format(module=module), *arguments]


def test_the_two_copies_are_one_text():
    copies = [(ROOT / (module.replace(".", "/") + ".py")).read_text() for module in MODULES]
    assert copies[0] == copies[1]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("kind", ["/dev/null", "a file", "nothing", "a pipe"])
def test_standard_input_of_any_kind_ends(module, kind, tmp_path):
    command = program(module, "wait")
    file = tmp_path / "file"
    file.write_text("words\n" * 10_000)
    redirected = {
        "/dev/null": "</dev/null",
        "a file": f"<{file}",
        "nothing": "<&-",
        "a pipe": "",
    }
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirected[kind]}', "sh", *command],
        cwd=ROOT,
        env=ENVIRON,
        input=b"words",
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"watching\ngone\n", b"")


@pytest.mark.parametrize("module", MODULES)
def test_an_open_standard_input_keeps_no_program_from_ending(module):
    with subprocess.Popen(
        program(module, "end"), cwd=ROOT, env=ENVIRON, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout.readline() == b"watching\n"
        assert running.wait(PATIENCE) == 0  # while its input is open
