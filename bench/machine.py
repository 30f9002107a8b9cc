"""
The machine that measures: which processor the server has to itself, and who goes first.

Linux only. Without root nobody goes first; with one processor nobody has one to itself.
"""

import contextlib
import os
import platform
import resource
from pathlib import Path

FIRST = -20  # of nice


class Cores:
    """One processor for the server that is measured, the others for everybody else."""

    def __init__(self) -> None:
        allowed = sorted(os.sched_getaffinity(0))
        self.server = {allowed[0]}
        self.others = set(allowed[1:]) or self.server

    @property
    def shared(self) -> bool:
        """The load runs on the server's processor: delays and shares say little then."""
        return self.others == self.server

    def take_others(self) -> None:
        """Leave the server's to it: this process, and all that it starts from now on."""
        os.sched_setaffinity(0, self.others)

    def give(self, pid: int) -> None:
        """Let a process that has just begun run on the server's."""
        os.sched_setaffinity(pid, self.server)
        go_first(pid)


def go_first(pid: int) -> None:
    """Let a process go before others of the machine; it leads a session of its own."""
    with contextlib.suppress(OSError):  # root's to do
        # Where the kernel weighs sessions (autogroup), nice alone says nothing to other sessions.
        with contextlib.suppress(FileNotFoundError):
            Path(f"/proc/{pid}/autogroup").write_text(str(FIRST))
        os.setpriority(os.PRIO_PROCESS, pid, FIRST)


def open_files() -> None:
    """Let this process and those it starts open as many files as they may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def describe() -> str:
    """Say what measured: processors, kernel, Python."""
    model = "unknown processor"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    count = len(os.sched_getaffinity(0))
    return f"{count} x {model}, Linux {platform.release()}, Python {platform.python_version()}"
