"""The comparison as a table for people."""

import statistics
from collections.abc import Callable, Iterator, Mapping

from bench.comparison import DELAY_MS, SUBSCRIBERS, Comparison, cheaper
from bench.measures import Figures
from bench.servers import OURS, PLAIN, TUTORIAL

KINDS = (OURS, PLAIN, TUTORIAL)
NONE = "-"
MARKS = ("lost", "misplaced", "foreign", "disordered")

Row = tuple[str, ...]
Runs = Mapping[str, Figures]


def table(comparison: Comparison) -> str:
    """Make a Markdown table; its last column says how many times less ours costs."""
    head = ("", *(kind.name for kind in KINDS), "times less")
    rows: list[Row] = [head, *_rows(comparison)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    )


def _rows(comparison: Comparison) -> Iterator[Row]:
    if comparison.rounds:
        yield from _rounds(comparison)
    for calls, runs in comparison.growth.items():
        yield from _grown(calls, runs)
    for way, runs in comparison.subscribers.items():
        yield from _followed(f"{SUBSCRIBERS} by {way}", runs)
    if comparison.kept:
        yield _row(
            "kept of a finished call", comparison.kept, lambda run: f"{run['kb_each']:.1f} kB"
        )
    if comparison.idle:
        yield from _idle(comparison.idle)
    if comparison.capacity:
        yield _row(
            "most calls in time",
            comparison.capacity,
            lambda found: f"{'at least ' if found['load_late'] else ''}{found['calls']}",
        )


def _rounds(comparison: Comparison) -> Iterator[Row]:
    rounds = comparison.rounds
    runs = {name: _middle([runs[name] for runs in rounds]) for name in rounds[0]}
    calls = runs[OURS.name]["calls"]
    yield _row(
        f"CPU a frame, {calls} calls",
        runs,
        lambda run: f"{run['us_a_frame']:.0f} us",
        str(comparison.ratios()),
    )
    yield _row(
        "delay of a frame, p50 / p99",
        runs,
        lambda run: f"{run['frame_p50']:.0f} / {run['frame_p99']:.0f} ms",
    )
    for mark in MARKS:
        shares = {name: {"share": run[mark] / run["sent"]} for name, run in runs.items()}
        yield _row(f"frames {mark}", shares, lambda run: f"{run['share']:.2%}")
    yield _row("memory a live call", runs, lambda run: f"{run['kb_a_call']:.0f} kB")


def _middle(runs: list[Figures]) -> Figures:
    """The median of each figure; of what the marks tell, the sum."""
    summed = (*MARKS, "sent")
    return {
        name: sum(run[name] for run in runs)
        if name in summed
        else statistics.median(run[name] for run in runs)
        for name, value in runs[0].items()
        if isinstance(value, int | float)
    }


def _grown(calls: int, runs: Runs) -> Iterator[Row]:
    ours, theirs = runs[OURS.name], runs[TUTORIAL.name]
    comparable = _state(ours) == _state(theirs) == ""
    ratio = f"{cheaper(ours, theirs):.2f}" if comparable else ""
    if calls == 1:
        name = "one live call, share of a core"
        yield _row(name, runs, lambda run: f"{run['share']:.1%}", ratio)
    else:
        yield _row(
            f"CPU a frame, {calls} calls",
            runs,
            lambda run: _state(run) or f"{run['us_a_frame']:.0f} us",
            ratio,
        )


def _state(run: Figures) -> str:
    if not run["on_time"]:
        return "load late"
    return f"behind {run['chunk_p99'] / 1000:.1f} s" if run["chunk_p99"] > DELAY_MS else ""


def _followed(name: str, runs: Runs) -> Iterator[Row]:
    ratio = ""
    if TUTORIAL.name in runs:
        ratio = f"{cheaper(runs[OURS.name], runs[TUTORIAL.name], 'spins_a_delivery'):.2f}"
    yield _row(f"{name}, a delivery", runs, lambda run: f"{run['us_a_delivery']:.0f} us", ratio)
    yield _row("... p50 / p99", runs, lambda run: f"{run['p50']:.0f} / {run['p99']:.0f} ms")
    yield _row("... latest chunk of the call", runs, lambda run: f"{run['chunk_max']:.0f} ms")
    yield _row("... memory each", runs, lambda run: f"{run['kb_each']:.0f} kB")


def _idle(runs: Runs) -> Iterator[Row]:
    yield _row("idle, share of a core", runs, lambda run: f"{run['idle_share']:.2%}")
    yield _row("idle, memory", runs, lambda run: f"{run['idle_kb'] / 1000:.0f} MB")
    yield _row("start to ready", runs, lambda run: f"{run['ready_after']:.2f} s")


def _row(name: str, runs: Runs, say: Callable[[Figures], str], ratio: str = "") -> Row:
    cells = (say(runs[kind.name]) if kind.name in runs else NONE for kind in KINDS)
    return (name, *cells, ratio)
