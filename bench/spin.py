"""
How fast is this processor just now? The same little work again and again, 2 % of the time.

Processors of a machine that is shared slow each other, up to twofold. What a server costs, divided
by what this costs beside it, says more about the server. Of several pieces in a row the fastest
counts, and they need little memory: how cold a processor is when it wakes is the server's affair.
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
PIECES = 4
ROUNDS = 1_000  # 0.15 ms
TABLE = bytes(range(256))
READ_BYTES = READING.size * 4096  # all that a pipe holds
KEPT = 4096  # some two minutes


def work() -> float:
    """Look up and add; returns seconds of CPU."""
    begun = time.thread_time()
    place = total = 1
    for _ in range(ROUNDS):
        place = (place * 1_664_525 + TABLE[place & 255]) & 0xFFFFFFFF
        total ^= place
    return time.thread_time() - begun


def spin() -> None:
    """Work, and tell, until nobody reads."""
    while True:
        took = min(work() for _ in range(PIECES))
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
