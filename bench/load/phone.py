"""
The load of ``bench.moves``, a process: callers and Twilio's REST API.

The first line on standard input says what it is to be (JSON). It is answered once all calls are
streamed; the second line ends them, and is answered with what became of them.
"""

import argparse
import gc
import time
from pathlib import Path
from typing import Any

from bench.load.api import Timer
from bench.load.carrier import Carrier, Line
from bench.load.orders import Orders, tell
from bench.load.sockets import Poller
from bench.load.subscribers import percentile
from bench.load.voices import payloads
from bench.machine import open_files

SECONDS_TO_END = 10.0


def carry(orders: Orders, poller: Poller, order: dict[str, Any]) -> None:
    """Carry calls until the next order."""
    timer = Timer()
    line = Line(poller, timer, order["account_sid"], order["auth_token"], order["url"])
    sides = [payloads(Path(side).read_bytes()) for side in order["sides"]]
    said = [[sides[side] for side in pair] for pair in order["calls"]]
    carrier = Carrier(line, (order["api_port"], order["latency"]), said)
    calls, count = carrier.calls, len(said)
    carrier.speak(
        lambda: (
            orders.ended or (len(calls) == count and all(call.streaming for call in calls.values()))
        )
    )
    tell({"calls": [calls[number].sid for number in range(count)]})
    gc.collect()
    gc.freeze()
    carrier.lags.clear()
    begun, cpu = time.monotonic(), time.process_time()
    carrier.speak(lambda: bool(orders.lines) or orders.ended)
    share = (time.process_time() - cpu) / (time.monotonic() - begun)
    carrier.end()
    end = time.monotonic() + SECONDS_TO_END
    forks = [fork for call in calls.values() for fork in call.forks]
    carrier.speak(lambda: time.monotonic() > end or not any(fork.is_open for fork in forks))
    tell(
        {
            "spoken": [calls[number].spoken for number in range(count)],
            "streams": len(forks),
            "refused": sum(fork.refused for fork in forks),
            "most_asked": carrier.most_asked,
            "lag_p99": percentile(carrier.lags, 99),
            "lag_max": percentile(carrier.lags, 100),
            "share": share,
        }
    )


def main() -> None:
    """Wait for the order, and carry it out."""
    argparse.ArgumentParser(prog="python -m bench.load.phone", description=__doc__).parse_args()
    open_files()
    gc.disable()  # a collection is a moment in which frames are late; nothing here goes in circles
    poller = Poller()
    orders = Orders(poller)
    if (order := orders.next()) is not None:
        carry(orders, poller, order)


if __name__ == "__main__":
    main()
