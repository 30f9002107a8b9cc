"""handler/forward/places.py: calls whose receiver has failed them leave half of all places free."""

import asyncio

import pytest

from handler.forward.places import Places


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
    places, free = Places(number), asyncio.Event()
    have: list[bool] = []

    async def take(again: bool) -> None:
        async with places.one(again=again):
            have.append(again)
            await free.wait()

    async with asyncio.TaskGroup() as tasks:
        for again in wanted:
            tasks.create_task(take(again))
        for _ in range(5):  # each takes its place in one turn of the loop
            await asyncio.sleep(0)
        assert have == got
        free.set()
    assert sorted(have) == sorted(wanted)  # those that waited had theirs when the others left
