"""
Servers as processes of their own, and what they cost.

The tests use this module too. It uses none of theirs: what measures runs where no tests are.
"""

import contextlib
import errno
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
# Above all ports that browsers refuse (the Fetch standard's "bad ports"), and below those that are
# given to connections: these, where the system tells of none (RFC 6335).
LEAST_PORT, DYNAMIC_PORTS = 11_000, 49_152
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
    """
    As many ports that nobody uses now.

    They are none of those that the system gives to connections: what is to listen may begin later,
    and hundreds of connections are made meanwhile.
    """
    candidates = range(LEAST_PORT, _first_given())
    listeners: list[socket.socket] = []
    while len(listeners) < count:
        # Whoever seeds the random numbers of two processes has them choose the same.
        port = secrets.choice(candidates)
        try:
            listeners.append(socket.create_server(("127.0.0.1", port)))
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _first_given() -> int:
    """Return the first port given to connections; where those are nearly all, one among them."""
    try:
        given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    except OSError:
        return DYNAMIC_PORTS
    return max(int(given[0]), 2 * LEAST_PORT)


def free_port() -> int:
    """A port that nobody uses now."""
    return free_ports(1)[0]


@contextlib.contextmanager
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
