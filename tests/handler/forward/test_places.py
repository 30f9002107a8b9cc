"""handler/forward/places.py: calls whose receiver has failed them leave half of all places free."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from handler.forward.places import Places


async def taken(places: Places, again: list[bool]) -> tuple[list[bool], AsyncExitStack]:
    """Take places for calls in turn; returns which of them have one, as all of them want."""
    got: list[bool] = []
    stack = AsyncExitStack()

    async def take(is_again: bool) -> None:
        async with places.one(again=is_again):
            got.append(is_again)
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(take(one)) for one in again]

    async def end() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stack.push_async_callback(end)
    for _ in range(5):
        await asyncio.sleep(0)
    return got, stack


@pytest.mark.parametrize(
    ("number", "wanted", "got"),
    [
        (4, [True] * 5 + [False] * 5, [True] * 2 + [False] * 2),
        (4, [False] * 5, [False] * 4),
        (5, [True] * 5, [True] * 2),
        (1, [True] * 2, [True]),
        (1, [False, True], [False]),
    ],
)
async def test_calls_that_are_tried_again_have_half_of_the_places(number, wanted, got):
    places = Places(number)
    have, stack = await taken(places, wanted)
    assert have == got
    await stack.aclose()
    have, stack = await taken(places, wanted)  # all of them are free again
    assert have == got
    await stack.aclose()
