"""One clock for all calls: each has its turn once an interval, and none has a timer of its own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

# The interval is divided into slots. Those of one have their turn one after the other, while caches
# are warm: as many as hold the loop for some 3 ms. Each on its own would cost a third more.
SLOT_SECONDS = 0.01
SLOT_MEMBERS = 32
# In one turn of the loop; those of the slot who are left have theirs after others had one.
TURN_SECONDS = 0.005

OnTick = Callable[[float], None]


@dataclass(slots=True, eq=False)
class _Member:
    """
    Who has turns.

    Attributes:
        on_tick: What to call.
        over: Done when there are to be no more.
        error: What the last turn raised.
    """

    on_tick: OnTick
    over: asyncio.Future[None]
    error: Exception | None = None


@dataclass(slots=True, eq=False)
class _Slot:
    """
    Those who have their turn at the same time.

    Attributes:
        due: Loop time of the next turn, if there is anybody.
        members: In the order in which they came; a dict, so that one that leaves is found.
    """

    due: float = 0.0
    members: dict[_Member, None] = field(default_factory=dict)


class Ticker:
    """
    Calls each of many once every ``interval`` seconds.

    A turn that the process slept through is left out. What a callback raises ends its own
    :meth:`run`, and disturbs no other.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._slots = [_Slot() for _ in range(max(1, round(interval / SLOT_SECONDS)))]
        self._next: _Slot | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, on_tick: OnTick, over: asyncio.Future[None]) -> None:
        """
        Call ``on_tick`` with the loop's time, once every interval, until ``over`` is done.

        Raises:
            Exception: what ``on_tick`` raised.
        """
        slot = self._place()
        if not slot.members:
            slot.due = self._due(slot)
        member = _Member(on_tick, over)
        slot.members[member] = None
        self._wind()
        try:
            await over
        finally:
            del slot.members[member]
            self._wind()
        if member.error is not None:
            raise member.error

    def _place(self) -> _Slot:
        """Return the slot for one more: the fullest that has room, or else the emptiest."""
        room = [slot for slot in self._slots if len(slot.members) < SLOT_MEMBERS]
        if room:
            return max(room, key=lambda slot: len(slot.members))
        return min(self._slots, key=lambda slot: len(slot.members))

    def _due(self, slot: _Slot) -> float:
        """Return when the turn of a slot comes next: each has its place in the interval."""
        now = asyncio.get_running_loop().time()
        place = self._interval * self._slots.index(slot) / len(self._slots)
        return now + self._interval - (now - place) % self._interval

    def _wind(self) -> None:
        """Wake up for the slot whose turn comes first; without any, not at all."""
        taken = [slot for slot in self._slots if slot.members]
        first = min(taken, key=lambda slot: slot.due, default=None)
        if first is self._next:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._next = first
        if first is not None:
            self._timer = asyncio.get_running_loop().call_at(first.due, self._tick, first)

    def _tick(self, slot: _Slot) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        slot.due += self._interval
        if slot.due <= now:
            slot.due = self._due(slot)
        self._next = self._timer = None
        self._wind()
        self._go_round(list(slot.members))

    def _go_round(self, members: list[_Member]) -> None:
        """Let each have its turn; after some time others have theirs before the rest."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for number, member in enumerate(members, 1):
            if member.over.done():
                continue
            try:
                member.on_tick(now)
            except Exception as exc:  # noqa: BLE001  whoever waits for its end gets it
                member.error = exc
                if not member.over.done():
                    member.over.set_result(None)
            if loop.time() - now >= TURN_SECONDS:
                loop.call_soon(self._go_round, members[number:])
                return
