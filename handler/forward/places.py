"""So many calls are sent at once; of those whose receiver has failed them, half as many."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """
    The places of calls that are sent at once.

    A request that is not answered has its place for as long as its timeout says. Were all places
    taken by calls whose receiver is silent, those whose receiver is well would wait behind them.
    """

    def __init__(self, number: int) -> None:
        """Begin with so many, all of them free; of one, both kinds have that one."""
        self._all = asyncio.Semaphore(number)
        self._again = asyncio.Semaphore(max(number // 2, 1))

    @asynccontextmanager
    async def one(self, *, again: bool) -> AsyncIterator[None]:
        """Have a place, once there is one; ``again``: for a call whose last attempt has failed."""
        if not again:
            async with self._all:
                yield
            return
        async with self._again, self._all:
            yield
