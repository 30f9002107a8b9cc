"""How late the event loop is: how long whatever becomes due has to wait for its turn."""

import asyncio
from collections.abc import Callable
from typing import Self

INTERVAL_SECONDS = 0.1
# Of one halt, however long it was, so many times are told.
MAX_TIMES = 600


def delays(late: float, interval: float = INTERVAL_SECONDS) -> list[float]:
    """
    Return how long those had to wait who came once an interval, while the loop was late.

    One look that comes late stands for all that could not be made meanwhile. Counted as one among
    many on time, a halt of a second would be a tenth of a second's.

    Args:
        late: Seconds after the look was due.
        interval: Seconds between two looks.
    """
    count = min(1 + int(max(0.0, late) / interval), MAX_TIMES)
    return [max(0.0, late - number * interval) for number in range(count)]


class LoopDelay:
    """
    Looks ten times a second how late the running loop is.

    A context manager: it looks while it is open, and tells ``note`` of each delay, in seconds.
    """

    def __init__(self, note: Callable[[float], None]) -> None:
        self._note = note
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._look_at(asyncio.get_running_loop().time() + INTERVAL_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look_at(self, due: float) -> None:
        self._timer = asyncio.get_running_loop().call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        now = asyncio.get_running_loop().time()
        for delay in delays(now - due):
            self._note(delay)
        self._look_at(now + INTERVAL_SECONDS)
