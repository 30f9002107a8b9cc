"""``partyline rehearse twilio``: an account at Twilio's."""

import argparse
import asyncio
import os

from rehearsal import audio
from rehearsal.cli.arguments import COUNT, PORT, number_in, public_name, sid_of
from rehearsal.cli.stopping import add_stop_at_eof
from rehearsal.sample import CALLEE, CALLER, SPEECH


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Be an account at Twilio: with numbers, whose voice URL is asked for TwiML when a call "
        "comes in, with the REST API and its callbacks. Prints lines TWILIO_API_URL=…, "
        "TWILIO_ACCOUNT_SID=… and, if the environment has no TWILIO_AUTH_TOKEN, "
        "TWILIO_AUTH_TOKEN=…; set those for the service. TWILIO_API_KEY (SK…:secret) may use the "
        "API too. On a terminal, Enter has a recorded call come in at the first number. Ends with "
        "Ctrl-C."
    )
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=PORT, default=0, help="default: a free one")
    add_account(parser)
    parser.add_argument(
        "--number",
        action="append",
        metavar="NUMBER",
        help=f"of the account; may be given more than once (default: {CALLEE})",
    )
    parser.add_argument(
        "--voice-url", default="", metavar="URL", help="of the numbers, such as …/twilio/voice"
    )
    parser.add_argument(
        "--status-callback", default="", metavar="URL", help="of the numbers, likewise"
    )
    add_reach(parser)
    calls = parser.add_argument_group("calls that come in")
    calls.add_argument(
        "--from", dest="from_", default=CALLER, metavar="NUMBER", help="default: %(default)s"
    )
    add_recordings(calls, caller="what the caller says", callee="what the callee says")
    calls.add_argument(
        "--at-once", action="store_true", help="have one come in as soon as it listens"
    )
    faults = parser.add_argument_group("what Twilio may do, and a server must bear")
    faults.add_argument(
        "--latency",
        type=number_in(0, 60),
        default=0.1,
        metavar="S",
        help="how long each answer of the API takes (default: %(default)s)",
    )
    faults.add_argument(
        "--concurrency",
        type=COUNT,
        default=100,
        metavar="N",
        help="refuse with 429 what is more at a time (default: %(default)s)",
    )
    add_delivery(faults)
    add_stop_at_eof(parser)
    parser.set_defaults(run=_twilio)


def add_account(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--account-sid",
        type=sid_of("AC"),
        default=os.environ.get("TWILIO_ACCOUNT_SID", "").strip() or None,
        metavar="AC…",
        help="default: TWILIO_ACCOUNT_SID, else a random one",
    )


def add_recordings(parser: argparse._ActionsContainer, *, caller: str, callee: str) -> None:
    parser.add_argument(
        "--caller",
        default=SPEECH / "caller.wav",
        metavar="FILE",
        help=f"{caller} (default: one side of a support call of two minutes)",
    )
    parser.add_argument(
        "--callee",
        default=SPEECH / "callee.wav",
        metavar="FILE",
        help=f"{callee} (default: its other side)",
    )


def add_reach(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--reach",
        type=public_name,
        action="append",
        default=[],
        metavar="URL=URL",
        help="where a public URL leads, such as https://HOST=http://127.0.0.1:8080; what is signed "
        "stays public. May be given more than once",
    )


def add_delivery(faults: argparse._ActionsContainer) -> None:
    faults.add_argument(
        "--callbacks-late",
        type=number_in(0, 3600),
        default=0.0,
        metavar="S",
        help="status callbacks come so much later",
    )
    faults.add_argument(
        "--callbacks-out-of-order", action="store_true", help="every other one after the next"
    )
    percent = number_in(0, 100)
    faults.add_argument(
        "--callbacks-lost", type=percent, default=0.0, metavar="PERCENT", help="so many never come"
    )
    faults.add_argument(
        "--callbacks-twice", type=percent, default=0.0, metavar="PERCENT", help="so many come twice"
    )


def _twilio(arguments: argparse.Namespace) -> int:
    from rehearsal.cli import calls  # noqa: PLC0415  an HTTP server and client, for it alone

    recordings = audio.read(arguments.caller), audio.read(arguments.callee)
    return asyncio.run(calls.serve(arguments, *recordings))
