"""
Standard input: the line to a supervisor, at whose end the program ends, or a person's keyboard.

The service has the former too: it imports nothing of the rehearsal, nor the other way round.
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
