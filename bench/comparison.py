"""
The comparison: ours, ours on plain uvicorn, and the tutorial's server, in turn on the same machine.

Each run has a fresh server. A round carries the same calls to all of them, and what counts is their
ratio within it: the machine changes from minute to minute, and both sides with it.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.measures import Bench, Figures
from bench.servers import OURS, PLAIN, TUTORIAL, Kind

CALLS = 75
GROWING = (1, 20, 150, 300)
SUBSCRIBERS = 1000
DELAY_MS = 100.0  # of the newest frame in a message: more than that is falling behind
FAULTS = ("lost", "misplaced", "foreign", "disordered", "damaged", "refused", "unended")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Spread:
    """Several rounds in three numbers."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}-{self.high:.2f}]"


def faults(run: Figures) -> list[str]:
    """What is wrong with the audio of a run, or with the ends of its calls."""
    found = [f"{run[name]} {name}" for name in FAULTS if run[name]]
    return found if run["closed"] else [*found, "sockets left open"]


def cheaper(ours: Figures, theirs: Figures, cost: str = "spins_a_frame") -> float:
    """How many times less we cost, evened out by the spin."""
    return float(theirs[cost] / ours[cost])


class Comparison:
    """
    Takes the measures, and keeps what came of each.

    Attributes:
        rounds: Of 75 calls: a run of each server.
        growth: One run for each number of calls.
        idle, subscribers, kept: A run of each server; subscribers by their way too.
        capacity: The most calls in time, where it was asked for.
    """

    def __init__(self, bench: Bench, say: Say = lambda _: None) -> None:
        self._bench = bench
        self._say = say
        self.idle: dict[str, Figures] = {}
        self.rounds: list[dict[str, Figures]] = []
        self.growth: dict[int, dict[str, Figures]] = {}
        self.subscribers: dict[str, dict[str, Figures]] = {"websocket": {}, "events": {}}
        self.kept: dict[str, Figures] = {}
        self.capacity: dict[str, int] = {}

    def _carry(self, kind: Kind, calls: int, *, seconds: float = 4.0) -> Figures:
        with self._bench.server(kind) as server:
            run = self._bench.carry(server, calls, seconds=seconds)
        late = "" if run["on_time"] else ", load late"
        self._say(
            f"{kind.name}, {calls} calls: {run['us_a_frame']:.0f} us a frame, delay p50 "
            f"{run['frame_p50']:.0f} p99 {run['frame_p99']:.0f} ms{late}"
        )
        return run

    def measure_rounds(self, count: int, kinds: Sequence[Kind] = (OURS, PLAIN, TUTORIAL)) -> None:
        """Carry 75 calls; a round in which the load was late counts for nothing and is repeated."""
        for number in range(2 * count):
            turn = number % len(kinds)
            order = (*kinds[turn:], *kinds[:turn])
            runs = {kind.name: self._carry(kind, CALLS) for kind in order}
            if all(run["on_time"] for run in runs.values()):
                self.rounds.append(runs)
            if len(self.rounds) == count:
                return

    def measure_idle(self) -> None:
        """Start each, and leave it alone."""
        for kind in (OURS, PLAIN, TUTORIAL):
            with self._bench.server(kind) as server:
                self.idle[kind.name] = self._bench.idle(server)

    def measure_growth(self) -> None:
        """Carry few calls, and many."""
        for calls in GROWING:
            self.growth[calls] = {
                kind.name: self._carry(kind, calls, seconds=10.0 if calls == 1 else 4.0)
                for kind in (OURS, TUTORIAL)
            }

    def measure_subscribers(self) -> None:
        """Have one call read by many."""
        for kind, way in (
            (OURS, "websocket"),
            (TUTORIAL, "websocket"),
            (PLAIN, "websocket"),
            (OURS, "events"),
            (PLAIN, "events"),
        ):
            with self._bench.server(kind) as server:
                run = self._bench.follow(server, SUBSCRIBERS, way)
            self._say(
                f"{kind.name}, {run['joined']} by {way}: {run['us_a_delivery']:.0f} us a delivery"
            )
            self.subscribers[way][kind.name] = run

    def measure_kept(self) -> None:
        """See what stays of calls that are over."""
        for kind in (OURS, TUTORIAL):
            with self._bench.server(kind) as server:
                self.kept[kind.name] = self._bench.kept(server, calls=100, batches=4)

    def measure_capacity(self, most: int) -> None:
        """Find the most calls in time, to a tenth; a number that fails is tried twice."""
        for kind in (OURS, TUTORIAL):
            good, bad = 0, most + 1
            calls = min(100, most)
            while bad - good > max(1, good // 10):
                if any(in_time(kind, self._carry(kind, calls)) for _ in range(2)):
                    good = calls
                else:
                    bad = calls
                calls = min(2 * good, most) if bad > most else (good + bad) // 2
                if good == most:
                    break
            self.capacity[kind.name] = good

    def ratios(self, kind: Kind = OURS) -> Spread:
        """How many times less a frame costs than with the tutorial's server, round by round."""
        return Spread.of([cheaper(runs[kind.name], runs[TUTORIAL.name]) for runs in self.rounds])

    def faults(self) -> list[str]:
        """What is wrong with any run of ours; nothing may be."""
        runs = [
            *(
                runs[kind.name]
                for runs in self.rounds
                for kind in (OURS, PLAIN)
                if kind.name in runs
            ),
            *(runs[OURS.name] for runs in self.growth.values()),
            *(
                run
                for way in self.subscribers.values()
                for name, run in way.items()
                if name != TUTORIAL.name
            ),
        ]
        found = [f"{run['calls']} calls: {fault}" for run in runs for fault in faults(run)]
        for way, of in self.subscribers.items():
            for name, run in of.items():
                if run["missed"]:
                    found.append(f"{name}: {run['missed']} deliveries by {way} missed or doubled")
        return found


def in_time(kind: Kind, run: Figures) -> bool:
    """Whether nobody fell behind; the tutorial's server loses the end of every call."""
    return bool(
        run["on_time"]
        and (kind is TUTORIAL or not faults(run))
        and run["chunk_p99"] <= DELAY_MS
        and run["frames"] >= 0.97 * run["sent_a_second"] * (run["ended"] - run["begun"])
    )
