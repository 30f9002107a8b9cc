"""
What is measured, each measure the same for every server.

A figure of CPU is seconds of the server's own threads, whoever else runs on the machine, divided by
what the spin took beside it: see ``bench/spin.py``.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from bench.machine import Cores, go_first
from bench.processes import cpu_of, free_port, resident_kb
from bench.servers import AUTH_TOKEN, Kind, Server, running
from bench.spin import Spin

IDLE_SECONDS = 5.0
SETTLE_SECONDS = 2.0  # what a start leaves to be done is no idling
FORGET_SECONDS = 12.0  # readers stay with a call that was stopped for PAUSE_SECONDS
LATE_MS = 25.0  # a load whose frames went later than this (p99) measured itself
BUSY = 0.9  # of its processor: likewise
CALLS_A_SECOND = 75.0  # begin
Figures = dict[str, Any]


class Bench:
    """
    What all measures share: the load's process, the spin, and where NATS is.

    A context manager.
    """

    def __init__(self, cores: Cores, nats_url: str, settings: dict[str, str]) -> None:
        self._cores = cores
        self._nats_url = nats_url
        self._settings = settings
        self._deepgram_port = free_port()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._load = subprocess.Popen(
                [sys.executable, "-m", "bench.load", "--deepgram-port", str(self._deepgram_port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            stack.callback(self._load.wait)
            stack.callback(self._load.terminate)
            go_first(self._load.pid)
            self._spin = stack.enter_context(Spin())
            self._cores.give(self._spin.pid)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def server(self, kind: Kind) -> Iterator[Server]:
        with running(
            kind, self._cores, self._deepgram_port, self._nats_url, self._settings
        ) as server:
            yield server

    def _order(self, what: str, server: Server, **order: object) -> Figures:
        """Have the load do something."""
        assert self._load.stdin is not None
        assert self._load.stdout is not None
        common = {"do": what, "pid": server.pid, "port": server.port, "auth_token": AUTH_TOKEN}
        self._load.stdin.write(json.dumps(common | order) + "\n")
        self._load.stdin.flush()
        line = self._load.stdout.readline()
        if not line:
            raise RuntimeError("the load's process has ended; what it says stands above")
        answer: Figures = json.loads(line)
        return answer

    def _even(self, metered: Figures) -> float:
        """CPU in units of the spin."""
        return float(metered["cpu"]) / self._spin.mean(metered["begun"], metered["ended"])

    def idle(self, server: Server) -> Figures:
        """What it costs to be there."""
        time.sleep(SETTLE_SECONDS)
        memory = resident_kb(server.pid)
        before, begun = cpu_of(server.pid), time.monotonic()
        time.sleep(IDLE_SECONDS)
        share = (cpu_of(server.pid) - before) / (time.monotonic() - begun)
        return {"ready_after": server.ready_after, "idle_share": share, "idle_kb": memory}

    def carry(
        self,
        server: Server,
        calls: int,
        *,
        seconds: float = 4.0,
        warm_up: float = 2.0,
    ) -> Figures:
        """
        Carry calls in real time: the cost of a frame, its delay, memory, and the marks.

        Where the load was not on time nothing can be said of the server.
        """
        ramp = max(0.5, calls / CALLS_A_SECOND)
        before = resident_kb(server.pid)
        answer = self._order(
            "carry",
            server,
            calls=calls,
            ramp=ramp,
            warm_up=warm_up,
            seconds=seconds,
            drain=server.kind.drain,
        )
        frames = max(1, answer["frames"])
        return answer | {
            "on_time": _on_time(answer),
            "us_a_frame": answer["cpu"] / frames * 1e6,
            "spins_a_frame": self._even(answer) / frames,
            "kb_a_call": (answer["rss_kb"] - before) / calls,
        }

    def follow(self, server: Server, subscribers: int, way: str) -> Figures:
        """Carry one call to many subscribers: the call's share alone, and each delivery's cost."""
        path, wish = server.listen(way)
        answer = self._order(
            "follow",
            server,
            subscribers=subscribers,
            path=path,
            wish=wish,
            events=way == "events",
            seconds=4.0,
            results_every=0.5,
            drain=server.kind.drain,
        )
        alone: Figures = answer.pop("alone")
        together: Figures = answer.pop("together")
        deliveries = max(1, answer["deliveries"])
        costs = {
            "on_time": _on_time(together) and answer["joined"] == subscribers,
            "us_a_delivery": (together["cpu"] - alone["cpu"]) / deliveries * 1e6,
            "spins_a_delivery": (self._even(together) - self._even(alone)) / deliveries,
            "kb_each": (together["rss_kb"] - alone["rss_kb"]) / subscribers,
        }
        return together | answer | costs

    def kept(self, server: Server, calls: int, batches: int) -> Figures:
        """What stays in memory of calls that are over, beyond what the first of them left."""
        after = []
        for number in range(batches):
            self.carry(server, calls, seconds=1.0, warm_up=0.5)
            if number in (0, batches - 1):
                time.sleep(FORGET_SECONDS)
            after.append(resident_kb(server.pid))
        return {"after_kb": after, "kb_each": (after[-1] - after[0]) / calls / (batches - 1)}


def _on_time(metered: Figures) -> bool:
    """Whether the load kept its own time: else nothing can be said of the server."""
    return bool(metered["lag_p99"] <= LATE_MS and metered["load_share"] <= BUSY)
