"""``partyline tap``: print what is published to NATS, for machines without the ``nats`` CLI."""

import argparse
import asyncio
import re
import signal
import sys

from nats.aio.msg import Msg

from broker.cli.connect import add_options, argument, connected, parse, run
from broker.identifiers import check_call_sid
from broker.printable import escaped
from broker.subjects import Subjects


def main(argv: list[str], prog: str = "partyline tap") -> int:
    """Print messages until Ctrl-C, or until there were enough; returns the exit code."""
    arguments = parse(_parser(prog), argv)
    try:
        return run(_tap(arguments, prog), prog)
    except KeyboardInterrupt:
        return 0


async def _tap(arguments: argparse.Namespace, prog: str) -> int:
    done = asyncio.Event()
    printed, allowed = 0, True
    unread: BrokenPipeError | None = None

    async def on_error(error: Exception) -> None:
        nonlocal allowed
        if "permissions violation" in str(error).lower():
            print(f"{prog}: not allowed: {error}", file=sys.stderr)
            allowed = False
            done.set()

    async def print_message(message: Msg) -> None:
        nonlocal printed, unread
        if done.is_set():
            return
        printed += 1
        text = message.data.decode(errors="replace")
        row = text if arguments.raw else f"[{message.subject}] {text}"
        try:
            print(escaped(row, keep_lines=arguments.raw), flush=True)
        except BrokenPipeError as exc:  # here it would go to the client, which logs it
            unread = exc
            done.set()
        if printed == arguments.count:
            done.set()

    loop = asyncio.get_running_loop()
    async with connected(
        arguments, name="partyline tap", on_error=on_error, max_reconnect_attempts=-1
    ) as client:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, done.set)
        subject = _subject(arguments)
        await client.subscribe(subject, cb=print_message)
        await client.flush()
        print(f"listening on {subject}", file=sys.stderr, flush=True)
        await done.wait()
    if unread is not None:
        raise unread
    return 0 if allowed else 1


def _subject(arguments: argparse.Namespace) -> str:
    if arguments.call is not None:
        return Subjects(arguments.prefix).call(arguments.call)
    return arguments.subject or f"{arguments.prefix}.>"


def _subject_of(text: str) -> str:
    if "://" in text or "@" in text:  # not repeated: it may hold a password
        raise ValueError("is an address, and no subject; an address goes behind --url")
    if not re.fullmatch(r"[^\s.]+(\.[^\s.]+)*", text) or escaped(text) != text:
        raise ValueError(f"{text!r} is no subject, such as 'transcripts.>'")
    return text


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) < 1:
        raise ValueError(f"{text!r} is no number of messages")
    return int(text)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog=prog,
        description="Print what is published to NATS, live: a line '[subject] payload' for each "
        "message.",
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
