"""``partyline watch``: read a call live in the terminal, as any other subscriber would."""

import argparse
import asyncio
import os
import re
import sys

from broker.cli.arguments import Parser
from broker.identifiers import CALL_SID, E164
from broker.printable import escaped, shown
from handler import addresses
from handler.cli.arguments import read_service
from handler.cli.ends import in_words
from handler.cli.transcript import Transcript
from partyline_client import (
    Backoff,
    Message,
    Partyline,
    PartylineError,
    Refused,
    State,
    StateChanged,
)

try:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text
except ModuleNotFoundError:  # the demo extra: without it there are finals, but no colours
    RICH = False
else:
    RICH = True

DEFAULT_URL = "http://127.0.0.1:8080"
# Somebody looks on: they come back sooner than a program would.
BACKOFF = Backoff(longest=2.0)
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
    screen = _Screen(as_json=arguments.json, several=_is_number(arguments.target))
    link = _Link(arguments, has_token=bool(token))
    async with Partyline(arguments.url, token or None, backoff=BACKOFF) as client:
        follow = client.number if _is_number(arguments.target) else client.call
        try:
            with screen:
                async for event in follow(arguments.target):
                    if isinstance(event, StateChanged):
                        link.change(event)
                        screen.forget_interims()
                    else:
                        screen.show(event)
        except PartylineError as exc:
            print(link.why(exc), file=sys.stderr)
            return 1
    return 0


class _Link:
    """Tells how it stands with the connection, on standard error."""

    def __init__(self, arguments: argparse.Namespace, *, has_token: bool) -> None:
        self._url = str(arguments.url)
        self._target = str(arguments.target)
        self._has_token = has_token
        self._was_there = False
        self._problem = ""

    def change(self, change: StateChanged) -> None:
        """Tell that the connection is there, or is not; of one that stays away once."""
        if change.state is State.LIVE:
            if self._problem or _is_number(self._target):
                print(self._connected(), file=sys.stderr, flush=True)
            self._problem, self._was_there = "", True
        elif change.cause is not None and (reason := self._words(change.cause)) != self._problem:
            self._problem = reason
            print(f"{reason}; trying again", file=sys.stderr, flush=True)

    def why(self, exc: PartylineError) -> str:
        """Say why it is over."""
        return self._words(exc.__cause__ if isinstance(exc.__cause__, Exception) else exc)

    def _words(self, exc: Exception) -> str:
        if isinstance(exc, Refused):  # of a call, over a connection that is there
            return f"{self._target}: {shown(exc.reason)}"
        return in_words(exc, url=self._url, has_token=self._has_token, was_there=self._was_there)

    def _connected(self) -> str:
        waits = f": waiting for calls of {self._target}" if _is_number(self._target) else ""
        return f"connected to {addresses.shown(self._url)}{waits}"


class _Screen:
    """Prints what comes: on a terminal what is interim too, elsewhere one line each."""

    def __init__(self, *, as_json: bool, several: bool) -> None:
        self._as_json = as_json
        self._transcript = Transcript(several=several)
        console = Console(highlight=False) if RICH and not as_json else None
        self._live = (
            Live(console=console, refresh_per_second=12, transient=True)
            if console is not None and console.is_terminal
            else None
        )

    def __enter__(self) -> None:
        if self._live is not None:
            self._live.start()

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, message: Message) -> None:
        """Print what stands, and what does not yet."""
        if self._as_json:  # other programs read it
            print(escaped(message.wire), flush=True)
            return
        for style, row in self._transcript.receive(message):
            if self._live is not None:
                self._live.console.print(Text(row, style=style))
            else:
                print(row, flush=True)
        self._show_interims()

    def forget_interims(self) -> None:
        """Show nothing of what may still change: its finals may come to nobody."""
        self._transcript.interim.clear()
        self._show_interims()

    def _show_interims(self) -> None:
        if self._live is not None:
            rows = self._transcript.interim.values()
            self._live.update(Text("\n".join(rows), style="dim italic"))


def _is_number(target: str) -> bool:
    return target.startswith("+")


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
