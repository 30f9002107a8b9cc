"""
Refusals in the log: a line for each, and a count where there are too many to read.

A door that somebody tries without end must not fill the disk, nor hide what is wrong elsewhere:
each kind of refusal has its own share of lines.
"""

import asyncio
import logging
from collections import Counter

import structlog

# Lines of one kind in so many seconds; of the others their number is told at the end.
LINES = 30
WINDOW_SECONDS = 60.0
# Kinds that are counted apart: what is counted is kept for ever, here and by who reads the counts.
MAX_KINDS = 100
OTHERS = ("others", "")

_log = structlog.get_logger()


class Refusals:
    """
    What is logged of the refusals of a process.

    Attributes:
        totals: How many there were, by event and status, as the log has them.
    """

    def __init__(self, window: float = WINDOW_SECONDS) -> None:
        self._window = window
        self.totals: Counter[tuple[str, str]] = Counter()
        self._counts: dict[tuple[str, int | None], int] = {}

    def note(
        self, event: str, status: int | None, level: int = logging.INFO, **facts: object
    ) -> None:
        """
        Log a refusal, or count it.

        Args:
            event: What is refused; with ``status`` its kind, of which there must be few.
            status: What is answered, if anything.
            level: Of the line.
            facts: What tells the reader of the line what to change.
        """
        self._count(event, status)
        count = self._counts[event, status] = self._counts.get((event, status), 0) + 1
        if count == 1:
            asyncio.get_running_loop().call_later(self._window, self._end, event, status)
        if count <= LINES:
            _log.log(level, event, status=status, **facts)

    def _count(self, event: str, status: int | None) -> None:
        kind = event, "" if status is None else str(int(status))
        if kind not in self.totals and len(self.totals) >= MAX_KINDS:
            kind = OTHERS
        self.totals[kind] += 1

    def _end(self, event: str, status: int | None) -> None:
        unlogged = self._counts.pop((event, status)) - LINES
        if unlogged > 0:
            _log.warning("refusals not logged", refusal=event, status=status, count=unlogged)


refusals = Refusals()
