"""``partyline rehearse``, and ``python -m rehearsal.cli``: one of its commands."""

import argparse
import os
import sys

from rehearsal.cli import call, deepgram, recognise, twilio
from rehearsal.cli.arguments import Parser
from rehearsal.errors import RehearsalError


def main(argv: list[str], prog: str = "partyline rehearse") -> int:
    """Run one of the commands; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (RehearsalError, OSError) as exc:
        print(f"{prog}: {exc}", file=sys.stderr)
        return 1
    return code


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Stand-ins for Twilio and Deepgram, to rehearse without accounts.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    call.add_arguments(
        commands.add_parser("call", help="replay a recorded call, as Twilio would send it")
    )
    twilio.add_arguments(
        commands.add_parser("twilio", help="be an account at Twilio: numbers, calls, the REST API")
    )
    deepgram.add_arguments(commands.add_parser("deepgram", help="answer as Deepgram would"))
    recognise.add_arguments(
        commands.add_parser("recognise", help="transcribe recordings, in this process")
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
