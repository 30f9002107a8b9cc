"""
How far a fleet of Partyline's goes: measured as far as one machine does.

``rates`` measures what one recorded call publishes; ``calls`` puts many such calls on a cluster of
three nodes and kills its leader; ``following`` follows them in one process; ``subjects`` fills one
stream with subjects. docs/sizing.md says what follows.
"""

import argparse
import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict

from bench.fleet import calls, following, rates, subjects
from bench.machine import describe, open_files


def main() -> None:
    """Run one measurement; prints what it saw as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.fleet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    measured = kinds.add_parser("rates", help="what one call publishes (two minutes)")
    measured.add_argument("--save", action="store_true", help="for calls to play from now on")
    many = kinds.add_parser("calls", help="many calls on three nodes (90 s for each number)")
    many.add_argument("--calls", type=int, nargs="+", default=[1000])
    many.add_argument("--no-kill", action="store_true", help="let the leader live")
    followed = kinds.add_parser("following", help="what following many calls costs (25 s)")
    followed.add_argument("--calls", type=int, default=400)
    filled = kinds.add_parser("subjects", help="many subjects in one stream")
    filled.add_argument("--subjects", type=int, default=1_000_000)
    arguments = parser.parse_args()
    open_files()
    print(describe())
    if arguments.kind == "rates":
        trace = asyncio.run(rates.measure())
        if arguments.save:
            rates.TRACE.write_text(trace.dump())
        _tell(rates.summary(trace))
    elif arguments.kind == "calls":
        for count in arguments.calls:
            _tell(asdict(asyncio.run(calls.measure(count, kill=not arguments.no_kill))))
    elif arguments.kind == "following":
        _tell(asyncio.run(following.measure(arguments.calls)))
    else:
        _tell(asdict(asyncio.run(subjects.measure(arguments.subjects))))


def _tell(figures: Mapping[str, object]) -> None:
    print(json.dumps(figures, indent=1), flush=True)


if __name__ == "__main__":
    main()
