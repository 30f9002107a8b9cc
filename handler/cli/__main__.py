"""``partyline``: one command, its parts loaded when they are asked for."""

import importlib
import importlib.metadata
import os
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: where its ``main(argv, prog)`` lives, and what it does in one line."""

    module: str
    summary: str


COMMANDS = {
    "demo": Command("rehearsal.demo", "try it all on this machine: a recorded call, no account"),
    "serve": Command("handler.cli.serve", "run the service"),
    "token": Command("handler.cli.mint_token", "make a token for a subscriber"),
    "watch": Command("handler.cli.watch", "read a call live in the terminal"),
    "tap": Command("broker.cli.tap", "print what is published to NATS"),
    "provision": Command("broker.cli.provision", "create the stream and the bucket on NATS"),
    "purge": Command("broker.cli.purge", "delete the records of a call"),
    "rehearse": Command(
        "rehearsal.cli.__main__", "stand-ins for Twilio and Deepgram, and recorded calls"
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand; returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    name = arguments[0] if arguments else ""
    if name == "--version":
        print(f"partyline {importlib.metadata.version('partyline')}")
        return 0
    if name not in COMMANDS:
        asked_for_help = name in ("", "-h", "--help", "help")
        print(_usage(), file=sys.stdout if asked_for_help else sys.stderr)
        return 0 if asked_for_help else 2
    command = COMMANDS[name]
    try:
        module = importlib.import_module(command.module)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] in ("handler", "broker"):
            raise
        print(
            f"partyline {name}: {exc.name} is not installed; try: pip install 'partyline[demo]'",
            file=sys.stderr,
        )
        return 1
    try:
        code: int = module.main(arguments[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads what we print has read enough, as head does. The interpreter would write what
        # is left of it when it ends, and complain: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _usage() -> str:
    lines = ["usage: partyline COMMAND …", "", "Live transcripts of Twilio phone calls.", ""]
    lines += [f"  {name:9} {command.summary}" for name, command in COMMANDS.items()]
    lines += ["", "partyline COMMAND --help says more."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
