"""
How long a stream keeps its records: as long as it is told to, unless its size bites first. Pure.

``discard: old``: a stream that is full drops the oldest records of all calls, whatever their age.
"""

import math
from dataclasses import dataclass

from broker import durations
from broker.shape import MAX_MESSAGE, SECOND, Config

# A stream that is younger says little of what comes to it in a day; of short retentions a tenth.
MEASURABLE = 3600.0
MEASURABLE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Keeping:
    """
    What a stream holds, and for how long that will be kept.

    Attributes:
        stream: Its name.
        held: Bytes that it holds, of one copy.
        limit: Bytes that it may hold; infinite without a limit.
        retention: Seconds for which records are to be kept; infinite without a limit.
        oldest: Age of the oldest record in seconds; 0 if there is none.
        subjects: How many subjects its records have: the server holds them in memory.
        shards: How many streams share the records, and what they may hold.
    """

    stream: str
    held: int = 0
    limit: float = math.inf
    retention: float = math.inf
    oldest: float = 0.0
    subjects: int = 0
    shards: int = 1

    @classmethod
    def of(cls, config: Config, state: Config, oldest: float, shards: int = 1) -> "Keeping":
        """Read what a server says of a stream, one of so many, whose oldest record is so old."""
        return cls(
            config["name"],
            state.get("bytes", 0),
            _limit(config.get("max_bytes")),
            _limit(config.get("max_age")) / SECOND,
            oldest,
            state.get("num_subjects", 0),
            shards,
        )

    @property
    def full(self) -> bool:
        """Whether each record that comes drops older ones; it holds whole records only."""
        return self.held > self.limit - MAX_MESSAGE

    @property
    def rate(self) -> float:
        """Bytes a second, as they have come since the oldest record; 0 where that says nothing."""
        measurable = min(MEASURABLE, MEASURABLE_SHARE * self.retention)
        if self.oldest <= 0 or (self.oldest < measurable and not self.full):
            return 0.0
        return self.held / self.oldest

    @property
    def kept(self) -> float:
        """For how many seconds a record that comes now is kept, if others come as before."""
        return min(self.retention, self.limit / self.rate if self.rate else math.inf)

    @property
    def short(self) -> bool:
        """Whether records go before their time: the size that the stream may have is too small."""
        return self.kept < self.retention < math.inf

    @property
    def needed(self) -> float:
        """Bytes that the stream must be able to hold so that none goes before its time."""
        return self.rate * self.retention

    def words(self) -> str:
        """
        Say that it is short: what it holds, what comes, what is kept of it, what would do.

        ``MAX_MEGABYTES`` is what all shards may hold, in equal shares.
        """
        enough = math.ceil(self.needed * self.shards / 2**20)
        return (
            f"{self.stream} holds {_megabytes(self.held)} of {_megabytes(self.limit)} MB, of the "
            f"last {_hours(self.oldest)}; at that rate ({self.rate / 1000:.3g} kB/s) a record is "
            f"kept for {_hours(self.kept)}, and RETENTION is {durations.shown(self.retention)}: "
            f"that takes MAX_MEGABYTES {enough} or more (`partyline "
            "provision --megabytes`), or a shorter RETENTION"
        )


def _limit(value: int | None) -> float:
    """Read a limit; what is not positive is none."""
    return value if value is not None and value > 0 else math.inf


def _megabytes(size: float) -> str:
    return f"{size / 2**20:.0f}"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h"
