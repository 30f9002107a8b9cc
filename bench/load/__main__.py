"""
The load's process: each line on standard input is an order (JSON), each answer a line.

It is one process, so that what was sent and what arrived have one clock. Only the server that is
measured and NATS run beside it.
"""

import argparse
import gc
import json
import sys
import time
from typing import Any

from bench.load.calls import Callers
from bench.load.deepgram import Deepgram
from bench.load.marks import Tally
from bench.load.sockets import Poller
from bench.load.subscribers import EACH_SECOND, Audience, percentile
from bench.machine import open_files
from bench.processes import cpu_of, resident_kb

STEP = 0.05
SETTLE = 1.5
OPEN_SECONDS = 20.0
Answer = dict[str, Any]


class Meter:
    """What a process costs between two moments."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.begun = time.monotonic()
        self._cpu, self._own = cpu_of(pid), time.process_time()

    def read(self) -> Answer:
        now = time.monotonic()
        seconds = now - self.begun
        return {
            "begun": self.begun,
            "ended": now,
            "cpu": cpu_of(self._pid) - self._cpu,
            "share": (cpu_of(self._pid) - self._cpu) / seconds,
            "load_share": (time.process_time() - self._own) / seconds,
            "rss_kb": resident_kb(self._pid),
        }


class Load:
    """Carries out orders."""

    def __init__(self, port: int) -> None:
        self._poller = Poller()
        self._deepgram = Deepgram(self._poller, port)
        self._orders = Orders(self._poller)

    def serve(self) -> None:
        """Carry out one order after the other, until standard input ends."""
        orders = self._orders
        while self._poller.run(float("inf"), lambda: bool(orders.lines) or orders.ended):
            if not orders.lines:
                return
            order = json.loads(orders.lines.pop(0))
            answer = getattr(self, order.pop("do"))(**order)
            print(json.dumps(answer), flush=True)
            gc.collect()

    def carry(
        self,
        *,
        pid: int,
        port: int,
        auth_token: str,
        calls: int,
        ramp: float,
        warm_up: float,
        seconds: float,
        drain: float,
        results_every: float = 1.0,
    ) -> Answer:
        """Carry calls; what they cost in the middle, and what came of every frame."""
        callers = Callers(self._poller, calls, port, auth_token, ramp)
        journal = callers.journal
        self._deepgram.begin(journal, results_every)
        callers.speak(ramp + warm_up)
        journal.counting = True
        meter = Meter(pid)
        callers.speak(seconds)
        answer = meter.read()
        journal.counting = False
        answer |= self._end(callers, drain)
        return answer | {
            "frames": journal.counted,
            "sent_a_second": 100 * calls,
            "frame_p50": percentile(journal.frame_delays, 50),
            "frame_p99": percentile(journal.frame_delays, 99),
            "chunk_p99": percentile(journal.chunk_delays, 99),
        }

    def _end(self, callers: Callers, drain: float) -> Answer:
        """End the calls; what the marks say."""
        closed = callers.end(drain)
        self._poller.run(drain, lambda: self._deepgram.open == 0)
        tally = Tally()
        for session in self._deepgram.sessions:
            tally.add(session.ear.tally)
        sent = sum(len(track) for call in callers.journal.sent for track in call)
        return {
            "calls": len(callers.calls),
            "refused": sum(call.refused for call in callers.calls),
            "closed": closed,
            "unended": sum(not session.ended_well for session in self._deepgram.sessions),
            "sent": sent,
            "lost": sent - tally.received,
            **vars(tally),
            "lag_p99": percentile(callers.lags, 99),
            "lag_max": percentile(callers.lags, 100),
        }

    def follow(
        self,
        *,
        pid: int,
        port: int,
        auth_token: str,
        subscribers: int,
        path: str,
        wish: str,
        events: bool,
        seconds: float,
        drain: float,
        results_every: float,
    ) -> Answer:
        """Carry one call, alone and then with subscribers: what the call costs, what they cost."""
        callers = Callers(self._poller, 1, port, auth_token, STEP)
        self._deepgram.begin(callers.journal, results_every)
        callers.speak(2 * SETTLE)
        meter = Meter(pid)
        callers.speak(seconds)
        alone = meter.read()

        sid = callers.calls[0].options.call_sid
        audience = Audience(
            self._poller, port, path.format(call=sid), wish.format(call=sid), events=events
        )
        while len(audience.members) < subscribers:
            audience.grow(min(round(EACH_SECOND * STEP), subscribers - len(audience.members)))
            callers.speak(STEP)
        patience = time.monotonic() + OPEN_SECONDS
        while audience.joined < subscribers and time.monotonic() < patience:
            callers.speak(STEP)
        callers.speak(SETTLE)

        window = audience.window
        window.begin = time.monotonic()
        meter = Meter(pid)
        callers.speak(seconds)
        together = meter.read()
        window.end = time.monotonic()
        callers.speak(SETTLE)  # the last ones arrive
        made = [at for at in callers.journal.results if window.begin <= at < window.end]
        answer = {
            "joined": audience.joined,
            "deliveries": len(made) * subscribers,
            "missed": sum(abs(member.count - len(made)) for member in audience.members),
            "p50": percentile(window.delays, 50),
            "p99": percentile(window.delays, 99),
        }
        audience.leave()
        return answer | {"alone": alone, "together": together, **self._end(callers, drain)}


class Orders:
    """Lines of standard input."""

    def __init__(self, poller: Poller) -> None:
        self.lines: list[str] = []
        self.ended = False
        self._poller = poller
        poller.add(sys.stdin.fileno(), self)

    def ready(self, events: int) -> None:
        del events
        line = sys.stdin.readline()
        if line:
            self.lines.append(line)
        else:
            self.ended = True
            self._poller.remove(sys.stdin.fileno())


def main() -> None:
    """Read the arguments and wait for orders."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--deepgram-port", type=int, required=True)
    arguments = parser.parse_args()
    open_files()
    gc.disable()  # a collection is a moment in which frames are late; nothing here goes in circles
    Load(arguments.deepgram_port).serve()


if __name__ == "__main__":
    main()
