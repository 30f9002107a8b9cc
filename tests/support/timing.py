"""
One unit of time for all that tests wait for.

Tests wait for events. PATIENCE says when to give up on one: a test that passes never waits that
long, whatever else the machine has to do. Where a time itself is the subject (a lease, a delay that
a stand-in makes), it is given in units to the side that keeps it, and what is compared is what that
side says, or the order in which things came.
"""

import asyncio
import os
from collections.abc import Callable

UNIT = float(os.environ.get("PARTYLINE_TEST_UNIT", "1"))  # seconds; more on a slow machine
PATIENCE = 60 * UNIT
# For how long a token is good whose end is the subject: what is started with it, a browser or a
# program, stands before, on a machine with much else to do too.
TTL = 12 * UNIT
LOOK = 0.01  # between two looks at what announces no change


def patience(units: float = 60) -> asyncio.Timeout:
    """Fail with TimeoutError what is not there in the end; for longer proofs with more units."""
    return asyncio.timeout(units * UNIT)


async def until(condition: Callable[[], object], look: float = LOOK) -> None:
    """Wait until something has become true that no event tells of."""
    async with patience():
        while not condition():  # noqa: ASYNC110  the one place that looks again and again
            await asyncio.sleep(look)
