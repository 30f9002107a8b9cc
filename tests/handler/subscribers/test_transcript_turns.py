"""handler/subscribers/transcript_turns.py: few transcripts are made at once, and not many wait."""

import asyncio
import contextlib

import pytest
from support.timing import patience

from handler.errors import AtCapacity, EndCode, SubscriberError
from handler.subscribers import transcript_turns
from handler.subscribers.places import Places
from handler.subscribers.transcript_turns import AT_ONCE, TranscriptTurns


async def test_a_few_are_made_at_once_and_the_others_after_them():
    turns = TranscriptTurns(Places(in_all=9, each=9))
    at_once, most = 0, 0

    async def make() -> None:
        nonlocal at_once, most
        async with turns.turn():
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            at_once -= 1

    async with patience(), asyncio.TaskGroup() as tasks:
        for _ in range(9):
            tasks.create_task(make())
    assert (most, turns.made) == (AT_ONCE, 9)


def test_one_too_many_is_told_so():
    turns = TranscriptTurns(Places(in_all=2, each=1))
    with turns.place("a"):
        with pytest.raises(SubscriberError) as caught, turns.place("a"):
            pass
        assert caught.value.code == EndCode.TOO_MUCH
        with turns.place("b"), pytest.raises(AtCapacity), turns.place("c"):
            pass
        assert len(turns) == 1
    assert len(turns) == 0


async def test_nobody_waits_for_ever(monkeypatch):
    monkeypatch.setattr(transcript_turns, "WAIT_SECONDS", 0.01)
    turns = TranscriptTurns(Places(in_all=9, each=9))
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(AT_ONCE):
            await stack.enter_async_context(turns.turn())
        async with patience():
            with pytest.raises(AtCapacity):
                async with turns.turn():
                    pass


async def test_one_that_fails_is_not_counted_as_made():
    turns = TranscriptTurns(Places(in_all=1, each=1))
    with pytest.raises(AtCapacity):
        async with turns.turn():
            raise AtCapacity("what is kept cannot be read now")
    assert turns.made == 0
