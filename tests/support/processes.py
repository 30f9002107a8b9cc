"""Programs of ours as processes: started, read, ended, killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support import fork_server
from support.credentials import NEEDED
from support.timing import PATIENCE

from bench.processes import free_port, wait_ready

ENVIRON = {"PATH": os.environ["PATH"]}


def run(module: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=ENVIRON | environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def partyline(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return run("handler.cli", *arguments, **environ)


@contextmanager
def running(
    module: str, *arguments: str, stderr: int = subprocess.PIPE, own_session: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """Start a program; what is left of it at the end is killed."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=ENVIRON,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=own_session,
    ) as program:
        try:
            yield program
        finally:
            program.kill()


@dataclass
class Service:
    """A running ``partyline serve``; its log is read as it comes."""

    popen: subprocess.Popen[str] | fork_server.Fork
    lines: list[dict[str, Any]] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)
    ended: bool = False
    given_port: int | None = None  # if it does not say which it has
    metrics_port: int | None = None  # if it has one
    reads_until: str | None = None  # the event after which nobody reads its log

    def __post_init__(self) -> None:
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self.popen.stderr is not None
        for text in self.popen.stderr:
            with self.news:
                self.output.append(text)
                with contextlib.suppress(json.JSONDecodeError):
                    self.lines.append(json.loads(text))
                self.news.notify_all()
            if self.reads_until is not None and self._logged(self.reads_until):
                self.popen.stderr.close()
                break
        with self.news:
            self.ended = True
            self.news.notify_all()

    def close(self) -> None:
        """Close the pipes of a process that has ended."""
        self._reading.join()
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream is not None:
                stream.close()

    def _logged(self, event: str) -> dict[str, Any] | None:
        return next((line for line in self.lines if line.get("event") == event), None)

    def wait_for(self, event: str, times: int = 1) -> dict[str, Any]:
        """Return the first log line with this event, waiting until there are so many."""
        with self.news:
            self.news.wait_for(lambda: self._times(event) >= times or self.ended, PATIENCE)
            line = self._logged(event) if self._times(event) >= times else None
        assert line is not None, f"no {event!r} in:\n{self.text}"
        return line

    def _times(self, event: str) -> int:
        return sum(line.get("event") == event for line in self.lines)

    def stop(self) -> int:
        """Send SIGTERM and return the exit code; all that it logged is there to be read."""
        self.popen.send_signal(signal.SIGTERM)
        return self.ended_with()

    def ended_with(self) -> int:
        """Wait for the process's end and that of its log; returns the exit code."""
        code = self.popen.wait(PATIENCE)
        self._reading.join(PATIENCE)
        return code

    @property
    def text(self) -> str:
        with self.news:
            return "".join(self.output)

    @property
    def url(self) -> str:
        if self.given_port is not None:
            return f"http://127.0.0.1:{self.given_port}"
        return str(self.wait_for("ready")["url"])

    @property
    def ws(self) -> str:
        return self.url.replace("http", "ws", 1)

    @property
    def nats_url(self) -> str:
        return str(self.wait_for("ready")["nats_url"])

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


Serve = Callable[..., Service]


@contextmanager
def serving() -> Iterator[Serve]:
    """Return what starts services; whatever still runs at the end is stopped."""
    started: list[Service] = []

    def start(
        *flags: str,
        wait: bool = True,
        plain: bool = False,
        fresh: bool = False,  # for who looks at memory, or at what is not the service's own
        reads_until: str | None = None,
        module: str = "handler.cli",
        **environ: str,
    ) -> Service:
        settings = {
            **ENVIRON,
            **NEEDED,
            "PUBLIC_URL": "",  # on loopback streams are signed for the address that they come to
            "PORT": "0",
            "HOST": "127.0.0.1",
            "DEEPGRAM_URL": "ws://127.0.0.1:1",
            "TWILIO_API_URL": "http://127.0.0.1:1",
            "PAUSE_SECONDS": "0",  # tests that read a call to its end need not wait longer
            **environ,
        }
        command = [module, "serve", *flags]
        if module.startswith("support."):
            settings["PYTHONPATH"] = "tests"
        if plain:
            settings["PORT"] = str(free_port())
            command = ["bench.plain"]
        elif "NATS_URL" not in settings:
            command.append("--embedded-nats")
        service = Service(
            fork_server.Fork(command[1:], settings)
            if fork_server.AVAILABLE and command[0] == "handler.cli" and not fresh
            else subprocess.Popen(
                [sys.executable, "-m", *command],
                env=settings,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ),
            given_port=int(settings["PORT"]) if plain else None,
            metrics_port=int(settings["METRICS_PORT"]) if "METRICS_PORT" in settings else None,
            reads_until=reads_until,
        )
        started.append(service)
        if wait and plain:  # it says nothing of its own once it can take calls
            service.wait_for("nats reached")
            wait_ready(f"{service.url}/readyz")
        elif wait:
            service.wait_for("ready")
        return service

    try:
        yield start
    finally:
        with contextlib.ExitStack() as ending:  # each of them, whatever becomes of another
            for service in started:
                ending.callback(service.close)
                ending.callback(service.popen.kill)
                ending.callback(service.popen.wait, PATIENCE)
            for service in started:
                ending.callback(service.popen.terminate)


def descendants(pid: int) -> list[int]:
    """Return the children of a process, and theirs, as Linux knows them."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_gone(pids: list[int]) -> None:
    end = time.monotonic() + PATIENCE
    while left := [pid for pid in pids if _alive(pid)]:
        assert time.monotonic() < end, f"still there: {left}"
        time.sleep(0.05)
