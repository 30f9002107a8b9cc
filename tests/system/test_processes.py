"""Processes: how they refuse to start, and what they leave behind when they are killed."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LINUX = sys.platform.startswith("linux")
SECRET = "subscriber-token-secret-of-the-tests"


def partyline(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "handler.cli", *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize("missing", ["TWILIO_AUTH_TOKEN", "TOKEN_SECRET", "DEEPGRAM_API_KEY"])
def test_without_a_needed_setting_the_service_does_not_start_and_says_what_to_set(missing):
    needed = {"TWILIO_AUTH_TOKEN": "t", "TOKEN_SECRET": SECRET, "DEEPGRAM_API_KEY": "k"}
    del needed[missing]
    ended = partyline("serve", "--embedded-nats", **needed)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"partyline serve: {missing}: missing: set ")
    assert ended.stdout == ""


@pytest.mark.parametrize(
    "command", ["serve", "demo", "token", "watch", "tap", "rehearse", "rehearse call"]
)
def test_every_command_has_help(command):
    ended = partyline(*command.split(), "--help")
    assert ended.returncode == 0
    assert ended.stdout.startswith("usage: partyline " + command.split()[0])


def test_an_unknown_command_is_answered_with_those_there_are():
    ended = partyline("dance")
    assert ended.returncode == 2
    assert "partyline serve" in ended.stderr or "serve" in ended.stderr


def test_the_token_command_mints_what_it_is_told():
    ended = partyline("token", "--call", "CA" + "1" * 32, "--ttl", "5m", TOKEN_SECRET=SECRET)
    assert ended.returncode == 0
    assert ended.stdout.count(".") == 2
    refused = partyline("token", "--call", "CA*", TOKEN_SECRET=SECRET)
    assert refused.returncode == 2
    without = partyline("token")
    assert (without.returncode, without.stdout) == (2, "")
    assert "TOKEN_SECRET: missing" in without.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("watch --url nothere CA11111111111111111111111111111111", "is not like https://"),
        ("watch CA123", "neither a callSid"),
        ("tap --url http://127.0.0.1", "must begin with nats://"),
        ("tap --creds /nowhere", "cannot read /nowhere"),
        ("tap --call CA*", "--call"),
        ("rehearse recognise /nowhere.wav", "/nowhere.wav"),
        ("rehearse call http://127.0.0.1", "ws://"),
    ],
)
def test_a_wrong_argument_is_answered_in_words(command, words):
    ended = partyline(*command.split())
    assert ended.returncode in (1, 2)
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_version_is_told():
    assert partyline("--version").stdout.startswith("partyline 0.")


def children(pid: int) -> list[int]:
    """All descendants of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *children(child)]
    return found


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_gone(pids: list[int], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while left := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < end, f"still there: {left}"
        time.sleep(0.05)


def name(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


@pytest.mark.skipif(not LINUX, reason="reads /proc; the same is arranged on other systems")
@pytest.mark.parametrize("victim", ["handler.cli serve", "guard.py", "nats-server"])
def test_no_nats_server_is_left_when_the_service_or_its_guard_is_killed(serve, victim):
    service = serve()
    family = [service.popen.pid, *children(service.popen.pid)]
    assert len([pid for pid in family if "nats-server" in name(pid)]) == 2
    for pid in family:
        # The guard's command line names the server too: the last one is the server itself.
        if victim in name(pid) and (victim != "nats-server" or pid == family[-1]):
            os.kill(pid, signal.SIGKILL)
            break
    wait_gone(family[1:])


def start_demo() -> subprocess.Popen[str]:
    demo = subprocess.Popen(
        [sys.executable, "-m", "handler.cli", "demo"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    for line in demo.stdout:
        if "call begins" in line:
            return demo
    demo.communicate()
    raise AssertionError("the demo ended")


VICTIMS = [
    "handler.cli demo",
    "handler.cli serve",
    "rehearse deepgram",
    "guard.py",
    "nats-server",
]


@pytest.mark.skipif(not LINUX, reason="reads /proc; the same is arranged on other systems")
@pytest.mark.proof
def test_whatever_process_of_the_demo_is_killed_nothing_is_left(rounds):
    for number in rounds(sample=2, full=len(VICTIMS)):
        victim = VICTIMS[number]
        demo = start_demo()
        try:
            family = [demo.pid, *children(demo.pid)]
            chosen = [pid for pid in family if victim in name(pid)]
            os.kill(chosen[-1], signal.SIGKILL)
            demo.communicate(timeout=30)
            assert demo.returncode != 0
            wait_gone(family)
        finally:
            demo.kill()
            demo.communicate(timeout=20)


@pytest.mark.skipif(not LINUX, reason="reads /proc; the same is arranged on other systems")
def test_ctrl_c_ends_the_demo_with_0_and_leaves_nothing():
    demo = start_demo()
    try:
        family = [demo.pid, *children(demo.pid)]
        os.killpg(demo.pid, signal.SIGINT)
        output, _ = demo.communicate(timeout=30)
        assert demo.returncode == 0, output
        wait_gone(family)
    finally:
        demo.kill()
        demo.communicate(timeout=20)


async def test_a_service_whose_supervisor_is_gone_stops_as_on_sigterm(serve):
    service = serve("--stop-at-eof")
    service.popen.stdin.close()
    assert await asyncio.to_thread(service.popen.wait, 20) == 0
    assert "stopped" in service.text
