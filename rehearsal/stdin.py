"""
Ends the program when its supervisor is gone: standard input is the line between them.

The service has the same: it imports nothing of the rehearsal, nor the rehearsal anything of it.
"""

import asyncio
import os
import select
import sys
import threading
from contextlib import suppress


def watch_standard_input(gone: asyncio.Event) -> None:
    """
    Set ``gone`` when standard input ends: a supervisor that dies, by whatever means, closes it.

    A thread does the reading, because standard input may be anything: the loop can wait for a pipe,
    but not for a file or for /dev/null. One that is closed, or cannot be read, has ended; one that
    has nothing to read yet has not, though whoever shares it may have it not block.
    """
    loop = asyncio.get_running_loop()

    def read() -> None:
        with suppress(OSError, ValueError, AttributeError):
            while _read(sys.stdin.fileno()):
                pass
        with suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(gone.set)

    # A daemon: it must not keep the program from ending for another reason.
    threading.Thread(target=read, name="standard input", daemon=True).start()


def _read(descriptor: int) -> bytes:
    """Wait for input, and return it; nothing at the end."""
    while True:
        try:
            return os.read(descriptor, 4096)
        except BlockingIOError:
            select.select([descriptor], [], [])
