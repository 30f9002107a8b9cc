"""The comparison as a table for people."""

import statistics
from collections.abc import Callable, Iterator

from bench.comparison import CALLS, SUBSCRIBERS, Comparison, Spread, cheaper
from bench.measures import Figures
from bench.servers import OURS, PLAIN, TUTORIAL

KINDS = (OURS, PLAIN, TUTORIAL)
NONE = "-"
Row = tuple[str, ...]


def table(comparison: Comparison) -> str:
    """Make a Markdown table; the last column says how many times less ours costs."""
    head = ("", *(kind.name for kind in KINDS), "tutorial's / ours")
    rows: list[Row] = [head, *_rows(comparison)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return "\n".join(lines)


def _rows(comparison: Comparison) -> Iterator[Row]:
    yield from _rounds(comparison)
    yield from _growth(comparison)
    yield from _subscribers(comparison)
    yield from _memory(comparison)
    if comparison.capacity:
        yield _row("most calls in time", comparison.capacity, lambda calls: f"{calls}")


def _row(
    name: str, of: dict[str, Figures] | dict[str, int], say: Callable[..., str], ratio: str = ""
) -> Row:
    cells = (say(of[kind.name]) if kind.name in of else NONE for kind in KINDS)
    return (name, *cells, ratio)


def _rounds(comparison: Comparison) -> Iterator[Row]:
    rounds = comparison.rounds
    if not rounds:
        return

    def median(figure: str) -> dict[str, Figures]:
        return {
            name: {figure: statistics.median(runs[name][figure] for runs in rounds)}
            for name in rounds[0]
        }

    yield _row(
        f"CPU a frame, {CALLS} calls",
        median("us_a_frame"),
        lambda run: f"{run['us_a_frame']:.0f} us",
        str(comparison.ratios()),
    )
    for percent in ("p50", "p99"):
        figure = f"frame_{percent}"
        yield _row(
            f"delay of a frame, {percent}",
            median(figure),
            lambda run, figure=figure: f"{run[figure]:.0f} ms",
        )
    totals = {
        name: {
            what: sum(runs[name][what] for runs in rounds)
            for what in ("sent", "lost", "misplaced", "foreign", "disordered")
        }
        for name in rounds[0]
    }
    for what in ("lost", "misplaced", "foreign", "disordered"):
        yield _row(f"frames {what}", totals, lambda run, what=what: _share(run[what], run["sent"]))
    yield _row("memory a live call", median("kb_a_call"), lambda run: f"{run['kb_a_call']:.0f} kB")


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.0%})" if part else "0"


def _growth(comparison: Comparison) -> Iterator[Row]:
    for calls, runs in sorted(comparison.growth.items()):
        if calls == 1:
            yield _row(
                "one live call, share of a core",
                runs,
                lambda run: f"{run['share']:.2%}",
                f"{cheaper(runs[OURS.name], runs[TUTORIAL.name]):.2f}",
            )
            continue
        yield _row(
            f"CPU a frame, {calls} calls",
            runs,
            _cost_in_time,
            f"{cheaper(runs[OURS.name], runs[TUTORIAL.name]):.2f}"
            if all(run["on_time"] and run["chunk_p99"] <= 100 for run in runs.values())
            else "",
        )


def _cost_in_time(run: Figures) -> str:
    if not run["on_time"]:
        return "load late"
    if run["chunk_p99"] > 100:
        return f"behind: p99 {run['chunk_p99'] / 1000:.1f} s"
    return f"{run['us_a_frame']:.0f} us"


def _subscribers(comparison: Comparison) -> Iterator[Row]:
    for way, runs in comparison.subscribers.items():
        if not runs:
            continue
        name = f"{SUBSCRIBERS} by {way}"
        ratio = ""
        if TUTORIAL.name in runs:
            ratio = f"{cheaper(runs[OURS.name], runs[TUTORIAL.name], 'spins_a_delivery'):.2f}"
        yield _row(f"{name}: a delivery", runs, lambda run: f"{run['us_a_delivery']:.0f} us", ratio)
        yield _row(
            f"{name}: delay, p50 / p99", runs, lambda run: f"{run['p50']:.0f} / {run['p99']:.0f} ms"
        )
        yield _row(f"{name}: memory each", runs, lambda run: f"{run['kb_each']:.0f} kB")


def _memory(comparison: Comparison) -> Iterator[Row]:
    if comparison.kept:
        yield _row(
            "kept of a finished call", comparison.kept, lambda run: f"{run['kb_each']:.1f} kB"
        )
    if comparison.idle:
        idle = comparison.idle
        yield _row("idle: share of a core", idle, lambda run: f"{run['idle_share']:.2%}")
        yield _row("idle: memory", idle, lambda run: f"{run['idle_kb'] / 1000:.0f} MB")
        yield _row("start to ready", idle, lambda run: f"{run['ready_after']:.2f} s")


def summary(ratios: Spread) -> str:
    return f"a frame costs {ratios.median:.2f} times less than with the tutorial's server"
