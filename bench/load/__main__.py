"""
The load's process: each line on standard input is an order (JSON), each answer a line.

It is one process, so that what was sent and what arrived have one clock. Only the server that is
measured and NATS run beside it.
"""

import argparse
import gc
import time
from typing import Any

from bench.load.calls import Callers
from bench.load.deepgram import Deepgram
from bench.load.marks import Tally
from bench.load.orders import Orders, tell
from bench.load.sockets import Poller
from bench.load.subscribers import Audience, percentile
from bench.machine import open_files
from bench.processes import cpu_of, resident_kb

STEP = 0.05
SETTLE = 1.5
Answer = dict[str, Any]


class Load:
    """Carries out orders."""

    def __init__(self, port: int) -> None:
        self._poller = Poller()
        self._deepgram = Deepgram(self._poller, port)
        self._orders = Orders(self._poller)

    def serve(self) -> None:
        """Carry out one order after the other, until standard input ends."""
        while (order := self._orders.next()) is not None:
            tell(getattr(self, order.pop("do"))(**order))
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
        self._deepgram.begin(callers.journal, results_every)
        callers.speak(ramp + warm_up)
        return _counted(pid, callers, seconds) | self._end(callers, drain)

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
        alone = _counted(pid, callers, seconds)

        sid = callers.calls[0].options.call_sid
        wanted, said = path.format(call=sid), wish.format(call=sid)
        audience = Audience(self._poller, port, wanted, said, events=events)
        audience.join(subscribers, callers.speak)
        callers.speak(SETTLE)

        window = audience.window
        window.begin = time.monotonic()
        together = _counted(pid, callers, seconds)
        window.end = time.monotonic()
        callers.speak(SETTLE)  # the last ones arrive
        made = sum(window.begin <= at < window.end for at in callers.journal.results)
        answer = {
            "alone": alone,
            "together": together,
            "joined": audience.joined,
            "deliveries": made * subscribers,
            "missed": sum(abs(member.count - made) for member in audience.members),
            "p50": percentile(window.delays, 50),
            "p99": percentile(window.delays, 99),
        }
        audience.leave()
        return answer | self._end(callers, drain)


def _counted(pid: int, callers: Callers, seconds: float) -> Answer:
    """Let them speak for so long; what that costs the server, and how long frames take."""
    journal = callers.journal
    journal.begin()
    begun, cpu, own = time.monotonic(), cpu_of(pid), time.process_time()
    callers.speak(seconds)
    ended, cpu, own = time.monotonic(), cpu_of(pid) - cpu, time.process_time() - own
    journal.counting = False
    return {
        "begun": begun,
        "ended": ended,
        "cpu": cpu,
        "share": cpu / (ended - begun),
        "load_share": own / (ended - begun),
        "rss_kb": resident_kb(pid),
        "frames": len(journal.frame_delays),
        "sent_a_second": 100 * len(callers.calls),
        "frame_p50": percentile(journal.frame_delays, 50),
        "frame_p99": percentile(journal.frame_delays, 99),
        "chunk_p99": percentile(journal.chunk_delays, 99),
        "chunk_max": percentile(journal.chunk_delays, 100),
        "lag_p99": percentile(journal.lags, 99),
        "lag_max": percentile(journal.lags, 100),
    }


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
