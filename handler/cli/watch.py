"""``partyline watch``: read a call live in the terminal, as any other subscriber would."""

import argparse
import asyncio
import json
import os
import re
import sys
from contextlib import nullcontext
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from broker.cli.arguments import Parser
from broker.identifiers import CALL_SID, E164
from broker.printable import escaped
from handler import addresses
from handler.cli.arguments import read_service
from handler.cli.ends import NotPartyline, judge
from handler.cli.transcript import Transcript

try:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text
except ModuleNotFoundError:  # the demo extra: without it there are finals, but no colours
    RICH = False
else:
    RICH = True

DEFAULT_URL = "http://127.0.0.1:8080"
RECONNECT_SECONDS = 1.0
# The list of live calls comes at once; what says nothing for so long is no service.
LIST_SECONDS = 10.0
# Calls of a number that a new connection asks for by name; it may hold 100 subscriptions.
MAX_RESUMED = 50
# As a token is written, which goes into a header; tokens of others may have more than ours.
TOKEN = re.compile(r"[!-~]*")
MALFORMED = "is no token, such as `partyline token` prints"


def main(argv: list[str], prog: str = "partyline watch") -> int:
    """Print a transcript until its call ends; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    token = os.environ.get("PARTYLINE_TOKEN", "").strip()
    if not TOKEN.fullmatch(token):
        print(f"{prog}: PARTYLINE_TOKEN: {MALFORMED}", file=sys.stderr)
        return 2
    try:
        return asyncio.run(_watch(arguments, token))
    except KeyboardInterrupt:
        return 0


async def _watch(arguments: argparse.Namespace, token: str) -> int:
    transcript = Transcript(several=_is_number(arguments.target))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    problem, was_there = "", False
    while True:
        try:
            async with connect(
                _client_url(arguments.url),
                additional_headers=headers,
                compression=None,
                proxy=None,
            ) as connection:
                await _begin(connection, transcript, arguments)
                if problem or _is_number(arguments.target):
                    print(_connected(arguments), file=sys.stderr, flush=True)
                problem, was_there = "", True
                await _read(connection, transcript, arguments)
                return 0
        except _Unreadable as exc:
            print(exc, file=sys.stderr)
            return 1
        except BrokenPipeError:
            raise  # of standard output: another connection would find no reader either
        except (ConnectionClosed, InvalidHandshake, InvalidURI, NotPartyline, OSError) as exc:
            end = judge(exc, url=arguments.url, has_token=bool(token), was_there=was_there)
        if not end.come_back:
            print(end.reason, file=sys.stderr)
            return 1
        if end.reason != problem:
            problem = end.reason
            print(f"{problem}; trying again", file=sys.stderr, flush=True)
        await asyncio.sleep(RECONNECT_SECONDS)


class _Unreadable(Exception):
    """The call that was asked for cannot be read; says why."""


def subscriptions(target: str, transcript: Transcript) -> list[dict[str, Any]]:
    """
    Return what a connection is to say first: each call goes on where it was.

    A number begins with the whole of each call that lives, and knows nothing of one that has ended
    meanwhile: so the calls that were begun are asked for by themselves.
    """
    begun = transcript.to_resume
    if not _is_number(target):
        return [{"subscribe": target, "since": begun.get(target, 0)}]
    newest = list(begun.items())[-MAX_RESUMED:]
    resumed = [{"subscribe": call_sid, "since": seq} for call_sid, seq in newest]
    return [*resumed, {"subscribe": target}]


async def _begin(
    connection: ClientConnection, transcript: Transcript, arguments: argparse.Namespace
) -> None:
    """
    Read the list of live calls, with which a service begins, and ask for the call or the number.

    Raises:
        NotPartyline: something else began.
        ConnectionClosed: however it was closed.
    """
    try:
        async with asyncio.timeout(LIST_SECONDS):
            calls = json.loads(await connection.recv())
    except (TimeoutError, ValueError) as exc:
        raise NotPartyline from exc
    if not isinstance(calls, list):
        raise NotPartyline
    transcript.interim.clear()  # their finals may come to nobody
    for command in subscriptions(arguments.target, transcript):
        await connection.send(json.dumps(command))


async def _read(
    connection: ClientConnection, transcript: Transcript, arguments: argparse.Namespace
) -> None:
    """
    Print what comes; returns when the one call that was asked for is over.

    Raises:
        _Unreadable: that call cannot be read.
        ConnectionClosed: however it was closed.
    """
    # Elsewhere than on a terminal one line each: other programs read it.
    console = Console(highlight=False) if RICH and not arguments.json else None
    if console is not None and not console.is_terminal:
        console = None
    live = (
        Live(console=console, refresh_per_second=12, transient=True)
        if console is not None
        else nullcontext()
    )
    with live as display:
        while arguments.target not in transcript.over:
            text = await connection.recv()  # iterating would take 1001 for a good end
            message = json.loads(text)
            if arguments.json and not transcript.is_known(message):
                print(escaped(text if isinstance(text, str) else text.decode()), flush=True)
            for style, row in transcript.receive(message):
                if arguments.json:
                    continue
                if console is not None:
                    console.print(Text(row, style=style))
                else:
                    print(row, flush=True)
            if transcript.error is not None:
                raise _Unreadable(f"{arguments.target}: {transcript.error}")
            if display is not None:
                display.update(Text("\n".join(transcript.interim.values()), style="dim italic"))


def _is_number(target: str) -> bool:
    return target.startswith("+")


def _connected(arguments: argparse.Namespace) -> str:
    waits = f": waiting for calls of {arguments.target}" if _is_number(arguments.target) else ""
    return f"connected to {addresses.shown(arguments.url)}{waits}"


def _client_url(url: str) -> str:
    """Turn the address of a service into that of its ``/client``."""
    there = addresses.for_websockets(url)
    return there if there.endswith("/client") else f"{there}/client"


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Read a call live: who speaks, what is being said (grey until it stands), "
        "gaps and the end. Ends with the call, some seconds later, as it may go on; with a number "
        "it goes on to the next call.",
        epilog="The token comes from the environment: PARTYLINE_TOKEN=$(partyline token) "
        "partyline watch CA…",
    )
    parser.add_argument("target", type=_target, metavar="CALL|NUMBER", help="a callSid, or +1555…")
    parser.add_argument(
        "--url",
        default=DEFAULT_URL,
        type=read_service,
        help=f"the service, http(s):// or ws(s):// (default {DEFAULT_URL})",
    )
    parser.add_argument("--json", action="store_true", help="print the messages as they come")
    return parser


def _target(text: str) -> str:
    if not CALL_SID.fullmatch(text) and not E164.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a callSid (CA and 32 lower-case hex digits) nor a number such as "
            "+15551230000"
        )
    return text
