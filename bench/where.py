"""
Where the CPU time of a call goes: the service looks at itself a few hundred times a second of CPU.

Each look counts for the module whose Python code runs next: what the event loop and the kernel take
counts for what they were about to call, such as the protocol that reads a frame.
"""

import argparse
import collections
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from bench.comparison import CALLS, SECONDS
from bench.machine import Cores
from bench.measures import Bench, Figures
from bench.servers import Kind, nats_server
from handler import logs
from handler.cli import serve

EVERY = 0.003  # seconds of CPU
LOOKS = "BENCH_LOOKS"  # where the service writes what it saw
SHOWN = 24


def watched() -> int:
    """Serve, and write down what was seen."""
    seen: collections.Counter[str] = collections.Counter()

    def look(_: int, frame: FrameType | None) -> None:
        if frame is not None:
            seen[_name(frame.f_code.co_filename)] += 1

    signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    try:
        return serve.main([])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        Path(os.environ[LOOKS]).write_text(json.dumps(seen))


def _name(path: str) -> str:
    """Say a module of ours, or a library."""
    if "site-packages/" in path:
        return path.rpartition("site-packages/")[2].split("/")[0].removesuffix(".py")
    for room in ("handler", "broker"):
        if f"/{room}/" in path:
            return room + path.rpartition(f"/{room}")[2]
    return f"Python's {Path(path).parent.name}/{Path(path).name}"


def carry(cores: Cores, nats_url: str, looks: Path, calls: int) -> Figures:
    """Carry calls with the service that looks at itself."""
    kind = Kind("watched", ("bench.where", "--serve"))
    with Bench(cores, nats_url, {LOOKS: str(looks)}) as bench, bench.server(kind) as server:
        return bench.carry(server, calls, seconds=2 * SECONDS, warm_up=0.0)


def measure(calls: int) -> None:
    """Carry calls and print the shares."""
    logs.configure("ERROR")
    cores = Cores()
    cores.take_others()
    with tempfile.TemporaryDirectory() as directory:
        looks = Path(directory) / "looks.json"
        with nats_server() as nats_url:
            run = carry(cores, nats_url, looks, calls)
        seen = collections.Counter(json.loads(looks.read_text()))
    print(
        f"{calls} calls, {run['us_a_frame']:.0f} us a frame, start and end included in the shares"
    )
    for name, count in seen.most_common(SHOWN):
        print(f"{count / seen.total():6.1%}  {name}")


def main() -> int:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.where", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--serve", action="store_true", help="what the measurement starts")
    arguments = parser.parse_args()
    if arguments.serve:
        return watched()
    measure(arguments.calls)
    return 0


if __name__ == "__main__":
    sys.exit(main())
