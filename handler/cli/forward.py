"""``partyline forward``: bring records of calls to a webhook, or transcripts to a directory."""

import argparse
import asyncio
import os
import signal
import socket
import sys
import time

from broker.cli.arguments import Parser
from broker.errors import BrokerError
from handler import logs
from handler.errors import SettingsError
from handler.forward.forwarder import Forwarder, reached, rewind
from handler.forward.settings import ForwardSettings, read_since, since_when


def main(argv: list[str], prog: str = "partyline forward") -> int:
    """Forward until a signal ends it; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    logs.outlive_reader()
    try:
        settings = ForwardSettings.from_environ(
            os.environ, host_name=socket.gethostname(), insecure=arguments.insecure
        )
        logs.configure(settings.log_level)
        if arguments.since is not None:
            return asyncio.run(_rewind(settings, arguments.since))
        return asyncio.run(_given_up(settings) if arguments.given_up else _forward(settings))
    except SettingsError as exc:
        print(f"{prog}: {exc}", file=sys.stderr)
        return 2
    except (BrokerError, OSError) as exc:
        print(f"{prog}: {exc}", file=sys.stderr)
        return 1


async def _forward(settings: ForwardSettings) -> int:
    forwarder, loop = Forwarder(settings), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, forwarder.stop)
    await forwarder.run()
    return 0


async def _rewind(settings: ForwardSettings, since: str | float) -> int:
    places = await rewind(settings, since_when(since, time.time()))
    for stream, sequence in places.items():
        print(f"{settings.name}: {stream} again from what follows {sequence}")
    return 0


async def _given_up(settings: ForwardSettings) -> int:
    async with reached(settings) as broker:
        for letter in await broker.given_up():
            print(letter.decode())
    return 0


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Send each record of each call, in order and at least once, to FORWARD_URL, "
        "signed by FORWARD_SECRET as Standard Webhooks has it; or put the transcripts of ended "
        "calls into a directory (file:///…). Several processes stand by for each other.",
        epilog="Settings come from the environment; docs/forward.md lists them all. SIGTERM and "
        "Ctrl-C let what is under way end, exit 0.",
    )
    parser.add_argument(
        "--since",
        type=_since,
        metavar="TIME",
        help="send again what was stored since: all, or 90s, 30m, 12h, 7d ago; ends at once, and "
        "the process that runs goes on from there, or the next one that is started",
    )
    parser.add_argument(
        "--given-up",
        action="store_true",
        help="print the dead letters, a JSON line for each call of which something was given up",
    )
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="also without FORWARD_SECRET, and to an address without TLS",
    )
    return parser


def _since(text: str) -> str | float:
    try:
        return read_since(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
