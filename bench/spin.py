"""
How fast is this processor just now? The same little work again and again, 2 % of the time.

Processors of a machine that is shared slow each other, up to twofold. What a server costs, divided
by what this costs beside it, says more about the server.
"""

import argparse
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque

PAUSE = 0.03
READING = struct.Struct("dd")  # when, and how many seconds of CPU it took
TABLE = 16_384
ROUNDS = 3_000
READ_BYTES = READING.size * 4096  # all that a pipe holds
KEPT = 4096  # some two minutes


def work(table: list[int]) -> int:
    """Do what takes some 0.4 ms: look up, add, in more memory than the first cache holds."""
    place = total = 1
    for _ in range(ROUNDS):
        place = (place * 1_664_525 + table[place & (TABLE - 1)]) & 0xFFFFFFFF
        total ^= place
    return total


def spin() -> None:
    """Work, and tell, until nobody reads."""
    table = list(range(TABLE))
    while True:
        begun = time.thread_time()
        work(table)
        took = time.thread_time() - begun
        sys.stdout.buffer.write(READING.pack(time.monotonic(), took))
        sys.stdout.buffer.flush()
        time.sleep(PAUSE)


class Spin:
    """Reads the process that spins."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        self._pipe = process.stdout.fileno()
        self._readings: deque[tuple[float, float]] = deque(maxlen=KEPT)

    def mean(self, begun: float, ended: float) -> float:
        """Seconds of CPU for the work, between two moments of the monotonic clock."""
        while select.select([self._pipe], [], [], 0)[0]:
            self._readings.extend(READING.iter_unpack(os.read(self._pipe, READ_BYTES)))
        took = [seconds for at, seconds in self._readings if begun <= at <= ended]
        return sum(took) / len(took)


def main() -> None:
    """Spin."""
    argparse.ArgumentParser(prog="python -m bench.spin", description=__doc__).parse_args()
    spin()


if __name__ == "__main__":
    main()
