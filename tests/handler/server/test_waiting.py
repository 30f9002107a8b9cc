"""handler/server/waiting.py: a queue and an event that take little room."""

import asyncio

import pytest
from support.timing import patience

from handler.server.waiting import Gate, Mailbox


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_messages_come_in_order_whether_they_were_waited_for_or_not():
    mailbox = Mailbox[int]()
    mailbox.put_nowait(1)
    mailbox.put_nowait(2)
    assert not mailbox.empty()
    assert [await mailbox.get(), await mailbox.get()] == [1, 2]
    assert mailbox.empty()
    waiting = asyncio.create_task(mailbox.get())
    await settle()
    mailbox.put_nowait(3)
    mailbox.put_nowait(4)
    async with patience():
        assert [await waiting, await mailbox.get()] == [3, 4]


async def test_a_message_is_not_lost_with_who_waited_for_it():
    mailbox = Mailbox[int]()
    waiting = asyncio.create_task(mailbox.get())
    await settle()
    mailbox.put_nowait(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    mailbox.put_nowait(2)
    async with patience():
        assert [await mailbox.get(), await mailbox.get()] == [1, 2]


async def test_all_who_wait_at_a_gate_pass_when_it_opens():
    gate = Gate()
    async with patience():
        await gate.wait()
    gate.clear()
    gate.clear()
    waiting = [asyncio.create_task(gate.wait()) for _ in range(3)]
    await settle()
    waiting[0].cancel()
    await settle()
    assert [task.done() for task in waiting] == [True, False, False]
    gate.set()
    gate.set()
    assert gate.is_set()
    async with patience():
        await asyncio.gather(*waiting[1:])


async def test_who_comes_when_a_gate_was_shut_again_waits_on():
    gate = Gate()
    gate.clear()
    waiting = asyncio.create_task(gate.wait())
    await settle()
    gate.set()
    gate.clear()
    await settle()
    assert not waiting.done()
    gate.set()
    async with patience():
        await waiting
