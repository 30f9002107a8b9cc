"""
How many may be connected, by the descriptors there are. Pure.

A live call must never find that there is none for its socket or for Deepgram's, so each kind of
connection has its own share of what the process may open.
"""

from dataclasses import dataclass

# For NATS, the port, the log, the loop, files that are read, keys that are fetched, /metrics.
OWN = 64
# Twilio's socket, or two with a track each, Deepgram's, and one that takes the place of another.
PER_CALL = 4
# The most there are for who has shown nothing yet: more take memory, and none needs long.
MAX_LOBBY = 500


@dataclass(frozen=True, slots=True)
class Places:
    """How many there may be of each kind."""

    calls: int
    subscribers: int
    lobby: int


def share(descriptors: int, max_calls: int, max_subscribers: int) -> Places:
    """
    Share out the descriptors.

    Args:
        descriptors: The limit of the process.
        max_calls: As the settings have it.
        max_subscribers: Likewise.

    Returns:
        What the settings allow if there is room for it; else less: calls get up to half of what
        there is, the lobby a quarter.
    """
    room = max(16, descriptors - OWN)
    lobby = min(MAX_LOBBY, room // 4)
    calls = max(1, min(max_calls, room // 2 // PER_CALL))
    left = room - lobby - calls * PER_CALL
    return Places(calls=calls, subscribers=max(1, min(max_subscribers, left)), lobby=lobby)


def needed(max_calls: int, max_subscribers: int) -> int:
    """Return how many descriptors give all of them room."""
    beside = max_calls * PER_CALL + max_subscribers
    lobby = min(MAX_LOBBY, (beside + 2) // 3)  # a quarter of the room
    return OWN + max(beside + lobby, 2 * max_calls * PER_CALL)
