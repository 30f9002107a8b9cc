"""handler/cli/__main__.py: one command, and what it says of those that are not there."""

import os
import subprocess
import sys

import pytest
from support.processes import ENVIRON, partyline
from support.timing import PATIENCE

from handler.cli.__main__ import COMMANDS


@pytest.mark.parametrize(
    ("given", "near"),
    [("sevre", "serve"), ("tokens", "token"), ("--verson", "--version"), ("provison", "provision")],
)
def test_a_command_that_is_not_there_is_answered_with_the_nearest(given, near):
    ended = partyline(given)
    assert (ended.returncode, ended.stdout) == (2, "")
    first, _, rest = ended.stderr.partition("\n")
    assert first == f"partyline: there is no command {given!r}; did you mean {near}?"
    assert "usage: partyline COMMAND" in rest


def test_one_that_is_near_to_none_is_answered_with_those_there_are():
    ended = partyline("xyzzy")
    assert ended.stderr.startswith("partyline: there is no command 'xyzzy'\n\nusage: ")
    assert [name for name in COMMANDS if f"\n  {name} " not in ended.stderr] == []


def test_the_version_is_said_where_nothing_is_installed():
    ended = partyline("--version")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("partyline ")


@pytest.mark.parametrize("arguments", [["-h"], [], ["serve", "--help"], ["rehearse", "--help"]])
def test_whoever_has_read_enough_of_the_help_ends_it_in_silence(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "handler.cli", *arguments],
        env=ENVIRON,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_needs_nothing_that_only_the_demo_brings(name):
    extras = ("aiohttp", "jiwer", "onnxruntime", "rich", "webrtcvad", "moonshine_voice")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({extras!r}));"
        f"from handler.cli.__main__ import main; sys.exit(main([{name!r}, '--help']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], env=ENVIRON, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"usage: partyline {name}")


def test_a_part_that_is_missing_is_named_with_how_to_get_it(tmp_path):
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text("raise ModuleNotFoundError(name='rich')")
    ended = partyline("demo", PYTHONPATH=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr == (
        "partyline demo: rich is not installed; in a checkout of the project: make demo, or "
        "pip install '.[demo]'\n"
    )
