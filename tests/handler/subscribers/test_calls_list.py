"""handler/subscribers/calls_list.py: who is told of a change, when, and what is kept of it."""

import asyncio
import gc
import json
import time
import weakref

import pytest
from support.sids import account_sid, call_sid
from support.timing import patience

from broker import supervise
from broker.entries import CallEntry
from handler.subscribers import calls_list as module
from handler.subscribers.calls_list import CallsList
from handler.tokens.grants import EVERYTHING, Grant

A, B = "+15550001111", "+15550002222"
SOON = 10.0


class Bucket:
    """A registry that a test writes."""

    def __init__(self) -> None:
        self.live: dict[str, CallEntry] = {}
        self._changed = asyncio.Event()

    def calls(self):
        return dict(self.live)

    async def changes(self):
        while True:
            changed = self._changed
            yield
            await changed.wait()

    def put(self, number: int, to: str = A, state: str = "live") -> None:
        sid = call_sid(number)
        self.live[sid] = CallEntry(
            call_sid=sid,
            account_sid=account_sid(1),
            to=to,
            started_at=number,
            epoch="i-1",
            owner="i",
            state=state,  # type: ignore[arg-type]
        )
        self.changed()

    def changed(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
async def calls(bucket):
    async with asyncio.timeout(SOON), CallsList(bucket) as running:
        yield running


def numbers(*allowed: str, subject: str = "somebody") -> Grant:
    return Grant(frozenset(), frozenset(allowed), 0.0, subject)


def told(message) -> list[int]:
    return [call["startedAt"] for call in json.loads(message.payload)["calls"]]


async def test_a_reader_gets_the_list_now_and_at_each_change_that_it_sees(bucket, calls):
    bucket.put(1, A)
    async with calls.read(numbers(A)) as reader:
        assert told(await reader.newest()) == [1]
        bucket.put(2, B)
        bucket.put(3, A)
        assert told(await reader.newest()) == [1, 3]
        bucket.put(4, B)
        waiting = asyncio.create_task(reader.newest())
        done, _ = await asyncio.wait({waiting}, timeout=2 * module.TELL_SECONDS)
        assert not done
        del bucket.live[call_sid(1)]
        bucket.changed()
        assert told(await waiting) == [3]


async def test_a_list_that_is_asked_for_is_the_newest(bucket, calls):
    """Not that of the last pass: whoever has just seen a call begin finds it in the list."""
    for number in range(5):
        bucket.put(number)
        assert len(json.loads(calls.message(EVERYTHING))["calls"]) == number + 1
        assert len(calls.visible(EVERYTHING)) == number + 1
        async with calls.read(EVERYTHING) as reader:
            assert len(told(await reader.newest())) == number + 1


async def test_readers_with_equal_rights_share_one_message_and_nobody_keeps_it(bucket, calls):
    bucket.put(1)
    async with (
        calls.read(numbers(A, subject="one")) as one,
        calls.read(numbers(A, subject="two")) as two,
        calls.read(numbers(A, B)) as other,
    ):
        first = await one.newest()
        assert first is await two.newest()
        assert first is not await other.newest()
        assert first.frame is first.frame
        gone = weakref.ref(first)
        del first
        bucket.put(2)
        for reader in (one, two, other):
            assert told(await reader.newest()) == [1, 2]
        gc.collect()
        assert gone() is None


async def test_a_reader_that_has_not_taken_a_list_gets_the_newest_alone(bucket, calls):
    async with calls.read(EVERYTHING) as slow, calls.read(EVERYTHING) as quick:
        await slow.newest()
        await quick.newest()
        for number in range(3):
            bucket.put(number)
            assert len(told(await quick.newest())) == number + 1
        assert told(await slow.newest()) == [0, 1, 2]


async def test_the_first_change_is_told_at_once_and_a_storm_at_a_bounded_pace(bucket, calls):
    async with calls.read(EVERYTHING) as reader:
        await reader.newest()
        bucket.put(0)
        begun = time.monotonic()
        assert told(await reader.newest()) == [0]
        number = 0
        async with patience():
            for _ in range(3):
                number += 1
                bucket.put(number)
                waiting = asyncio.create_task(reader.newest())
                while not waiting.done():
                    number += 1
                    bucket.put(number)
                    await asyncio.sleep(0.01)
        assert time.monotonic() - begun >= 2 * module.TELL_SECONDS


async def test_renewed_rights_are_told_at_once_if_they_show_another_list(bucket, calls):
    bucket.put(1, A)
    bucket.put(2, B)
    async with calls.read(numbers(A)) as reader:
        assert told(await reader.newest()) == [1]
        waiting = asyncio.create_task(reader.newest())
        await asyncio.sleep(0)
        reader.renew(numbers(A, subject="again"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        reader.renew(numbers(B))
        assert told(await waiting) == [2]
        bucket.put(3, A)  # no longer for this reader
        bucket.put(4, B)
        assert told(await reader.newest()) == [2, 4]


async def test_who_has_left_leaves_nothing(bucket, calls):
    bucket.put(1)
    async with calls.read(numbers(A)) as reader:
        await reader.newest()
        leaving = asyncio.create_task(reader.newest())
        await asyncio.sleep(0)
        await supervise.end(leaving)
        bucket.put(2)
        assert told(await reader.newest()) == [1, 2]
    assert not calls._audiences
    assert not calls._audiences_by_name
    bucket.put(3)
    async with calls.read(numbers(A)) as reader:
        assert told(await reader.newest()) == [1, 2, 3]


async def test_a_follower_of_a_number_looks_at_its_changed_calls_alone(bucket, calls):
    one, two, three = (call_sid(number) for number in (1, 2, 3))
    bucket.put(1, A)
    bucket.put(2, B)
    async with calls.follow_number(A) as follower:
        assert await follower.changed() == {one}
        bucket.put(2, B, state="waiting")
        waiting = asyncio.create_task(follower.changed())
        await asyncio.sleep(2 * module.LOOK_SECONDS)
        assert not waiting.done()
        bucket.put(3, A)
        assert await waiting == {three}
        bucket.put(1, B)  # it was this number's
        bucket.put(2, A)
        await asyncio.sleep(2 * module.LOOK_SECONDS)  # before the follower asks again
        assert await follower.changed() == {one, two}
        assert [call.call_sid for call in calls.of_number(A)] == [two, three]
        del bucket.live[two]
        bucket.changed()
        assert await follower.changed() == {two}
        assert calls.get(two) is None
    assert not calls._followers


async def test_a_follower_that_leaves_while_it_waits_is_forgotten(bucket, calls):
    async with calls.follow_number(A) as follower:
        waiting = asyncio.create_task(follower.changed())
        await asyncio.sleep(0)
        await supervise.end(waiting)
        bucket.put(1, A)
        assert len(await follower.changed()) == 1
