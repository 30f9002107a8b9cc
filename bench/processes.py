"""
Servers as processes of their own, and what they cost.

The tests use this module too. It uses none of theirs: what measures runs where no tests are.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cpu_of(pid: int) -> float:
    """The same of all its threads that live, to the nanosecond (Linux)."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def resident_kb(pid: int) -> int:
    """Memory of a process that is in RAM (Linux)."""
    [line] = [
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    ]
    return int(line.split()[1])


def resident_mb(pid: int) -> float:
    """Memory of a process that is in RAM."""
    command = ["ps", "-o", "rss=", "-p", str(pid)]
    return int(subprocess.check_output(command)) * 1024 / 1e6


def free_ports(count: int) -> list[int]:
    """As many ports that nobody uses now."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def free_port() -> int:
    """A port that nobody uses now."""
    return free_ports(1)[0]


@contextmanager
def server(*command: str, environ: dict[str, str], ready: str) -> Iterator[tuple[int, int]]:
    """Run a server; yields its process id and port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **environ, "PORT": str(port), "HOST": "127.0.0.1"},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_ready(f"http://127.0.0.1:{port}{ready}")
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(20)


def wait_ready(url: str, *, every: float = 0.05) -> None:
    """Wait until a server answers, 20 s at most; 404 will do."""
    for _ in range(round(20 / every)):
        try:
            with urllib.request.urlopen(url):  # noqa: S310  ours
                return
        except urllib.error.HTTPError as exc:
            exc.close()
            if exc.code == 404:
                return
        except OSError:
            pass
        time.sleep(every)
    raise TimeoutError(f"no answer from {url}")
