"""``partyline watch``: read a call live in the terminal, as any other subscriber would."""

import argparse
import asyncio
import json
import os
import sys
from contextlib import nullcontext
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from broker.identifiers import CALL_SID, E164
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
# Codes after which the same subscription may go on: the path broke, or we are to come back.
COME_BACK = frozenset({1001, 1006, 1011, 1012, 4408})


def main(argv: list[str], prog: str = "partyline watch") -> int:
    """Print a transcript until its call ends; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    token = os.environ.get("PARTYLINE_TOKEN", "").strip()
    try:
        return asyncio.run(_watch(arguments, token))
    except KeyboardInterrupt:
        return 0


async def _watch(arguments: argparse.Namespace, token: str) -> int:
    transcript = Transcript(several=_is_number(arguments.target))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    problem = ""
    while True:
        try:
            async with connect(
                _client_url(arguments.url),
                additional_headers=headers,
                compression=None,
                proxy=None,
            ) as connection:
                problem = ""
                await _read(connection, transcript, arguments)
                return 0
        except InvalidStatus as exc:
            if exc.response.status_code not in (502, 503):
                print(_refusal(exc.response.status_code, token), file=sys.stderr)
                return 1
            reason = "the service is full or restarting"
        except ConnectionClosed as exc:
            code = exc.rcvd.code if exc.rcvd is not None else 1006
            if code not in COME_BACK:
                detail = exc.rcvd.reason if exc.rcvd is not None else ""
                print(f"closed with {code}: {detail}", file=sys.stderr)
                return 1
            reason = "the connection was lost"
        except (OSError, InvalidHandshake) as exc:
            reason = f"cannot reach {arguments.url}: {exc}"
        except LookupError as exc:
            print(exc.args[0], file=sys.stderr)
            return 1
        if reason != problem:
            problem = reason
            print(f"{reason}; trying again", file=sys.stderr)
        await asyncio.sleep(RECONNECT_SECONDS)


async def _read(
    connection: ClientConnection, transcript: Transcript, arguments: argparse.Namespace
) -> None:
    """Print what comes; returns when the one call that was asked for has ended."""
    one_call = not _is_number(arguments.target)
    # A number begins with the whole of each call that lives: what is known of it is passed over.
    since = {"since": transcript.last_seq.get(arguments.target, 0)} if one_call else {}
    await connection.send(json.dumps({"subscribe": arguments.target, **since}))
    console = Console(highlight=False) if RICH else None
    shows_interim = console is not None and console.is_terminal and not arguments.json
    live = (
        Live(console=console, refresh_per_second=12, transient=True)
        if shows_interim
        else nullcontext()
    )
    with live as display:
        async for text in connection:
            message = json.loads(text)
            if not isinstance(message, dict):
                continue  # the list of live calls that a socket begins with
            if arguments.json and not transcript.is_known(message):
                print(text if isinstance(text, str) else text.decode(), flush=True)
            for style, row in transcript.receive(message):
                if arguments.json:
                    continue
                if console is not None:
                    # Elsewhere than on a terminal one line each: other programs read it.
                    console.print(Text(row, style=style), soft_wrap=not console.is_terminal)
                else:
                    print(row, flush=True)
            if transcript.error is not None:
                raise LookupError(f"{arguments.target}: {transcript.error}")
            if display is not None:
                display.update(Text("\n".join(transcript.interim.values()), style="dim italic"))
            if one_call and arguments.target in transcript.ended:
                return


def _is_number(target: str) -> bool:
    return target.startswith("+")


def _client_url(url: str) -> str:
    """Turn the address of a service into that of its ``/client``."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/")
    path = path if path.endswith("/client") else f"{path}/client"
    return urlunsplit((scheme, parts.netloc, path, "", ""))


def _refusal(status: int, token: str) -> str:
    if status == 401 and not token:
        return "a token is needed: set PARTYLINE_TOKEN to what `partyline token` printed"
    if status == 401:
        return (
            "the service refuses this token: it may have expired, or was made with another secret"
        )
    return f"the service answered HTTP {status}: is the address right?"


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Read a call live: who speaks, what is being said (grey until it stands), "
        "gaps and the end. Ends with the call; with a number it goes on to the next call.",
        epilog="The token comes from the environment: PARTYLINE_TOKEN=$(partyline token) "
        "partyline watch CA…",
    )
    parser.add_argument("target", type=_target, metavar="CALL|NUMBER", help="a callSid, or +1555…")
    parser.add_argument(
        "--url",
        default=DEFAULT_URL,
        type=_url,
        help=f"the service, http(s):// or ws(s):// (default {DEFAULT_URL})",
    )
    parser.add_argument("--json", action="store_true", help="print the messages as they come")
    return parser


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} is not like https://calls.example.com")
    return text


def _target(text: str) -> str:
    if not CALL_SID.fullmatch(text) and not E164.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a callSid (CA…) nor a number (+1…)")
    return text
