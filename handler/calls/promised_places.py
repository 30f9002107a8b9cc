"""Places that are kept for calls which were answered, until their media streams come. Pure."""

from collections.abc import Iterator

# From the answer to the stream's ``start`` Twilio takes a second or two; some calls hang up before.
KEPT_SECONDS = 10.0


class PromisedPlaces:
    """Of each call one place, for so long; times are of the loop, in s."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def __contains__(self, call_sid: str) -> bool:
        return call_sid in self._until

    def __iter__(self) -> Iterator[str]:
        """Go through the calls that have one; it may be given up meanwhile."""
        return iter([*self._until])

    def count(self, now: float) -> int:
        """Return how many are kept; those that nobody came for are given up."""
        while self._until and self._until[oldest := next(iter(self._until))] <= now:
            del self._until[oldest]
        return len(self._until)

    def keep(self, call_sid: str, now: float) -> None:
        """Keep a place; whoever asks again has one, for as long as from now on."""
        self.give_up(call_sid)
        self._until[call_sid] = now + KEPT_SECONDS

    def give_up(self, call_sid: str) -> None:
        """Keep none: the stream is there, if one was kept."""
        self._until.pop(call_sid, None)
