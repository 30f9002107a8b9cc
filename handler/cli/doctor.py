"""``partyline doctor``: is all set up as it must be? One line for each check."""

import argparse
import asyncio
import os

from broker.cli.arguments import Parser
from handler import logs
from handler.cli.arguments import read_account_sid, read_number
from handler.cli.report import add_json, tell
from handler.doctor.doctor import Question, examine


def main(argv: list[str], prog: str = "partyline doctor") -> int:
    """Look at everything; returns 0 if nothing failed."""
    arguments = _parser(prog).parse_args(argv)
    logs.apart()
    question = Question(
        environ=os.environ,
        insecure=arguments.insecure,
        embedded_nats=arguments.embedded_nats,
        numbers=tuple(arguments.number),
        account=arguments.account,
        token=os.environ.get("PARTYLINE_TOKEN", "").strip(),
    )
    return tell(asyncio.run(examine(question)), as_json=arguments.json)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Look at all that a running service needs, with the settings that "
        "`partyline serve` reads: Twilio's credentials, the public address, signatures and tokens, "
        "NATS and its rights, Deepgram, the clock. Nothing is changed, and no audio is sent.",
        epilog="Run it where the service runs, with the same environment. For each failure it "
        "says what to do; the exit code is 0 only if nothing failed. `partyline probe` then places "
        "a call.",
    )
    parser.add_argument(
        "number",
        nargs="*",
        type=read_number,
        metavar="+1555…",
        help="a number that is to lead here",
    )
    parser.add_argument(
        "--account",
        type=read_account_sid,
        metavar="AC…",
        help="whose calls to try it with, of several (default TWILIO_ACCOUNT_SID, else the first)",
    )
    parser.add_argument(
        "--embedded-nats", action="store_true", help="the service runs with --embedded-nats"
    )
    parser.add_argument("--insecure", action="store_true", help="the service runs with --insecure")
    add_json(parser)
    return parser
