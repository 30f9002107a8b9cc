"""
The line to a supervisor: standard input, which closes when it dies, however it dies.

The service and the stand-ins share no code, so this file is there twice; a test keeps them alike.
"""

import asyncio
import os
import sys
import threading
from contextlib import suppress


def watch_standard_input(gone: asyncio.Event) -> None:
    """
    Set ``gone`` when standard input ends; one that is closed, or /dev/null, is at its end at once.

    A thread does the reading, because standard input may be anything: the loop can wait for a pipe,
    but not for a file or for /dev/null.
    """
    # Python has none where descriptor 0 was closed at the start; by now it may be another file.
    if sys.stdin is None:
        gone.set()
        return
    loop = asyncio.get_running_loop()
    number = sys.stdin.fileno()

    def read() -> None:
        with suppress(OSError):  # a terminal that has hung up is at its end, too
            while os.read(number, 4096):
                pass
        with suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(gone.set)

    # A daemon: it must not keep the program from ending for another reason.
    threading.Thread(target=read, name="standard input", daemon=True).start()
