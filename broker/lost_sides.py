"""What of a call is lost with its owner, or with its media stream, by what is known. Pure."""

from collections.abc import Mapping
from typing import TypeVar

# Of speech that goes on, Deepgram says a final every few seconds: a side that has had none for
# longer than this, while the other had, was silent.
LONGEST_LAG = 5
# Sides that end so near to each other, in seconds, are lost together.
TOGETHER = 1
# So long behind a call's end Twilio may say that it is over: what ended its media stream was that.
STATUS_SECONDS = 2

Side = TypeVar("Side", bound=str)
Position = TypeVar("Position", int, float)


def lost_from(
    newest: Position, ends: Mapping[Side, Position], second: Position
) -> dict[Side | None, Position]:
    """
    Return from where each side is lost; None stands for both, where they are lost together.

    What one side had said may be stored, and not yet what the other had said before that.

    Args:
        newest: Up to where the call is known, of whichever side; in whatever unit.
        ends: Up to where each side is known; 0 if nothing is known of it.
        second: A second, in that unit.
    """
    lags = {side: newest - end for side, end in ends.items() if end}
    late = {side: lag for side, lag in lags.items() if 0 < lag <= LONGEST_LAG * second}
    longest = max(late.values(), default=0)
    if longest <= TOGETHER * second:
        return {None: newest - longest}
    return {side: newest - late.get(side, 0) for side in ends}


def went_on(reached: Position, over: Position, second: Position) -> bool:
    """
    Return whether a call went on behind the end of its media stream, heard by nobody.

    Args:
        reached: Up to where the call is known; in whatever unit.
        over: Where it was over, by Twilio's word.
        second: A second, in that unit.
    """
    return over - reached > STATUS_SECONDS * second
