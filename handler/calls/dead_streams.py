"""
Which media streams are dead, when another one may be started, and what it is told. Pure.

Three signs tell, and any container may have them first: Twilio's word, a socket that is lost
without ``stop``, an owner that gives no sign of life. Whether the call goes on, Twilio alone knows.
"""

from collections.abc import Collection, Sequence

from broker.entries import CallEntry
from handler.parameters import (
    CALLEE_NAME,
    CALLER_NAME,
    DIRECTION,
    FROM,
    OPTIONS,
    TO,
    fits,
)
from handler.twilio.callbacks import StreamCallback
from handler.twilio.stream_errors import explain

# From one start to the next, and how many there may be in so long: a stream that fails at once each
# time, as it is refused, is not begun without end.
SPACING_SECONDS = 5.0
WINDOW_SECONDS = 600.0
MOST_IN_WINDOW = 5
# The word that a stream has stopped may come before its owner has said so: it was told by the
# stream itself, and nothing is to be started.
STOPPED_SECONDS = 2.0


def doubt(callback: StreamCallback) -> float | None:
    """Return for how long Twilio's word of a stream's death is to be doubted; None: it lives."""
    if callback.event == "stream-stopped":
        return STOPPED_SECONDS
    if callback.event != "stream-error":
        return None
    problem = explain(callback.error)
    return None if problem is not None and problem.warning else 0.0


def is_dead(entry: CallEntry | None, account_sid: str, dead: Collection[str]) -> bool:
    """
    Whether a call is heard by nobody, and is not known to be over.

    Args:
        entry: What the registry says of it.
        account_sid: Of the account whose word it is.
        dead: Media streams that are.
    """
    if entry is None or entry.account_sid != account_sid or entry.call_status is not None:
        return False
    return any(stream_sid in dead for stream_sid in entry.stream_sids)


def pause(starts: Sequence[int], now: int) -> float:
    """
    Return in how many seconds another start may be made; 0 if it may be now.

    Args:
        starts: Unix ms of those that were made, in whichever container, the newest last.
        now: Unix ms here; clocks of containers differ, by which nobody waits for longer.
    """
    counted = [at for at in starts if now - at < WINDOW_SECONDS * 1000]
    waits = [0.0]
    if counted:
        waits.append(_left(counted[-1], SPACING_SECONDS, now))
    if len(counted) >= MOST_IN_WINDOW:
        waits.append(_left(counted[-MOST_IN_WINDOW], WINDOW_SECONDS, now))
    return max(waits)


def parameters(entry: CallEntry) -> dict[str, str]:
    """Return what the next media stream of a call is told of it: what the first one was."""
    ours = {
        FROM[0]: entry.from_,
        TO[0]: entry.to,
        DIRECTION[0]: entry.direction,
        CALLER_NAME[0]: entry.caller_name,
        CALLEE_NAME[0]: entry.callee_name,
        OPTIONS[0]: entry.options,
    }
    told = {name: value for name, value in ours.items() if value} | entry.metadata
    return {name: value for name, value in told.items() if fits(name, value)}


def _left(at: int, seconds: float, now: int) -> float:
    return min(seconds, at / 1000 + seconds - now / 1000)
