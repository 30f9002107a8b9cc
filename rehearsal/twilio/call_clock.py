"""The clock of a running call: seconds since it was answered, which may pass faster."""

import asyncio


class CallClock:
    """A clock that begins now."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()

    def now(self) -> float:
        return (self._loop.time() - self._begun) * self.speed

    async def until(self, at: float) -> None:
        """Wait for a time; at least one turn of the loop."""
        await asyncio.sleep(max(0.0, self._begun + at / self.speed - self._loop.time()))
