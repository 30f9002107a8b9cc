"""Losses that go on, joined to one each: a ``Gap`` is published when its loss has ended."""

from dataclasses import dataclass, replace

from handler.deepgram.recogniser import Lost

# Losses of one kind that are this close (seconds on the call clock) are one loss.
JOIN_SECONDS = 1.0
# A loss has ended when nothing was added to it for so long (seconds).
QUIET_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Open:
    lost: Lost
    noted: float


class OpenGaps:
    """The losses of a call that may still grow. Pure: the time comes in as an argument."""

    def __init__(self) -> None:
        self._open: list[_Open] = []

    def note(self, lost: Lost, now: float) -> None:
        """Add a loss, to one that is open if they belong together."""
        for index, (known, _) in enumerate((entry.lost, entry.noted) for entry in self._open):
            if (
                (known.track, known.reason) == (lost.track, lost.reason)
                and lost.start <= known.end + JOIN_SECONDS
                and known.start <= lost.end + JOIN_SECONDS
            ):
                joined = replace(
                    known, start=min(known.start, lost.start), end=max(known.end, lost.end)
                )
                self._open[index] = _Open(joined, now)
                return
        self._open.append(_Open(lost, now))

    def take_ended(self, now: float) -> list[Lost]:
        """Return the losses that have ended, and forget them."""
        ended = [entry.lost for entry in self._open if entry.noted <= now - QUIET_SECONDS]
        self._open = [entry for entry in self._open if entry.noted > now - QUIET_SECONDS]
        return ended

    def take_all(self) -> list[Lost]:
        """Return all losses, as the call is about to end."""
        everything, self._open = [entry.lost for entry in self._open], []
        return everything
