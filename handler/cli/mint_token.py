"""``partyline token``: make a token for a subscriber."""

import argparse
import os
import sys
import time

from broker.identifiers import CALL_SID, E164
from handler.config import token_secrets
from handler.environ import Reader, parse_duration
from handler.errors import SettingsError
from handler.tokens import tokens

DEFAULT_TTL = "1h"


def main(argv: list[str], prog: str = "partyline token") -> int:
    """Print a token signed with TOKEN_SECRET; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    read = Reader(os.environ)
    try:
        secrets = token_secrets(read)
    except SettingsError as exc:
        print(f"{prog}: {exc}", file=sys.stderr)
        return 2
    if not secrets:
        print(f"{prog}: TOKEN_SECRET: missing: set the service's own", file=sys.stderr)
        return 2
    token = tokens.mint(
        secrets[0],
        expires=time.time() + arguments.ttl,
        calls=arguments.call or ([] if arguments.number else [tokens.ANY_CALL]),
        numbers=arguments.number,
        subject=arguments.subject,
        audience=read.optional("TOKEN_AUDIENCE"),
    )
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


def _ttl(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    if seconds < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is less than a second")
    return seconds
