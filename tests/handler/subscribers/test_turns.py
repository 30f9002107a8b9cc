"""handler/subscribers/turns.py: many who wait are woken a slice at a time."""

import asyncio

import pytest

from broker import supervise
from handler.subscribers.turns import SLICE_BYTES, SLICE_READERS, Turns


async def slices(turns: Turns, sizes: list[int]) -> list[int]:
    """Let all have their turn; returns how many were woken between two turns of the loop."""
    waiting = [asyncio.get_running_loop().create_future() for _ in sizes]
    for future, size in zip(waiting, sizes, strict=True):
        turns.add(future, size)
    counts, before = [], 0
    while before < len(waiting):
        await asyncio.sleep(0)
        woken = sum(future.done() for future in waiting)
        if woken > before:
            counts.append(woken - before)
        before = woken
    return counts


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([0], [1]),
        ([0] * (2 * SLICE_READERS + 1), [SLICE_READERS, SLICE_READERS, 1]),
        ([SLICE_BYTES * 3] * 3, [1, 1, 1]),
        ([SLICE_BYTES - 1] * 4, [2, 2]),
    ],
)
async def test_a_slice_is_bounded_in_readers_and_in_bytes(sizes, expected):
    turns = Turns()
    running = asyncio.create_task(turns.run())
    assert await slices(turns, sizes) == expected
    await turns.all_had()
    assert await slices(turns, sizes) == expected  # again, after a quiet time
    await supervise.end(running)


async def test_who_has_left_costs_no_turn():
    turns = Turns()
    running = asyncio.create_task(turns.run())
    gone, there = (asyncio.get_running_loop().create_future() for _ in range(2))
    turns.add(gone, SLICE_BYTES)
    turns.add(there)
    gone.cancel()
    await turns.all_had()
    assert there.done()
    await supervise.end(running)
