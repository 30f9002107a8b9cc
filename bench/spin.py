"""
How fast is this processor just now? The same little work again and again, 2 % of the time.

Processors of a machine that is shared slow each other, up to twofold. What a server costs, divided
by what this costs beside it, says more about the server. Of several pieces in a row the fastest
counts, and they need little memory: how cold a processor is when it wakes is the server's affair.
"""

import argparse
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from typing import Self

PAUSE = 0.03
READING = struct.Struct("dd")  # when, and how many seconds of CPU it took
PIECES = 4
ROUNDS = 1_000  # 0.15 ms
TABLE = bytes(range(256))
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
    """
    A process that spins, and is read all the time: one that waits for its reader does not spin.

    A context manager.

    Attributes:
        pid: Of the process.
    """

    def __init__(self) -> None:
        self._readings: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._reading = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.spin"], stdout=subprocess.PIPE, start_new_session=True
        )
        self.pid = self._process.pid
        self._reading.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._reading.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            while reading := pipe.read(READING.size):
                self._readings.append(READING.unpack(reading))

    def mean(self, begun: float, ended: float) -> float:
        """Seconds of CPU for the work, between two moments of the monotonic clock."""
        told = [seconds for at, seconds in tuple(self._readings) if begun <= at <= ended]
        if not told:
            raise RuntimeError("the spin has told nothing then")
        return statistics.fmean(told)


def main() -> None:
    """Spin."""
    argparse.ArgumentParser(prog="python -m bench.spin", description=__doc__).parse_args()
    spin()


if __name__ == "__main__":
    main()
