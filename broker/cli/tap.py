"""``partyline tap``: print what is published to NATS, for machines without the ``nats`` CLI."""

import argparse
import asyncio
import os
import signal
import sys

from nats.aio.msg import Msg

from broker.cli import connect
from broker.identifiers import check_call_sid
from broker.subjects import Subjects


def main(argv: list[str], prog: str = "partyline tap") -> int:
    """Print messages until Ctrl-C, or until there were enough; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    try:
        return connect.run(prog, lambda: _tap(arguments, prog))
    except (KeyboardInterrupt, BrokenPipeError):
        return 0


class _Printer:
    """Prints messages until there were enough, or nobody reads them."""

    def __init__(self, *, raw: bool, count: int | None) -> None:
        self.done = asyncio.Event()
        self._raw = raw
        self._left = count

    async def print(self, message: Msg) -> None:
        if self.done.is_set():
            return
        text = message.data.decode(errors="replace")
        try:
            print(text if self._raw else f"[{message.subject}] {text}", flush=True)
        except BrokenPipeError:
            self.done.set()
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self.done.set()


async def _tap(arguments: argparse.Namespace, prog: str) -> int:
    settings = connect.read_settings(arguments, os.environ)
    subjects = Subjects(settings.prefix)
    subject = arguments.subject or f"{settings.prefix}.>"
    if arguments.call is not None:
        subject = subjects.call(arguments.call)
    printer = _Printer(raw=arguments.raw, count=arguments.count)
    refused = False

    async def on_error(error: Exception) -> None:
        nonlocal refused
        problem = connect.in_words(error)
        if "permissions violation" in problem.lower():
            print(f"{prog}: not allowed: {problem}", file=sys.stderr)
            refused = True
            printer.done.set()

    async with connect.connected(
        settings, name="partyline tap", keep=True, on_error=on_error
    ) as client:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, printer.done.set)
        await client.subscribe(subject, cb=printer.print)
        await client.flush()
        print(f"listening on {subject}", file=sys.stderr, flush=True)
        await printer.done.wait()
    return 1 if refused else 0


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Print what is published to NATS, live: a line '[subject] payload' for each "
        "message.",
        epilog="Subjects: 'transcripts.>' is everything, 'transcripts.*.CA….>' one call, "
        "'transcripts.*.*.final.*' what is said, everywhere. Quote them for your shell.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("subject", nargs="?", help="what to listen to (default: everything)")
    what.add_argument(
        "--call",
        type=connect.argument(check_call_sid),
        metavar="CALLSID",
        help="listen to this call alone",
    )
    connect.add_arguments(parser)
    parser.add_argument("--raw", action="store_true", help="print the payload alone")
    parser.add_argument("--count", type=int, metavar="N", help="end after N messages")
    return parser
