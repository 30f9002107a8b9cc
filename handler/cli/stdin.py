"""The line to a supervisor: standard input, which closes when it dies, however it dies."""

import asyncio
import os
import sys


def watch_standard_input(gone: asyncio.Event) -> None:
    """Set ``gone`` when standard input ends."""
    loop = asyncio.get_running_loop()
    number = sys.stdin.fileno()

    def read() -> None:
        if not os.read(number, 4096):
            loop.remove_reader(number)
            gone.set()

    loop.add_reader(number, read)
