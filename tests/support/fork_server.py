"""
Services as forks of one process that has loaded them, which is most of what it costs to start one.

All else is as if each were started by itself: arguments, environment, pipes, signals, exit code.
What ``python -m support.fork_server`` runs is that process; each process of the tests has one.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

from handler.cli import __main__ as cli

TESTS = Path(__file__).parents[1]
MAX_MESSAGE = 256 * 1024
INTERRUPT = {signal.SIGINT}
# Without it, nobody but a process's parent learns of its end (Linux).
AVAILABLE = hasattr(os, "pidfd_open")


class ForkServerGone(Exception):
    """The process that forks has ended: nobody learns any more how its forks end."""

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(f"the process that forks has ended: exit code {exit_code}")
        self.exit_code = exit_code


class ForkServer:
    """The other side of the process that forks; threads may share it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asking = threading.Lock()
        with theirs:
            # Ctrl-C is for the tests and their services: how those end is asked for behind it.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPT)
            self._server = subprocess.Popen(
                [sys.executable, "-m", "support.fork_server", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(TESTS)},
                cwd=TESTS.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        atexit.register(self.close)

    def ask(self, question: dict[str, Any], files: list[int]) -> int:
        """
        Ask for a fork, or for the exit code of one that has ended.

        Raises:
            ForkServerGone: it has ended itself.
        """
        try:
            with self._asking:
                socket.send_fds(self._socket, [json.dumps(question).encode()], files)
                answer = self._socket.recv(MAX_MESSAGE)
        except OSError as exc:
            raise ForkServerGone(self._server.poll()) from exc
        if not answer:
            raise ForkServerGone(self._server.poll())
        return int(answer)

    def close(self) -> None:
        self._socket.close()
        self._server.wait()


_creating = threading.Lock()
_server = cache(ForkServer)


def fork_server() -> ForkServer:
    """Return the one of this process: what another one forks it knows nothing of."""
    with _creating:
        return _server()


class Fork:
    """``partyline`` with these arguments, shown as a :class:`subprocess.Popen` with pipes is."""

    def __init__(self, arguments: list[str], environ: dict[str, str]) -> None:
        self.returncode: int | None = None
        self._ending = threading.Lock()
        (stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr) = (
            os.pipe() for _ in range(3)
        )
        question = {"arguments": arguments, "environ": environ, "directory": str(Path.cwd())}
        try:
            self.pid = fork_server().ask(question, [stdin, stdout, stderr])
        except ForkServerGone:
            for ours in (to_stdin, from_stdout, from_stderr):
                os.close(ours)
            raise
        finally:
            for theirs in (stdin, stdout, stderr):
                os.close(theirs)
        self.stdin = os.fdopen(to_stdin, "w")
        self.stdout, self.stderr = os.fdopen(from_stdout), os.fdopen(from_stderr)
        self._pidfd = os.pidfd_open(self.pid)  # it is nobody else's before its end was asked for

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            looking = select.poll()
            looking.register(self._pidfd, select.POLLIN)
            if not looking.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired("partyline", timeout or 0)
        with self._ending:
            if self.returncode is None:
                self.returncode = fork_server().ask({"ended": self.pid}, [])
                os.close(self._pidfd)
        return self.returncode

    def send_signal(self, number: int) -> None:
        with self._ending, contextlib.suppress(ProcessLookupError):  # it may have ended
            if self.returncode is None:
                signal.pidfd_send_signal(self._pidfd, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _forked(asked: socket.socket) -> list[str] | None:
    """Fork whenever it is asked for: returns the arguments in each fork, and nothing at the end."""
    while True:
        said, files, _, _ = socket.recv_fds(asked, MAX_MESSAGE, 3)
        if not said:
            return None
        question = json.loads(said)
        if ended := question.get("ended"):
            _, status = os.waitpid(ended, 0)
            asked.send(str(os.waitstatus_to_exitcode(status)).encode())
            continue
        pid = os.fork()
        if not pid:
            asked.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPT)
            os.chdir(question["directory"])
            os.environ.clear()
            os.environ.update(question["environ"])
            for number, file in enumerate(files):
                os.dup2(file, number)
                os.close(file)
            return question["arguments"]
        for file in files:
            os.close(file)
        asked.send(str(pid).encode())


def main() -> int:
    cli._load(cli.COMMANDS["serve"].module)
    sys.path.remove(str(TESTS))
    arguments = _forked(socket.socket(fileno=int(sys.argv[1])))
    if arguments is None:
        return 0
    sys.argv = [str(cli.__file__), *arguments]
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
