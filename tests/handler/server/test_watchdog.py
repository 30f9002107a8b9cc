"""handler/server/watchdog.py: a loop that is stuck ends its process; one that is not lives."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support import stuck
from support.processes import ENVIRON
from support.timing import PATIENCE

from handler.server.watchdog import EXIT_CODE, MAX_FRAMES, stack

# The program's loop may be stuck for so long; longer than a busy machine keeps a process waiting.
SECONDS = 1.0
SLOW = SECONDS / 2


@contextmanager
def watched(seconds: float = SECONDS, slow: float = SLOW) -> Iterator[subprocess.Popen[str]]:
    """Run a loop under a watchdog."""
    with subprocess.Popen(
        [sys.executable, "-m", "support.stuck", "loop", str(seconds), str(slow)],
        env={**ENVIRON, "PYTHONPATH": os.pathsep.join(["tests", "."])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            assert program.stdout.readline() == "watched\n"
            yield program
        finally:
            program.kill()


def asked(program: subprocess.Popen[str], word: str) -> str:
    """Return what the loop answers: the word, and how many stalls were counted."""
    program.stdin.write(f"{word}\n")
    program.stdin.flush()
    return program.stdout.readline()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_a_loop_that_is_stuck_ends_its_process_and_the_log_says_where_it_stuck():
    """Whatever it is stuck in: what waits, what holds Python's lock, a log that nobody reads."""
    with watched() as sleeping, watched() as holding, watched() as writing:
        begun = time.monotonic()
        sleeping.send_signal(stuck.SLEEPS)
        holding.send_signal(stuck.HOLDS_THE_LOCK)
        writing.send_signal(stuck.WRITES)
        codes = [program.wait(PATIENCE) for program in (sleeping, holding, writing)]
        assert codes == [EXIT_CODE, -signal.SIGPROF, EXIT_CODE]
        assert time.monotonic() - begun >= SECONDS
        late, ended = lines(sleeping.stderr.read())
        assert "in hold_the_lock" in holding.stderr.read()
    assert late["event"] == "the event loop does not answer"
    assert ended["event"] == "the event loop is stuck: the process ends"
    assert (ended["level"], ended["exit_code"]) == ("error", EXIT_CODE)
    assert ended["seconds"] >= SECONDS
    for line in (late, ended):
        assert line["where"][0].startswith("__main__:")
        assert line["where"][0].endswith(" sleep")


def test_a_process_that_was_suspended_lives():
    with watched() as program:
        program.send_signal(signal.SIGSTOP)
        time.sleep(2 * SECONDS)
        program.send_signal(signal.SIGCONT)
        for word in ("one", "two"):  # a look of the watchdog lies between them
            assert asked(program, word) == f"{word} 0\n"
            time.sleep(SLOW)
        program.stdin.close()
        assert program.wait(PATIENCE) == 0
        assert lines(program.stderr.read()) == []


def test_a_loop_that_is_late_is_told_of_once_a_minute():
    # It may be stuck for so long that what a busy machine adds to its lateness ends nothing.
    with watched(seconds=30, slow=0.15) as program:
        for times in (1, 2):
            program.send_signal(stuck.IS_LATE)
            assert int(asked(program, "late").split()[1]) >= times  # more on a busy machine
        program.stdin.close()
        assert program.wait(PATIENCE) == 0
        assert [line["event"] for line in lines(program.stderr.read())] == [
            "the event loop does not answer"
        ]


@pytest.mark.parametrize("depth", [1, MAX_FRAMES * 2])
def test_of_a_stack_so_much_is_said_as_somebody_reads_the_innermost_first(depth):
    def deeper(left: int) -> list[str]:
        return stack(sys._getframe()) if left == 1 else deeper(left - 1)

    places = deeper(depth)
    assert len(places) <= MAX_FRAMES
    assert places[0].partition(":")[0] == __name__
    assert places[0].endswith(".deeper")
    assert stack(None) == []
