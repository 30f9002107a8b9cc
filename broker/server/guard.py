"""
Runs a program and ends it when its parent is gone: ``python guard.py PROGRAM ARGS…``.

The parent holds the other end of standard input. However it dies, that end closes, and the
program is ended. If this guard itself is killed, Linux ends the program (PR_SET_PDEATHSIG);
elsewhere the parent does, which is told the program's process id on standard output.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
# How long the program may take to end by itself.
END_SECONDS = 5.0


def die_with_parent() -> Callable[[], None] | None:
    """Return what a child is to call before its program starts, where the system has it."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)  # not in the child: importing is not safe between fork and exec
    parent = os.getpid()

    def arrange() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we had arranged for that
            os.kill(os.getpid(), signal.SIGKILL)

    return arrange


def main(command: list[str]) -> int:
    """Run ``command`` until it ends, or until standard input does; returns its exit code."""
    # One thread at this point, so the function between fork and exec is safe.
    program = subprocess.Popen(  # noqa: S603  our own command line
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent(),  # noqa: PLW1509
    )
    sys.stdout.write(f"{program.pid}\n")
    sys.stdout.flush()

    def wait_for_parent() -> None:
        while os.read(0, 1):
            pass
        program.terminate()
        try:
            program.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            program.kill()

    # The parent decides when to end; a signal to its process group is not for us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=wait_for_parent, daemon=True).start()
    return program.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
