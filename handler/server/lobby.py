"""
Who is connected and has shown nothing yet: no accepted websocket, no stream that is let in.

They share a bounded number of places, so that those who are let in, and our own connections to
Deepgram and NATS, find descriptors left. Whoever comes last is given a place, and the one that has
waited longest without a whole request loses its own; where all have said what they want, the one
that has waited longest for its answer. What says at once what it wants, and is answered at once, as
Twilio's streams are, gets in beside a thousand that say nothing or wait for what does not come.
"""

import logging
from typing import Protocol

from handler.refusals import refusals
from handler.server.places import MAX_LOBBY

# Of requests that are not all there yet. The parsers keep them twice.
MAX_BYTES = 4 * 1024 * 1024


class Guest(Protocol):
    """A connection in the lobby."""

    def evict(self) -> None:
        """Cut the connection; its place is taken."""


class Lobby:
    """The places, and who has them."""

    def __init__(self, places: int = MAX_LOBBY) -> None:
        self.places = places
        # For a request, with what is there of it, in bytes; who waits longest comes first.
        self._waiting: dict[Guest, int] = {}
        # For its answer; who waits longest comes first.
        self._served: dict[Guest, None] = {}
        self._kept: set[Guest] = set()  # of those who wait: who was answered, and may ask again
        self._bytes = 0

    def __len__(self) -> int:
        """Return how many are in it."""
        return len(self._waiting) + len(self._served)

    def enter(self, guest: Guest) -> None:
        """Give somebody who comes a place."""
        self.leave(guest)
        if len(self) >= self.places and not self.make_room():
            longest = next(iter(self._served))
            self.leave(longest)
            _note("connection cut off: it was not answered yet, and its place is needed")
            longest.evict()
        self._waiting[guest] = 0

    def keep(self, guest: Guest) -> None:
        """Give a place to somebody who was answered and may ask again, until it is needed."""
        self.enter(guest)
        self._kept.add(guest)

    def hold(self, guest: Guest, size: int) -> None:
        """Note how much there is of a request; of all together there may be so much."""
        if guest in self._waiting:
            self._kept.discard(guest)
            self._bytes += size - self._waiting[guest]
            self._waiting[guest] = size
        while self._bytes > MAX_BYTES and self.make_room():
            pass

    def make_room(self) -> bool:
        """Take the place of the one that waits longest; False if nobody waits."""
        for guest in self._waiting:
            if guest not in self._kept:
                _note("connection cut off: it asked for nothing, and its place is needed")
            self.leave(guest)
            guest.evict()
            return True
        return False

    def serve(self, guest: Guest) -> None:
        """Keep the place of one whose request is being answered."""
        self.leave(guest)
        self._served[guest] = None

    def leave(self, guest: Guest) -> None:
        """Forget one that is gone, or let in."""
        self._bytes -= self._waiting.pop(guest, 0)
        self._served.pop(guest, None)
        self._kept.discard(guest)


def _note(event: str) -> None:
    advice = (
        "if these are no strangers, raise the limit of open files (ulimit -n, LimitNOFILE=, docker "
        "--ulimit nofile=); else let a proxy before the service limit connections for each address"
    )
    refusals.note(event, 503, logging.WARNING, advice=advice)
