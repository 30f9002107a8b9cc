"""
What a full-text search over ended calls would take: an index of their words in one process.

Calls of words as frequent as in speech (Zipf) are put into SQLite's FTS5, which keeps no text; then
it is asked. What it costs to read the words from NATS comes on top: see docs/performance.md.
"""

import argparse
import os
import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate

from bench.machine import describe
from bench.processes import resident_mb

VOCABULARY = 30_000
WORDS = 700  # of a call of five minutes
BATCH = 500
PAGE = 50
ROUNDS = 50


def texts(calls: int, words: int) -> Iterator[str]:
    """Yield what is said in so many calls."""
    source = random.Random(1)  # noqa: S311  words, no secrets
    vocabulary = [f"w{number}" for number in range(VOCABULARY)]
    weights = list(accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
    for _ in range(calls):
        yield " ".join(source.choices(vocabulary, cum_weights=weights, k=words))


def fill(index: sqlite3.Connection, calls: int, words: int) -> tuple[float, float]:
    """Put calls in; returns the seconds in all, and of the longest batch."""
    total = longest = 0.0
    batch: list[tuple[int, str]] = []
    for number, text in enumerate(texts(calls, words), 1):
        batch.append((number, text))
        if len(batch) == BATCH or number == calls:
            begun = time.perf_counter()
            index.executemany("INSERT INTO calls(rowid, words) VALUES (?, ?)", batch)
            index.commit()
            took = time.perf_counter() - begun
            total, longest = total + took, max(longest, took)
            batch.clear()
    return total, longest


def ask(index: sqlite3.Connection, query: str) -> tuple[int, float, float]:
    """Return how many calls were found, and the median and longest time in ms."""
    took: list[float] = []
    found: Sequence[object] = ()
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        found = index.execute(
            "SELECT rowid FROM calls WHERE calls MATCH ? ORDER BY rowid DESC LIMIT ?", (query, PAGE)
        ).fetchall()
        took.append((time.perf_counter() - begun) * 1000)
    took.sort()
    return len(found), took[ROUNDS // 2], took[-1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=WORDS, help="of each call")
    arguments = parser.parse_args()
    print(describe())
    before = resident_mb(os.getpid())
    index = sqlite3.connect(":memory:")
    index.execute("CREATE VIRTUAL TABLE calls USING fts5(words, content='', detail='none')")
    total, longest = fill(index, arguments.calls, arguments.words)
    pages = index.execute("PRAGMA page_count").fetchone()[0]
    size = pages * index.execute("PRAGMA page_size").fetchone()[0] / 1e6
    print(
        f"{arguments.calls} calls of {arguments.words} words: put in within {total:.1f} s of one "
        f"core, {BATCH} at a time, which take {longest * 1000:.0f} ms at most; index "
        f"{size:.0f} MB, process {resident_mb(os.getpid()) - before:.0f} MB more"
    )
    for what, query in (
        ("a word of nearly all calls", "w1"),
        ("a word of some hundred", "w20000"),
        ("two frequent ones", "w5 AND w40"),
        ("four", "w100 AND w200 AND w300 AND w400"),
        ("the beginning of a word", "w123*"),
    ):
        found, median, most = ask(index, query)
        print(f"{what}: {found} found in {median:.1f} ms, {most:.1f} at most")


if __name__ == "__main__":
    main()
