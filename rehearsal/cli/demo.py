"""``partyline demo``: its arguments, read before anything is loaded that may not be installed."""

import argparse
import sys

from rehearsal.cli.arguments import Parser


def main(argv: list[str], prog: str = "partyline demo") -> int:
    """Run the demo; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    from rehearsal import demo  # noqa: PLC0415  it needs packages of the demo extra

    return demo.run(prog, once=arguments.once)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Start a nats-server, the service, a stand-in for Deepgram with a real "
        "recogniser and one for Twilio; place a recorded call of two minutes and print its "
        "transcript as it comes. Enter places another call, Ctrl-C ends it all.",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="end after one call, and print the word error rate of each side",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
