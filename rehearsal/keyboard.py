"""What the person at the terminal says."""

import asyncio
import os
import sys
from contextlib import suppress


def enters() -> asyncio.Event:
    """Return an event that is set by each Enter; where there is no terminal, there are none."""
    entered = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read() -> None:
        if os.read(sys.stdin.fileno(), 4096):
            entered.set()
        else:
            loop.remove_reader(sys.stdin.fileno())

    with suppress(OSError, ValueError):  # closed, or of a kind that cannot be awaited
        loop.add_reader(sys.stdin.fileno(), read)
    return entered
