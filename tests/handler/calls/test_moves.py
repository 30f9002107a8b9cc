"""A live call moves from one container to another: with nothing lost, and nothing doubled."""

import asyncio
from collections import Counter

import pytest
from support.brokers import read_records
from support.containers import Phone, containers, said
from support.reencoded import coded_anew
from support.timing import patience

from handler.errors import MoveFailed
from rehearsal.scripted import names

pytestmark = pytest.mark.usefixtures("slow_moves")


async def check(broker, phone, *, events):
    """Check that every word is there once, and which events the call has, in order."""
    records = await read_records(broker, phone.call_sid)
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    told = [
        record["type"] + (f" {record['reason']}" if record.get("reason") else "")
        for record in records
        if record["type"] != "Results"
    ]
    assert told == events
    return records


MOVED = ["CallStarted", "CallResumed moved", "CallEnded completed"]


async def move(mine, theirs, phone, after, **fork):
    """Play a call that moves after some seconds."""
    phone.stream(mine)
    await asyncio.sleep(after)

    async def ask():
        phone.stream(theirs, succeeding=True, **fork)

    moved = await mine.move(phone.call_sid, ask)
    await phone.over()
    return moved


FORKS: dict[str, dict[str, object]] = {
    "equal": {},
    "other frames": {"frame_ms": (30, 10, 20)},
    "a clock of its own": {"first_timestamp_ms": 5000, "jitter_ms": 0},
}


async def test_every_word_is_there_once_however_the_frames_are_cut():
    """Some calls at once, some within one container."""
    async with containers() as (mine, theirs), patience():
        phones = [Phone(number) for number in range(1, 7)]
        targets = [theirs, mine]
        moves = [
            move(mine, targets[number % 2], phone, 1.5 + 0.3 * number, **fork)
            for number, (phone, fork) in enumerate(zip(phones, [*FORKS.values()] * 2, strict=True))
        ]
        assert await asyncio.gather(*moves) == [True] * len(phones)
        for phone in phones:
            records = await check(mine.broker, phone, events=MOVED)
            whole = {"inbound": names(phone.sides[0]), "outbound": names(phone.sides[1])}
            assert said(records) == whole


def louder_coded_anew(samples):
    """Return samples that were coded anew, and silence as it was, which is what makes words."""
    return bytes(
        old if old == 0xFF else new for old, new in zip(samples, coded_anew(samples), strict=True)
    )


async def test_audio_that_was_coded_anew_has_as_many_words():
    async with containers() as (mine, theirs), patience():
        phone = Phone()
        assert await move(mine, theirs, phone, 2.0, code=louder_coded_anew)
        records = await check(mine.broker, phone, events=MOVED)
        counts = [len(names(side)) for side in phone.sides]
        assert [len(words) for words in said(records).values()] == counts


async def test_a_call_that_nobody_takes_loses_nothing():
    async with containers() as (mine, _), patience():
        phones = Phone(1), Phone(2)
        for phone in phones:
            phone.stream(mine)

        async def refused():
            raise MoveFailed("no room for two more tracks")

        async def lost():
            """Twilio says yes, and nothing comes."""

        await asyncio.sleep(2)
        assert not await mine.move(phones[0].call_sid, refused)
        assert not await mine.move(phones[1].call_sid, lost)
        for phone in phones:
            await phone.over()
            records = await check(mine.broker, phone, events=["CallStarted", "CallEnded completed"])
            assert said(records)["inbound"] == names(phone.sides[0])


async def end_while_it_moves(mine, theirs, number, after):
    """Hang up so many seconds after a call has begun to move: whoever has it ends it, and once."""
    phone = Phone(number)
    phone.stream(mine)
    await asyncio.sleep(2)

    async def ask():
        phone.stream(theirs, succeeding=True)

    moving = asyncio.create_task(mine.move(phone.call_sid, ask))
    await asyncio.sleep(after)
    await phone.hang_up()
    await moving
    records = await read_records(mine.broker, phone.call_sid)
    kinds = Counter(record["type"] for record in records)
    assert kinds["CallEnded"] == kinds["CallStarted"] == 1, after
    assert kinds["Gap"] == 0, after
    assert records[-1]["type"] == "CallEnded", after
    heard = said(records)["inbound"]
    assert heard[:-1] == names(phone.sides[0])[: len(heard) - 1], after
    assert len(heard) >= 2, after


async def test_a_call_may_end_while_it_moves():
    """Each at another moment of its move."""
    async with containers() as (mine, theirs), patience():
        afters = enumerate([0.2, 1.2, 2.0, 2.6], 1)
        await asyncio.gather(
            *(end_while_it_moves(mine, theirs, number, after) for number, after in afters)
        )
