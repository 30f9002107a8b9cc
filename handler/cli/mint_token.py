"""``partyline token``: make a token for a subscriber."""

import argparse
import os
import sys
import time

from broker import durations
from broker.cli.arguments import Parser
from handler import addresses
from handler.cli.arguments import read_call_sid, read_number
from handler.config import Settings
from handler.errors import SettingsError
from handler.tokens import grants, tokens

DEFAULT_TTL = "1h"


def main(argv: list[str], prog: str = "partyline token") -> int:
    """Print a token signed with TOKEN_SECRET; returns the exit code."""
    parser = _parser(prog)
    arguments = parser.parse_args(argv)
    if arguments.share and (arguments.call or arguments.number):
        parser.error("--share opens one call alone: without --call and --number")
    try:
        print(_share(arguments) if arguments.share else _mint(arguments))
    except SettingsError as exc:
        print(f"{prog}: {exc}", file=sys.stderr)
        return 2
    return 0


def _share(arguments: argparse.Namespace) -> str:
    """Make a link to the page that opens one call; raises SettingsError where it leads nowhere."""
    public_url = Settings.of_twilio(os.environ).public_url
    if public_url is None:
        raise SettingsError("PUBLIC_URL", "missing: set it in this shell, as for the service")
    arguments.call = [arguments.share]
    page = addresses.for_requests(public_url, "/")
    # In the fragment, which browsers send to nobody.
    return f"{page}#call={arguments.share}&token={_mint(arguments)}"


def _mint(arguments: argparse.Namespace) -> str:
    """Make the token; raises SettingsError where the service would not take it."""
    text = os.environ.get("TOKEN_SECRET", "").strip()
    if not text:
        raise SettingsError("TOKEN_SECRET", "missing: set it in this shell, as for the service")
    longest = _max_age()
    if arguments.ttl > longest:
        raise SettingsError(
            "TOKEN_MAX_AGE",
            f"--ttl is {durations.shown(arguments.ttl)}, and the service takes no token for more "
            f"than {durations.shown(longest)}; if its own TOKEN_MAX_AGE is longer, set it here too",
        )
    try:
        return tokens.mint(
            grants.read_secrets(text)[0],  # during a rotation the new one comes first
            expires=time.time() + arguments.ttl,
            calls=arguments.call or ([] if arguments.number else [grants.ANY_CALL]),
            numbers=arguments.number,
            subject=arguments.subject,
            audience=os.environ.get("TOKEN_AUDIENCE", "").strip() or None,
        )
    except ValueError as exc:
        raise SettingsError("TOKEN_SECRET", f"{exc}; use the service's own") from exc


def _max_age() -> float:
    """Return for how long a service takes a token at most, as it reads that itself."""
    text = os.environ.get("TOKEN_MAX_AGE", "").strip()
    try:
        return durations.read(text) if text else Settings().token_max_age
    except ValueError as exc:
        raise SettingsError("TOKEN_MAX_AGE", str(exc)) from exc


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Make a token that lets a subscriber read transcripts. It is signed with "
        "TOKEN_SECRET from the environment, the same as the service's. Without --call and "
        "--number it opens every call.",
        epilog='Example: curl -H "Authorization: Bearer $(partyline token)" HOST/calls',
    )
    parser.add_argument(
        "--call",
        action="append",
        default=[],
        type=read_call_sid,
        metavar="CALLSID",
        help="a call that may be read; may be repeated",
    )
    parser.add_argument(
        "--number",
        action="append",
        default=[],
        type=read_number,
        metavar="+1555…",
        help="any call from or to this number may be read; may be repeated",
    )
    parser.add_argument(
        "--share",
        type=read_call_sid,
        metavar="CALLSID",
        help="print a link to this one call instead, on the service's page at PUBLIC_URL; whoever "
        "has the link may read the call until --ttl is over",
    )
    parser.add_argument(
        "--ttl",
        default=_ttl(DEFAULT_TTL),
        type=_ttl,
        metavar="TIME",
        help=f"how long it is good for: 90s, 30m, 12h, 7d (default {DEFAULT_TTL}); the service's "
        "TOKEN_MAX_AGE, 30d, is the most",
    )
    parser.add_argument("--subject", metavar="WHO", help="whom it is for (the claim sub)")
    return parser


def _ttl(text: str) -> int:
    try:
        seconds = int(durations.read(text))
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    if seconds < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a token is good for a second at least")
    return seconds
