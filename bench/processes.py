"""Servers as processes of their own, and what they cost."""

import os
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


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    """Memory of a process that is in RAM."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def wait_ready(url: str) -> None:
    """Wait until a server answers; 404 will do."""
    for _ in range(400):
        try:
            with urllib.request.urlopen(url):  # noqa: S310  ours
                return
        except urllib.error.HTTPError as exc:
            exc.close()
            if exc.code == 404:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"no answer from {url}")
