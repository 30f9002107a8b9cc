"""Three nodes of NATS on loopback, as ``broker/server/cluster.conf`` has them, without users."""

import json
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

from bench.processes import cpu_seconds, free_ports, resident_mb
from broker.server.embedded import find_binary

CONFIGURATION = """\
listen: "127.0.0.1:{client}"
http: "127.0.0.1:{monitor}"
server_name: n{number}
max_payload: 256KB
jetstream {{ store_dir: "{store}", max_file_store: 32GB, max_memory_store: 64MB }}
"""
ROUTES = """\
cluster {{ name: fleet, listen: "127.0.0.1:{own}", routes: [ {routes} ] }}
"""
START_SECONDS = 60.0


class Cluster:
    """
    So many nodes, 1 or 3; a context manager. Their files go with it.

    Attributes:
        urls: Of the nodes, in their order.
    """

    def __init__(self, nodes: int = 3, directory: str | None = None) -> None:
        self._ports, self._monitors, self._routes = (
            free_ports(3 * nodes)[kind * nodes : (kind + 1) * nodes] for kind in range(3)
        )
        self.urls = [f"nats://127.0.0.1:{port}" for port in self._ports]
        self._home = Path(tempfile.mkdtemp(prefix="partyline-fleet-", dir=directory))
        self._nodes: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        for number in range(len(self.urls)):
            self.start(number)
        for number in range(len(self.urls)):
            self.wait_healthy(number)
        return self

    def __exit__(self, *_: object) -> None:
        for node in self._nodes.values():
            node.kill()
            node.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def start(self, number: int) -> None:
        """Start a node, also one that was killed; its store is what it was."""
        file = self._home / f"n{number}.conf"
        text = CONFIGURATION.format(
            client=self._ports[number],
            monitor=self._monitors[number],
            number=number,
            store=self._home / f"n{number}",
        )
        if len(self.urls) > 1:
            routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self._routes)
            text += ROUTES.format(own=self._routes[number], routes=routes)
        file.write_text(text)
        log = file.with_suffix(".log")
        self._nodes[number] = subprocess.Popen(
            [find_binary(), f"--config={file}", f"--log={log}"], stderr=subprocess.DEVNULL
        )

    def wait_healthy(self, number: int) -> float:
        """Wait until a node says that it is in order; returns how many seconds that took."""
        begun = time.monotonic()
        while time.monotonic() < begun + START_SECONDS:
            try:
                if self.monitor(number, "healthz")["status"] == "ok":
                    return time.monotonic() - begun
            except OSError:
                pass
            time.sleep(0.02)
        raise TimeoutError(f"node {number} is not in order")

    def monitor(self, number: int, page: str) -> dict[str, Any]:
        """Return what a node tells of itself."""
        url = f"http://127.0.0.1:{self._monitors[number]}/{page}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    def kill(self, number: int) -> None:
        """End a node as by kill -9."""
        self._nodes[number].send_signal(signal.SIGKILL)
        self._nodes[number].wait()

    def stop(self, number: int) -> None:
        """End a node in order."""
        self._nodes[number].terminate()
        self._nodes[number].wait()

    def cpu(self) -> list[float]:
        """Seconds of CPU time of each node so far."""
        return [cpu_seconds(node.pid) for node in self._nodes.values()]

    def memory(self) -> list[float]:
        """MB of each node that are in RAM."""
        return [resident_mb(node.pid) for node in self._nodes.values()]
