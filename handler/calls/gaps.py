"""Losses that go on, joined to one each, and the ``Gap`` that tells of a loss. Pure."""

from dataclasses import dataclass, replace

from broker import records
from broker.records import Record
from handler.audio.loss import Loss
from handler.audio.mulaw import SAMPLE_RATE, SAMPLES_PER_MS, seconds

# Losses of one kind that are this close are one loss.
JOIN_SAMPLES = SAMPLE_RATE
# A loss has ended when nothing was added to it for so long.
QUIET_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Open:
    loss: Loss
    added_at: float


class OpenGaps:
    """The losses of a call that may still grow: a ``Gap`` is published when its loss has ended."""

    def __init__(self) -> None:
        self._open: list[_Open] = []

    def add(self, loss: Loss, now: float) -> None:
        """Add a loss at ``now`` (seconds), to one that is open if they belong together."""
        for index, entry in enumerate(self._open):
            if _belong_together(entry.loss, loss):
                start, end = min(entry.loss.start, loss.start), max(entry.loss.end, loss.end)
                self._open[index] = _Open(replace(loss, start=start, end=end), now)
                return
        self._open.append(_Open(loss, now))

    def pop_ended(self, now: float) -> list[Loss]:
        """Return the losses that have ended by ``now``, and forget them."""
        ended = [entry.loss for entry in self._open if entry.added_at <= now - QUIET_SECONDS]
        self._open = [entry for entry in self._open if entry.added_at > now - QUIET_SECONDS]
        return ended

    def pop_all(self) -> list[Loss]:
        """Return all losses, as the call is about to end."""
        losses, self._open = [entry.loss for entry in self._open], []
        return losses


def gap(loss: Loss) -> Record | None:
    """Return the ``Gap`` of a loss on the call clock; None if it is less than a gap can tell."""
    if loss.end - loss.start < SAMPLES_PER_MS:
        return None  # some samples at a seam: counted, and no word
    track = None if loss.track is None else loss.track.value
    return records.gap(seconds(loss.start), seconds(loss.end), track, loss.reason)


def _belong_together(one: Loss, other: Loss) -> bool:
    return (
        (one.track, one.reason) == (other.track, other.reason)
        and other.start <= one.end + JOIN_SAMPLES
        and one.start <= other.end + JOIN_SAMPLES
    )
