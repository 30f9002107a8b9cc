"""handler/server/idle.py: a process that holds nothing for so long may leave."""

import asyncio
from dataclasses import dataclass

from support.timing import patience

from handler.server.idle import wait_idle

SECONDS = 0.05


@dataclass
class Process:
    """What it holds, and whether somebody is connected; how often and when it was looked at."""

    held: int = 0
    quiet: bool = True
    looks: int = 0
    looked_at: float = 0.0
    held_at: float = 0.0

    def holds(self) -> int:
        self.looks += 1
        self.looked_at = asyncio.get_running_loop().time()
        if self.held:
            self.held_at = self.looked_at
        return self.held

    def is_quiet(self) -> bool:
        return self.quiet


async def waits(process: Process, **bounds: float) -> float:
    """Return after how many seconds it is let go."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with patience():
        await wait_idle(SECONDS, process.holds, process.is_quiet, **bounds)
    return loop.time() - begun


async def test_what_holds_nothing_is_let_go_after_the_time_and_not_before():
    process = Process()
    assert await waits(process) >= SECONDS
    assert process.looks > 5


async def test_what_comes_meanwhile_begins_the_time_anew():
    process = Process()
    waiting = asyncio.create_task(waits(process))
    while process.looks < 5:  # noqa: ASYNC110  no event tells of a look; a late one counts for two
        await asyncio.sleep(0)
    process.held = 1
    await asyncio.sleep(SECONDS / 2)
    assert not waiting.done()
    process.held = 0
    await waiting
    # Since the last look at which it was held; a look has its time from just before.
    assert process.looked_at >= process.held_at + SECONDS * 0.9


async def test_who_is_about_to_ask_for_something_is_waited_for_though_not_for_ever():
    loop, process = asyncio.get_running_loop(), Process(quiet=False)
    begun = loop.time()
    loop.call_later(3 * SECONDS, setattr, process, "quiet", True)
    await waits(process)
    assert loop.time() - begun >= 3 * SECONDS
    process = Process(quiet=False)
    assert await waits(process, longest_quiet=SECONDS) >= 2 * SECONDS


async def test_nothing_comes_between_the_last_look_and_what_follows():
    """A connection that comes in that very turn of the loop finds the process decided."""
    process, loop = Process(), asyncio.get_running_loop()
    over, turns = False, [0]

    def count() -> None:
        turns.append(process.looks)
        if not over:
            loop.call_soon(count)

    loop.call_soon(count)
    await wait_idle(SECONDS, process.holds, process.is_quiet)
    over = True
    assert turns[-1] == process.looks - 1
