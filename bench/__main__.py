"""
What a call costs, beside the tutorial's server and plain uvicorn, in the same run: one table.

Linux. What each row means, and what to make of it: docs/performance.md.
"""

import argparse
import json
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path

from bench.comparison import CALLS, SECONDS, Comparison
from bench.machine import Cores, describe, open_files
from bench.measures import Bench
from bench.report import table
from bench.servers import OURS, PLAIN, TUTORIAL, nats_server
from handler import logs

RESULTS = Path(__file__).parent / "results.json"


def measure(comparison: Comparison, arguments: argparse.Namespace) -> None:
    """Take the measures that were asked for."""
    kinds = (OURS, TUTORIAL) if arguments.short else (OURS, PLAIN, TUTORIAL)
    comparison.measure_rounds(arguments.rounds, kinds, arguments.calls, arguments.seconds)
    if not arguments.short:
        comparison.measure_idle()
        comparison.measure_growth()
        comparison.measure_subscribers()
        comparison.measure_kept()
    if arguments.capacity:
        comparison.measure_capacity(arguments.capacity)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; 1 if a frame of ours was not where it belongs."""
    logs.configure("ERROR")
    machine, cores = describe(), Cores()
    cores.take_others()
    open_files()
    if cores.shared:
        print("one processor: servers and load share it; mind the ratios alone", file=sys.stderr)
    settings = dict(pair.split("=", 1) for pair in arguments.set)
    begun = time.strftime("%Y-%m-%d %H:%M")
    with nats_server() as nats_url, Bench(cores, nats_url, settings) as bench:
        comparison = Comparison(bench, lambda line: print(line, file=sys.stderr, flush=True))
        measure(comparison, arguments)
    ratios = comparison.ratios()
    kept = {
        "date": begun,
        "machine": machine,
        "settings": settings,
        "ratio": ratios and asdict(ratios),
        **{name: value for name, value in vars(comparison).items() if name[0] != "_"},
    }
    arguments.json.write_text(json.dumps(kept, indent=1))
    print(f"{begun}, {machine}\n\n{table(comparison)}\n")
    if ratios is None:
        print("the load was late in every round: nothing can be said of a frame's cost")
    for fault in comparison.faults:
        print(f"WRONG: {fault}")
    return 1 if comparison.faults else 0


def main() -> int:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--calls", type=int, default=CALLS, help=f"of a round (default: {CALLS})")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"of a run (default: {SECONDS:.0f})"
    )
    parser.add_argument(
        "--short", action="store_true", help="nothing but rounds of ours and the tutorial's server"
    )
    parser.add_argument(
        "--capacity",
        type=int,
        metavar="MOST",
        help="also find the most calls that are carried in time, up to so many",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of ours"
    )
    parser.add_argument("--json", type=Path, default=RESULTS, help=f"default: {RESULTS.name} here")
    arguments = parser.parse_args()
    if platform.system() != "Linux":
        print("Linux alone tells what a process costs to the microsecond", file=sys.stderr)
        return 1
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
