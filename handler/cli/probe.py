"""``partyline probe URL``: does a call get through? One short call, and a line for each stage."""

import argparse
import asyncio
import os
import sys
import time
from dataclasses import replace

from broker.cli.arguments import Parser
from handler import addresses
from handler.cli.arguments import not_a_service, read_account_sid, read_number, read_service
from handler.cli.report import add_json, tell
from handler.errors import SettingsError
from handler.probe.doors import TO, of_account
from handler.probe.probe import LONGEST, Plan, Probe
from handler.tokens import grants, tokens


def main(argv: list[str], prog: str = "partyline probe") -> int:
    """Place a call; returns 0 if all of it got through."""
    arguments = _parser(prog).parse_args(argv)
    try:
        plan = _plan(arguments)
    except SettingsError as exc:
        print(f"{prog}: {exc}", file=sys.stderr)
        return 2
    if missing := _missing(plan, arguments):
        for line in missing:
            print(f"{prog}: {line}", file=sys.stderr)
        return 2
    return tell(asyncio.run(Probe(plan).run()), as_json=arguments.json)


def _plan(arguments: argparse.Namespace) -> Plan:
    """Say how to call; raises SettingsError where that cannot be."""
    account_sid = arguments.account or os.environ.get("TWILIO_ACCOUNT_SID", "").strip() or None
    auth_tokens = os.environ.get("TWILIO_AUTH_TOKEN", "").replace(",", " ").split()
    doors = of_account(
        arguments.url.rstrip("/"), auth_tokens[0] if auth_tokens else "", account_sid
    )
    doors = replace(doors, own_path=arguments.account is not None)
    plan = Plan(doors=doors, token="", by_webhook=not arguments.stream, to=arguments.to)
    given = os.environ.get("PARTYLINE_TOKEN", "").strip()
    return replace(plan, token=arguments.token or _minted(plan.call_sid) or given)


def _missing(plan: Plan, arguments: argparse.Namespace) -> list[str]:
    """Say what a service would refuse this call for: without it, none need be placed."""
    if arguments.insecure:
        return []
    unless = "(--insecure: the service was started so, and asks for none)"
    missing = []
    if not plan.doors.auth_token:
        missing.append(f"TWILIO_AUTH_TOKEN: missing: set the service's own, which signs {unless}")
    if not plan.token:
        missing.append(
            "TOKEN_SECRET: missing: set the service's own, which makes the viewer's token, or give "
            f"one that opens every call, by --token or PARTYLINE_TOKEN {unless}"
        )
    return missing


def _minted(call_sid: str) -> str:
    """Make a token for the viewer of one call, if there is a secret to make it with."""
    text = os.environ.get("TOKEN_SECRET", "").strip()
    if not text:
        return ""
    try:
        return tokens.mint(
            grants.read_secrets(text)[0],
            expires=time.time() + 2 * LONGEST,
            calls=[call_sid],
            subject="partyline probe",
            audience=os.environ.get("TOKEN_AUDIENCE", "").strip() or None,
        )
    except ValueError as exc:
        raise SettingsError("TOKEN_SECRET", f"{exc}; use the service's own") from exc


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Place a call of eleven seconds through a service as it is deployed, as Twilio "
        "would, and read it as a viewer does: a verdict on each stage, and how long words take "
        "from being said to being read. It is transcribed and kept like any other call.",
        epilog="TWILIO_AUTH_TOKEN signs, and TOKEN_SECRET makes the viewer's token (or --token, or "
        "PARTYLINE_TOKEN). The exit code is 0 only if all of it got through.",
    )
    parser.add_argument(
        "url",
        type=_url,
        metavar="URL",
        help="the PUBLIC_URL of the service: https://… (http:// on this machine alone)",
    )
    parser.add_argument("--token", help="what the viewer shows; it must open every call")
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="the service was started so: call it without TWILIO_AUTH_TOKEN, or without a token",
    )
    parser.add_argument(
        "--stream",
        action="store_true",
        help="open the media stream alone, as for a TwiML Bin, and do not ask the voice webhook",
    )
    parser.add_argument(
        "--account",
        type=read_account_sid,
        metavar="AC…",
        help="by the account's own doors, /twilio/AC…; TWILIO_AUTH_TOKEN is then that account's",
    )
    parser.add_argument(
        "--to",
        default=TO,
        type=read_number,
        metavar="+1555…",
        help="the number that is called, where FORWARD_TO tells them apart; nobody's phone rings",
    )
    add_json(parser)
    return parser


def _url(text: str) -> str:
    url = addresses.read(read_service(text))
    # What is said of a user would be sent to whoever is asked, and shown.
    if url.query or url.fragment or url.username is not None:
        raise not_a_service(text)
    if addresses.is_in_clear(text):
        raise argparse.ArgumentTypeError(
            f"{addresses.shown(text)!r} is without TLS, and the token could be read on the way: "
            "begin it with https://"
        )
    return text
