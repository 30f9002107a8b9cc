"""When a stand-in stops: when it is told to, or when its supervisor is gone."""

import argparse
import asyncio
import signal

from rehearsal import stdin


def add_stop_at_eof(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--stop-at-eof",
        action="store_true",
        help="also stop when standard input ends, for a supervisor that holds its other end",
    )


def told_to_stop(*, at_eof: bool) -> asyncio.Event:
    """Return an event that is set by Ctrl-C, by SIGTERM and, if so asked, by the end of input."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if at_eof:
        stdin.watch_standard_input(stop)
    return stop
