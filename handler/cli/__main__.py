"""``partyline``: one command, its parts loaded when they are asked for."""

import gc
import importlib
import importlib.metadata
import os
import sys
from dataclasses import dataclass
from types import ModuleType

from broker.cli.arguments import did_you_mean

# The command's own name belongs to another program on the public index.
DISTRIBUTION = "partyline-transcripts"
FROM_A_CHECKOUT = "in a checkout of the project: make demo, or pip install '.[demo]'"


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: where its ``main(argv, prog)`` lives, and what it does in one line."""

    module: str
    summary: str


COMMANDS = {
    "demo": Command(
        "rehearsal.cli.demo", "try it all on this machine: a recorded call, no account"
    ),
    "serve": Command("handler.cli.serve", "run the service"),
    "setup": Command(
        "handler.cli.setup", "let a number of Twilio's bring its calls to the service"
    ),
    "token": Command("handler.cli.mint_token", "make a token for a subscriber"),
    "watch": Command("handler.cli.watch", "read a call live in the terminal"),
    "tap": Command("broker.cli.tap", "print what is published to NATS"),
    "forward": Command("handler.cli.forward", "send records to a webhook, as they are stored"),
    "provision": Command("broker.cli.provision", "create the stream and the bucket on NATS"),
    "move": Command("broker.cli.move", "let another container take a live call"),
    "purge": Command("broker.cli.purge", "delete the records of a call"),
    "doctor": Command("handler.cli.doctor", "say what of the set-up is wrong, and what to do"),
    "probe": Command("handler.cli.probe", "place a short call through a deployed service"),
    "rehearse": Command(
        "rehearsal.cli.__main__", "stand-ins for Twilio and Deepgram, and recorded calls"
    ),
}


# They need rich themselves.
SHOW_A_CALL = {COMMANDS[name].module for name in ("demo", "watch", "rehearse")}


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand; returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        try:
            return _run(arguments[0] if arguments else "", arguments[1:])
        finally:
            if sys.stdout is not None:  # as where it was closed before we began
                sys.stdout.flush()
    except BrokenPipeError:
        # Who reads what we print has read enough, as head does. The interpreter would write what
        # is left of it when it ends, and complain: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(name: str, arguments: list[str]) -> int:
    if name == "--version":
        print(f"partyline {_version()}")
        return 0
    if name in ("", "-h", "--help", "help"):
        print(_usage())
        return 0
    if name not in COMMANDS:
        print(f"partyline: {_unknown(name)}", file=sys.stderr)
        return 2
    try:
        code: int = _load(COMMANDS[name].module).main(arguments)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] in ("handler", "broker"):
            raise
        print(f"partyline {name}: {exc.name} is not installed; {FROM_A_CHECKOUT}", file=sys.stderr)
        return 1
    return code


def _load(module: str) -> ModuleType:
    """
    Import a command's module.

    nats-py imports aiohttp where that is installed, for NATS over websockets, which we do not
    speak. It would be a third of the time until the service is ready, and 9 MB. So does structlog
    with rich, for tracebacks in colours.

    What modules define stays to the end: to look for circles in it, again and again while it
    comes, would be a tenth of that time.
    """
    unused = ["aiohttp"] if module in SHOW_A_CALL else ["aiohttp", "rich"]
    for name in unused:  # None: as if it were not installed
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()
        for name in unused:
            if sys.modules.get(name) is None:
                del sys.modules[name]


def _version() -> str:
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "from source, not installed"


def _unknown(name: str) -> str:
    known = [*COMMANDS, "--help", "--version"]
    hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
    return f"there is no {'option' if name.startswith('-') else 'command'} {name!r}{hint}"


def _usage() -> str:
    lines = ["usage: partyline COMMAND …", "", "Live transcripts of Twilio phone calls.", ""]
    lines += [f"  {name:9} {command.summary}" for name, command in COMMANDS.items()]
    lines += ["", "partyline COMMAND --help says more."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
