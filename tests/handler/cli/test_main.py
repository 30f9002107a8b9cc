"""handler/cli/__main__.py: one command, and what it says of those that are not there."""

import os
import subprocess
import sys

import pytest
from support.processes import ENVIRON, partyline
from support.sids import call_sid
from support.timing import PATIENCE

from handler.cli.__main__ import COMMANDS, main


@pytest.mark.parametrize(
    ("given", "near"),
    [("sevre", "serve"), ("tokens", "token"), ("--verson", "--version"), ("provison", "provision")],
)
def test_a_command_that_is_not_there_is_answered_with_the_nearest(given, near):
    ended = partyline(given)
    assert (ended.returncode, ended.stdout) == (2, "")
    what = "option" if given.startswith("-") else "command"
    assert ended.stderr == f"partyline: there is no {what} {given!r}; did you mean {near}?\n"


def test_one_that_is_near_to_none_is_answered_with_those_there_are():
    ended = partyline("xyzzy")
    names = ", ".join([*COMMANDS, "--help", "--version"])
    assert ended.stderr == f"partyline: there is no command 'xyzzy'; there are {names}\n"


CALL = call_sid(1)
# What is given wrongly, and what is said: the option that was meant, or what is too much.
WRONG = [
    ("watch --ulr http://h +15551230000", "there is no option --ulr; did you mean --url?"),
    ("watch --number +15551230000", "there is no option --number"),
    ("watch +15551230000 --ur=http://h", "there is no option --ur; did you mean --url?"),
    (f"watch {CALL} {CALL}", f"'{CALL}' is one argument too many"),
    ("watch", "the following arguments are required: CALL|NUMBER"),
    ("token --calls *", "there is no option --calls; did you mean --call?"),
    ("token --ttl", "argument --ttl: expected one argument"),
    ("tap --cont 3", "there is no option --cont; did you mean --count?"),
    ("tap -count 3", "there is no option -count; did you mean --count?"),
    ("tap a b", "'b' is one argument too many"),
    ("tap --server=nats://u:secret@h", "there is no option --server"),
    ("provision --retenion 7d", "there is no option --retenion; did you mean --retention?"),
    ("provision --ret 7d", "there is no option --ret; did you mean --retention?"),
    ("provision nats://u:secret@h", "'nats://h' is one argument too many"),
    (f"purge --froce {CALL}", "there is no option --froce; did you mean --force?"),
    ("serve --insecur", "there is no option --insecur; did you mean --insecure?"),
    ("serve 8080", "'8080' is one argument too many"),
    ("demo --one", "there is no option --one; did you mean --once?"),
    (
        "rehearse cal ws://h",
        "argument COMMAND: 'cal' is none of call, twilio, deepgram, recognise; did",
    ),
    ("rehearse call --sped 2 ws://h", "there is no option --sped; did you mean --speed?"),
    ("rehearse call --signature slsh ws://h", "did you mean slash?"),
    ("rehearse deepgram --recognizer x", "there is no option --recognizer; did you mean --recog"),
    ("rehearse recognise", "the following arguments are required: FILE"),
]


@pytest.mark.parametrize(("command", "words"), WRONG)
def test_what_a_command_does_not_know_is_told_in_a_line(command, words, capfd):
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    output, errors = capfd.readouterr()
    assert (ended.value.code, output) == (2, "")
    assert errors.startswith(f"partyline {command.split()[0]}")
    assert words in errors
    assert errors.endswith("--help says more)\n")
    assert errors.count("\n") == 1
    assert "secret" not in errors


@pytest.mark.parametrize("arguments", [["--count", "-1"], ["--count=-1"], ["--", "--a"]])
def test_a_value_is_not_taken_for_an_option(arguments, capsys):
    with pytest.raises(SystemExit):
        main(["tap", "--url", "nats://127.0.0.1:1", "a", *arguments])
    assert "there is no option" not in capsys.readouterr().err


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


def test_no_circles_are_looked_for_while_a_command_is_loaded_and_then_they_are():
    program = (
        "import gc; looks = []; from handler.cli import __main__ as cli;"
        "gc.callbacks.append(lambda *told: looks.append(told)); cli._load('handler.cli.serve');"
        "print(looks, gc.isenabled())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], env=ENVIRON, capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr) == ("[] True\n", "")
