"""handler/subscribers/ends.py: what ends subscribers from outside."""

import asyncio
import time
from functools import partial

import pytest
from support.timing import UNIT, until

from handler.errors import EndCode, SubscriberError
from handler.subscribers.ends import NEVER, Ends


class Reader:
    """Somebody whose token ends."""

    def __init__(self, seconds: float = NEVER) -> None:
        self.expires = time.time() + seconds
        self.codes: list[EndCode] = []

    def end(self, error: SubscriberError) -> None:
        """Note what for."""
        self.codes.append(error.code)


@pytest.fixture
async def leaving():
    return asyncio.Event()


@pytest.fixture
async def ends(leaving):
    return Ends(leaving)


async def test_each_ends_with_its_own_token_and_not_before(ends):
    readers = [Reader(), Reader(0.3 * UNIT), Reader(0.1 * UNIT), Reader(-1), Reader(600)]
    for reader in readers:
        ends.add(reader)
    for reader in (readers[3], readers[2], readers[1]):
        await until(partial(getattr, reader, "codes"))
        assert time.time() >= reader.expires
    assert set(readers[2].codes) == {EndCode.TOKEN}
    assert not readers[0].codes
    assert not readers[4].codes
    for reader in readers:
        ends.discard(reader)


async def test_all_end_when_the_process_leaves_also_who_comes_then(ends, leaving):
    early, late = Reader(), Reader(600)
    ends.add(early)
    leaving.set()
    await until(lambda: early.codes)
    ends.add(late)
    await until(lambda: late.codes)
    assert set(early.codes + late.codes) == {EndCode.LEAVING}


async def test_those_who_are_sent_away_leave_one_after_the_other(ends, leaving):
    """So that they do not all come back at once; who comes meanwhile goes with them."""
    readers = [Reader() for _ in range(100)]
    for reader in readers:
        ends.add(reader)
    ends.spread_seconds = 0.5 * UNIT
    leaving.set()
    await until(lambda: readers[0].codes)
    assert not readers[-1].codes
    late = Reader()
    ends.add(late)
    ends.discard(readers[50])  # that one went by itself
    await until(lambda: late.codes and readers[-1].codes)
    assert {code for reader in readers for code in reader.codes} == {EndCode.LEAVING}
    assert not readers[50].codes


async def test_one_task_is_there_while_anybody_is(ends):
    before = len(asyncio.all_tasks())
    readers = [Reader(600 - number) for number in range(20)]
    for reader in readers:
        ends.add(reader)
    await until(lambda: len(asyncio.all_tasks()) == before + 1)
    for reader in readers:
        ends.discard(reader)
    await until(lambda: len(asyncio.all_tasks()) == before)


async def test_a_token_that_ends_sooner_than_the_last_one_ends_in_time(ends):
    reader = Reader(600)
    ends.add(reader)
    await asyncio.sleep(0)
    reader.expires = time.time() + 0.05
    ends.look()
    await until(lambda: reader.codes)
    assert reader.codes[0] == EndCode.TOKEN
    ends.discard(reader)


async def test_nobody_waits_for_one_who_was_the_first_to_end_and_left(ends):
    first, second = Reader(2 * UNIT), Reader(2.1 * UNIT)
    ends.add(first)
    ends.add(second)
    await asyncio.sleep(0)
    ends.discard(first)
    await until(lambda: second.codes)
    assert not first.codes
