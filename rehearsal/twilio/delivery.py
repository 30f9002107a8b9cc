"""
What may become of status callbacks on their way: neither order nor delivery is promised. Pure.

Source: https://www.twilio.com/docs/voice/api/call-resource#statuscallback
"""

import random
from dataclasses import dataclass

# How much later every other callback comes, when they come out of order.
SWAP_SECONDS = 0.5
REPEAT_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    How callbacks are delivered.

    Attributes:
        delay: How many seconds each comes later.
        out_of_order: Every other one comes later than the one after it.
        lost: The share that never comes.
        repeated: The share that comes twice.
        seed: Of both, so that a call can be repeated.
    """

    delay: float = 0.0
    out_of_order: bool = False
    lost: float = 0.0
    repeated: float = 0.0
    seed: int = 0

    @property
    def in_order(self) -> bool:
        """Whether each waits for the one before it."""
        return not (self.delay or self.out_of_order)

    def times(self, number: int) -> tuple[float, ...]:
        """Return after how many seconds a callback is sent, by its number; never, once or twice."""
        chance = random.Random(f"{self.seed} {number}")  # noqa: S311  seeded, to be repeatable
        if chance.random() < self.lost:
            return ()
        swap = SWAP_SECONDS if self.out_of_order and number % 2 == 0 else 0.0
        once = self.delay + swap
        return (once, once + REPEAT_SECONDS) if chance.random() < self.repeated else (once,)
