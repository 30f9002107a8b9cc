"""
A clock that stands still while its process waits for a processor.

Tests of sessions and their stand-ins keep many small times at once, all in one process: replays at
so many times real time, pauses, deadlines. On a machine with more to do than processors, such a
process is stopped again and again, and each stop would count as a second in which nobody spoke. By
this clock it does not: a busy machine makes these tests slower, and changes nothing else.

For one process alone. Where a service runs in another, its times go on, and so must the test's.
"""

import asyncio
import os
import threading
import time
from pathlib import Path


class SteadyLoop(asyncio.SelectorEventLoop):
    """An event loop on that clock, where Linux tells how long the thread has waited."""

    def __init__(self) -> None:
        # CPU time, time spent waiting to run (both in ns), turns.
        # Source: https://docs.kernel.org/scheduler/sched-stats.html
        path = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/schedstat")
        self._file = os.open(path, os.O_RDONLY) if path.exists() else None
        self._latest = 0.0
        super().__init__()

    def time(self) -> float:
        now = time.monotonic()
        if self._file is not None:
            now -= int(os.pread(self._file, 100, 0).split()[1]) / 1e9
        self._latest = max(self._latest, now)
        return self._latest

    def close(self) -> None:
        super().close()
        if self._file is not None:
            os.close(self._file)
            self._file = None


STEADY = ("asyncio", {"loop_factory": SteadyLoop})
