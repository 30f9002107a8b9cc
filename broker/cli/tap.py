"""``partyline tap``: print what is published to NATS, for machines without the ``nats`` CLI."""

import argparse
import asyncio
import re
import signal
import sys

from nats.aio.msg import Msg

from broker.cli.arguments import Parser
from broker.cli.connect import add_options, argument, connected, parse, run
from broker.errors import BrokerError
from broker.identifiers import check_call_sid
from broker.printable import escaped
from broker.subjects import Subjects
from broker.words import said


def main(argv: list[str], prog: str = "partyline tap") -> int:
    """Print messages until Ctrl-C, or until there were enough; returns the exit code."""
    arguments = parse(_parser(prog), argv)
    try:
        return run(_tap(arguments, prog), prog)
    except KeyboardInterrupt:
        return 0


async def _tap(arguments: argparse.Namespace, prog: str) -> int:
    tap = _Tap(arguments, prog)
    async with connected(
        arguments,
        name="partyline tap",
        user="tap",
        on_refused=tap.done.set,
        max_reconnect_attempts=-1,
        disconnected_cb=tap.on_lost,
        reconnected_cb=tap.on_back,
        closed_cb=tap.on_closed,
    ) as client:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, tap.done.set)
        subject = _subject(arguments)
        await client.subscribe(subject, cb=tap.print_message)
        await client.flush()
        tell(f"listening on {subject}")
        await tap.done.wait()
        if client.is_closed:
            raise BrokerError(f"NATS has put us out: {said(client.last_error or TimeoutError())}")
    if tap.unread is not None:
        raise tap.unread
    return 0


class _Tap:
    """
    What is done with messages, until there were enough, or nobody reads what is printed.

    Attributes:
        done: Set at the end.
        unread: What printing raised when nobody read it; from a callback it would go to the client.
    """

    def __init__(self, arguments: argparse.Namespace, prog: str) -> None:
        self.done = asyncio.Event()
        self.unread: BrokenPipeError | None = None
        self._raw = arguments.raw
        self._left = arguments.count
        self._prog = prog
        self._is_lost = False

    async def print_message(self, message: Msg) -> None:
        if self.done.is_set():
            return
        text = message.data.decode(errors="replace")
        row = text if self._raw else f"[{message.subject}] {text}"
        try:
            print(escaped(row, keep_lines=self._raw), flush=True)
        except BrokenPipeError as exc:
            self.unread = exc
            self.done.set()
        if self._left is not None:
            self._left -= 1
            if not self._left:
                self.done.set()

    async def on_lost(self) -> None:
        if not self._is_lost and not self.done.is_set():
            tell(f"{self._prog}: NATS went away; what is published meanwhile is missed")
        self._is_lost = True

    async def on_back(self) -> None:
        self._is_lost = False
        tell(f"{self._prog}: NATS is back")

    async def on_closed(self) -> None:
        self.done.set()


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _subject(arguments: argparse.Namespace) -> str:
    if arguments.call is not None:
        return Subjects(arguments.prefix).call(arguments.call)
    return arguments.subject or f"{arguments.prefix}.>"


def _subject_of(text: str) -> str:
    if "://" in text or "@" in text:  # not repeated: it may hold a password
        raise ValueError("is an address, and no subject; an address goes behind --url")
    tokens = text.split(".")
    wild = {*tokens[:-1]} & {">"} or any({*token} & {"*", ">"} and token[1:] for token in tokens)
    if not all(tokens) or wild or re.search(r"\s", text) or escaped(text) != text:
        raise ValueError(f"{text!r} is no subject, such as 'transcripts.>'")
    return text


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) < 1:
        raise ValueError(f"{text!r} is no number of messages")
    return int(text)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Print what is published to NATS, live: a line '[subject] payload' for each "
        "message. NATS must be there at the start; if it goes away later, it is waited for.",
        epilog="Subjects: 'transcripts.>' is everything, 'transcripts.*.CA….>' one call, "
        "'transcripts.*.*.final.*' what is said, everywhere. Quote them for your shell.",
    )
    parser.add_argument(
        "subject",
        nargs="?",
        type=argument(_subject_of),
        help="what to listen to (default: everything, transcripts.>)",
    )
    parser.add_argument(
        "--call",
        type=argument(check_call_sid),
        metavar="CALLSID",
        help="listen to this call alone",
    )
    add_options(parser)
    parser.add_argument("--raw", action="store_true", help="print the payload alone")
    parser.add_argument("--count", type=argument(_count), metavar="N", help="end after N messages")
    return parser
