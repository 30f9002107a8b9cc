"""``partyline tap``: print what is published to NATS, for machines without the ``nats`` CLI."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import nats
import nats.errors
from nats.aio.client import RawCredentials
from nats.aio.msg import Msg

from broker.subjects import Subjects

DEFAULT_URL = "nats://127.0.0.1:4222"
CONNECT_SECONDS = 5.0


def main(argv: list[str], prog: str = "partyline tap") -> int:
    """Print messages until Ctrl-C, or until there were enough; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    try:
        return asyncio.run(_tap(arguments, prog))
    except (KeyboardInterrupt, BrokenPipeError):
        return 0


async def _tap(arguments: argparse.Namespace, prog: str) -> int:
    problem = ""
    done = asyncio.Event()
    printed = 0

    async def on_error(error: Exception) -> None:
        nonlocal problem
        problem = str(error) or type(error).__name__
        if "permissions violation" in problem.lower():
            print(f"{prog}: not allowed: {problem}", file=sys.stderr)
            done.set()

    async def print_message(message: Msg) -> None:
        nonlocal printed
        if arguments.count is not None and printed >= arguments.count:
            return
        printed += 1
        text = message.data.decode(errors="replace")
        try:
            print(text if arguments.raw else f"[{message.subject}] {text}", flush=True)
        except BrokenPipeError:
            done.set()
        if printed == arguments.count:
            done.set()

    options = {}
    if arguments.creds is not None:
        options["user_credentials"] = RawCredentials(arguments.creds)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            client = await nats.connect(
                arguments.url.split(","),
                name="partyline tap",
                error_cb=on_error,
                max_reconnect_attempts=-1,
                **options,
            )
    except (TimeoutError, OSError, nats.errors.Error):
        print(
            f"{prog}: cannot reach {_without_password(arguments.url)}: {problem}", file=sys.stderr
        )
        return 1
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    await client.subscribe(arguments.subject, cb=print_message)
    await client.flush()
    print(f"listening on {arguments.subject}", file=sys.stderr, flush=True)
    await done.wait()
    await client.close()
    return 1 if "permissions violation" in problem.lower() else 0


def _without_password(url: str) -> str:
    scheme, _, rest = url.rpartition("//")
    return f"{scheme}//{rest.rpartition('@')[2]}"


def _urls(text: str) -> str:
    if not all(url.startswith(("nats://", "tls://")) for url in text.split(",")):
        raise argparse.ArgumentTypeError(f"{text!r} must begin with nats:// or tls://")
    return text


def _credentials(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeError) as exc:
        raise argparse.ArgumentTypeError(f"cannot read {path}: {exc}") from exc


def _parser(prog: str) -> argparse.ArgumentParser:
    prefix = os.environ.get("SUBJECT_PREFIX", "transcripts")
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Print what is published to NATS, live: a line '[subject] payload' for each "
        "message.",
        epilog="Subjects: 'transcripts.>' is everything, 'transcripts.*.CA….>' one call, "
        "'transcripts.*.*.final.*' what is said, everywhere. Quote them for your shell.",
    )
    parser.add_argument(
        "subject", nargs="?", default=f"{prefix}.>", help="what to listen to (default: %(default)s)"
    )
    parser.add_argument(
        "--call",
        dest="subject",
        type=Subjects(prefix).call,
        metavar="CALLSID",
        help="listen to this call alone",
    )
    parser.add_argument(
        "--url",
        default=os.environ.get("NATS_URL", DEFAULT_URL),
        type=_urls,
        help=f"the server (default: NATS_URL, or {DEFAULT_URL})",
    )
    parser.add_argument(
        "--creds", type=_credentials, metavar="FILE", help="credentials, for a server that asks"
    )
    parser.add_argument("--raw", action="store_true", help="print the payload alone")
    parser.add_argument("--count", type=int, metavar="N", help="end after N messages")
    return parser
