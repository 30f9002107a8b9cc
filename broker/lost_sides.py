"""From where each side of a call is lost with its owner, by how far each is known. Pure."""

from collections.abc import Mapping
from typing import TypeVar

# Of speech that goes on, Deepgram says a final every few seconds: a side that has had none for
# longer than this, while the other had, was silent.
LONGEST_LAG = 5
# Sides that end so near to each other, in seconds, are lost together.
TOGETHER = 1
# A call that was over so many seconds behind the loss of its media stream at most has broken it by
# its end, which Twilio tells in whole seconds.
CUT_BY_END = 2.0

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
