"""
A program whose event loop gets stuck when it is told to, by a signal that only this file knows.

``python -m support.stuck serve …`` is the service. ``python -m support.stuck loop SECONDS SLOW`` is
a loop under a watchdog alone, which lets it be stuck for so long, and takes it for late after SLOW;
it says what it is told to.
"""

import asyncio
import re
import signal
import sys
import time

from handler import logs
from handler.cli.__main__ import main
from handler.server.vitals import Vitals
from handler.server.watchdog import Watchdog

# How long the last log line may take; of a log that nobody reads it is how long the end takes.
LAST_WORD = 5.0
# The handler of a signal runs in the thread of the loop, between two of its steps.
SLEEPS, HOLDS_THE_LOCK, IS_LATE, WRITES = (
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGHUP,
    signal.SIGWINCH,
)

vitals = Vitals()
LONGEST_LATE = 20.0  # seconds: a watchdog whose thread runs seldom has noticed by then


def sleep(*_: object) -> None:
    time.sleep(3600)


def hold_the_lock(*_: object) -> None:
    """Match for ever; Python lets no other thread run meanwhile."""
    re.match(r"(a+)+$", "a" * 64 + "b")


def be_late(*_: object) -> None:
    """Be late until the watchdog has noticed, however seldom its thread runs."""
    before, end = vitals.loop_stalls, time.monotonic() + LONGEST_LATE
    while vitals.loop_stalls == before and time.monotonic() < end:
        time.sleep(0.001)


def write(*_: object) -> None:
    """Write more than a pipe takes that nobody reads."""
    sys.stderr.write("x" * 2**20)


async def _loop(seconds: float, slow: float) -> None:
    with Watchdog(seconds, vitals, look=slow / 5, slow=slow, last_word=LAST_WORD):
        print("watched", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(line.strip(), vitals.loop_stalls, flush=True)


if __name__ == "__main__":
    signal.signal(SLEEPS, sleep)
    signal.signal(HOLDS_THE_LOCK, hold_the_lock)
    signal.signal(IS_LATE, be_late)
    signal.signal(WRITES, write)
    if sys.argv[1] == "loop":
        logs.outlive_reader()
        logs.configure("INFO")
        asyncio.run(_loop(*map(float, sys.argv[2:])))
    else:
        sys.exit(main())
