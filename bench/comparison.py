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
FOLLOWED = (
    ("websocket", (OURS, PLAIN, TUTORIAL)),
    ("events", (OURS, PLAIN)),
)
FINISHED = 100  # calls in a batch
BATCHES = 6
SECONDS = 4.0  # in which costs are taken, once all calls are there
DELAY_MS = 100.0  # of the newest frame in a message: more than that is falling behind
# Never, whatever else is to be done; the others only where load and server kept pace.
CONFUSED = ("foreign", "disordered", "damaged")
AMISS = ("lost", "misplaced", "refused", "unended")

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


def in_time(run: Figures) -> bool:
    """Whether the server kept pace; of a load that was late nobody knows."""
    lasted = run["ended"] - run["begun"]
    kept_pace = run["frames"] >= 0.97 * run["sent_a_second"] * lasted
    return bool(run["on_time"] and kept_pace and run["chunk_p99"] <= DELAY_MS)


def faults(run: Figures) -> list[str]:
    """What is wrong with the audio of a run, or with the ends of its calls."""
    names = CONFUSED + AMISS if in_time(run) else CONFUSED
    found = [f"{run[name]} {name}" for name in names if run[name]]
    return [*found, "sockets left open"] if in_time(run) and not run["closed"] else found


def cheaper(ours: Figures, theirs: Figures, cost: str = "spins_a_frame") -> float:
    """How many times less we cost, evened out by the spin."""
    return float(theirs[cost] / ours[cost])


class Comparison:
    """
    Takes the measures, and keeps what came of each.

    Attributes:
        rounds: Of the same calls: a run of each server.
        growth: A run of each server for each number of calls.
        idle, kept: A run of each server.
        subscribers: The same, for each way to read.
        capacity: The most calls in time, where it was asked for; more, if the load was late.
        faults: What was wrong with any run of ours; nothing may be.
    """

    def __init__(self, bench: Bench, say: Say = lambda _: None) -> None:
        self._bench = bench
        self._say = say
        self.idle: dict[str, Figures] = {}
        self.rounds: list[dict[str, Figures]] = []
        self.growth: dict[int, dict[str, Figures]] = {}
        self.subscribers: dict[str, dict[str, Figures]] = {}
        self.kept: dict[str, Figures] = {}
        self.capacity: dict[str, Figures] = {}
        self.faults: list[str] = []

    def measure_rounds(
        self, count: int, kinds: Sequence[Kind], calls: int = CALLS, seconds: float = SECONDS
    ) -> None:
        """Carry calls; a round in which the load was late counts for nothing and is repeated."""
        for number in range(2 * count):
            turn = number % len(kinds)
            order = (*kinds[turn:], *kinds[:turn])
            runs = {kind.name: self._carry(kind, calls, seconds) for kind in order}
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
            seconds = SECONDS if calls > 1 else 10.0
            runs = {kind.name: self._carry(kind, calls, seconds) for kind in (OURS, TUTORIAL)}
            self.growth[calls] = runs

    def measure_subscribers(self) -> None:
        """Have one call read by many."""
        for way, kinds in FOLLOWED:
            self.subscribers[way] = {kind.name: self._follow(kind, way) for kind in kinds}

    def measure_kept(self) -> None:
        """See what stays of calls that are over."""
        for kind in (OURS, TUTORIAL):
            with self._bench.server(kind) as server:
                self.kept[kind.name] = self._bench.kept(server, FINISHED, BATCHES)

    def measure_capacity(self, most: int) -> None:
        """Find the most calls in time, to a tenth; a number that fails is tried twice."""
        for kind in (OURS, TUTORIAL):
            good, bad, load_late = 0, most + 1, True
            while bad - good > max(1, good // 10):
                calls = (good + bad) // 2
                runs = [self._carry(kind, calls, SECONDS)]
                if not in_time(runs[0]):
                    runs.append(self._carry(kind, calls, SECONDS))
                if in_time(runs[-1]):
                    good = calls
                else:
                    bad, load_late = calls, not all(run["on_time"] for run in runs)
            self.capacity[kind.name] = {"calls": good, "load_late": load_late}

    def ratios(self, kind: Kind = OURS) -> Spread | None:
        """
        How many times less a frame costs than with the tutorial's server, round by round.

        None where no round counts.
        """
        found = [cheaper(runs[kind.name], runs[TUTORIAL.name]) for runs in self.rounds]
        return Spread.of(found) if found else None

    def _carry(self, kind: Kind, calls: int, seconds: float) -> Figures:
        with self._bench.server(kind) as server:
            run = self._bench.carry(server, calls, seconds=seconds, warm_up=seconds / 2)
        late = "" if run["on_time"] else "; but the load was late"
        self._say(
            f"{kind.name}, {calls} calls: {run['us_a_frame']:.0f} us a frame, delay p50 "
            f"{run['frame_p50']:.0f} p99 {run['frame_p99']:.0f} ms{late}"
        )
        self._note(kind, f"{calls} calls", faults(run))
        return run

    def _follow(self, kind: Kind, way: str) -> Figures:
        with self._bench.server(kind) as server:
            run = self._bench.follow(server, SUBSCRIBERS, way)
        what = f"{SUBSCRIBERS} by {way}"
        self._say(
            f"{kind.name}, {what}: {run['us_a_delivery']:.0f} us a delivery, "
            f"p50 {run['p50']:.0f} p99 {run['p99']:.0f} ms"
        )
        missed = [f"{run['missed']} finals missed or doubled"] if run["missed"] else []
        self._note(kind, what, faults(run) + missed)
        return run

    def _note(self, kind: Kind, what: str, found: list[str]) -> None:
        if kind is not TUTORIAL:
            self.faults += [f"{kind.name}, {what}: {fault}" for fault in found]
