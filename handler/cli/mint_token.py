"""``partyline token``: make a token for a subscriber."""

import argparse
import os
import sys
import time

from broker import durations
from broker.identifiers import CALL_SID, E164
from handler.tokens import tokens

DEFAULT_TTL = "1h"


def main(argv: list[str], prog: str = "partyline token") -> int:
    """Print a token signed with TOKEN_SECRET; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    text = os.environ.get("TOKEN_SECRET", "").strip()
    if not text:
        print(f"{prog}: TOKEN_SECRET: missing: set the service's own", file=sys.stderr)
        return 2
    try:
        token = tokens.mint(
            tokens.read_secrets(text)[0],  # during a rotation the new one comes first
            expires=time.time() + arguments.ttl,
            calls=arguments.call or ([] if arguments.number else [tokens.ANY_CALL]),
            numbers=arguments.number,
            subject=arguments.subject,
            audience=os.environ.get("TOKEN_AUDIENCE", "").strip() or None,
        )
    except ValueError as exc:
        print(f"{prog}: TOKEN_SECRET: {exc}; use the service's own", file=sys.stderr)
        return 2
    print(token)
    return 0


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
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
        type=_call_sid,
        metavar="CALLSID",
        help="a call that may be read; may be repeated",
    )
    parser.add_argument(
        "--number",
        action="append",
        default=[],
        type=_number,
        metavar="+1555…",
        help="any call from or to this number may be read; may be repeated",
    )
    parser.add_argument(
        "--ttl",
        default=_ttl(DEFAULT_TTL),
        type=_ttl,
        metavar="TIME",
        help=f"how long it is good for: 90s, 30m, 12h, 7d (default {DEFAULT_TTL})",
    )
    parser.add_argument("--subject", metavar="WHO", help="whom it is for (the claim sub)")
    return parser


def _call_sid(text: str) -> str:
    if not CALL_SID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not CA and 32 lower-case hex digits")
    return text


def _number(text: str) -> str:
    if not E164.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as +15551230000")
    return text


def _ttl(text: str) -> int:
    try:
        seconds = int(durations.read(text))
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    if seconds < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a token is good for a second at least")
    return seconds
