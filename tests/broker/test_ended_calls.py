"""broker/ended_calls.py: the calls that are over, as a server keeps them."""

import asyncio
import itertools
import json
from contextlib import asynccontextmanager

import pytest
from support.brokers import ENDED
from support.processes import partyline
from support.timing import PATIENCE, until

from broker import ended_calls
from broker.broker import Broker
from broker.ended_calls import EndedCalls
from broker.ended_index import Wanted
from broker.errors import HistoryUnavailable
from broker.records import CallFacts
from broker.stream import stream_info
from broker.subjects import Address

ROOM = 2**30
ALL = Wanted(frozenset({"*"}), 50)


@asynccontextmanager
async def reading(broker: Broker):
    """Read what is over with a broker; what was kept has been read."""
    async with EndedCalls(broker.connection, broker.subjects, ROOM) as found:
        await until(lambda: found.complete)
        yield found


async def write(broker: Broker, call: CallFacts, *records) -> None:
    writer = broker.writer(call, broker.next_epoch())
    for record in (*records, ENDED):
        writer.put(record)
    writer.finish()
    await writer.run()


async def purge(broker: Broker, **what) -> None:
    (stream,) = broker.subjects.streams
    ask = json.dumps(what).encode()
    await broker.client.request(f"$JS.API.STREAM.PURGE.{stream}", ask, timeout=PATIENCE)


async def sids(found: EndedCalls, wanted: Wanted = ALL) -> list[str]:
    return [call.call_sid for call in (await found.find(wanted)).calls]


async def test_what_was_over_before_and_what_ends_then_is_told_with_its_words(
    connect, facts, make_final
):
    broker = await connect()
    early, late = facts(), facts()
    await write(broker, early, make_final(1), make_final(2, "outbound"))
    async with reading(broker) as found:
        assert await sids(found) == [early.call_sid]
        await write(broker, late)
        assert await sids(found) == [late.call_sid, early.call_sid]
        assert (len(found), found.dropped) == (2, 0)
        page = await found.find(ALL)
    told = [json.loads(call.encode()) for call in page.calls]
    assert [call["words"] for call in told] == [0, 4]
    assert told[1]["from"] == early.from_
    assert told[1]["reason"] == "completed"


async def test_a_call_that_is_purged_is_gone_from_the_next_page(server, broker, facts):
    calls = [facts() for _ in range(3)]
    for call in calls:
        await write(broker, call)
    async with reading(broker) as found:
        command = ("purge", calls[1].call_sid, "--url", server.url)
        purged = await asyncio.to_thread(partyline, *command)
        assert purged.stdout.endswith("2 records deleted\n")
        assert await sids(found) == [calls[2].call_sid, calls[0].call_sid]
        await purge(broker, filter=broker.subjects.call(calls[2].call_sid))
        assert await sids(found) == [calls[0].call_sid]
        await purge(broker, filter=broker.subjects.call(calls[0].call_sid))
        assert (await sids(found), len(found)) == ([], 0)


async def test_what_a_stream_drops_for_its_age_or_room_is_gone_from_memory_too(broker, facts):
    calls = [facts() for _ in range(3)]
    for call in calls:
        await write(broker, call)
    async with reading(broker) as found:
        (stream,) = broker.subjects.streams
        newest = (await stream_info(broker.client, stream)).state.last_seq
        await purge(broker, seq=newest - 1)  # as age does: the oldest go
        assert await sids(found) == [calls[2].call_sid]
        assert len(found) == 1


async def test_calls_of_all_shards_are_in_one_list(connect, facts):
    broker = await connect(shards=2)
    calls = [facts() for _ in range(4)]
    for call in calls:
        await write(broker, call)
    assert {broker.subjects.stream_of(call.call_sid) for call in calls} == {
        *broker.subjects.streams
    }
    async with reading(broker) as found:
        assert await sids(found) == [call.call_sid for call in reversed(calls)]


async def test_a_stream_that_has_lost_its_records_is_read_anew(broker, facts):
    old, new = facts(), facts()
    await write(broker, old)
    async with reading(broker) as found:
        assert await sids(found) == [old.call_sid]
        (stream,) = broker.subjects.streams
        config = (await broker.js.stream_info(stream)).config
        await broker.js.delete_stream(stream)
        await broker.js.add_stream(config)
        await write(broker, new)
        assert await sids(found) == [new.call_sid]


async def test_more_than_one_batch_is_read_and_others_have_their_turns(broker, facts, monkeypatch):
    monkeypatch.setattr(ended_calls, "AT_A_TIME", 250)
    calls = 500
    payload = '{"type":"CallEnded","callSid":"%s","at":%d}'
    for number in range(1, calls + 1):
        call = facts()
        address = Address(call.account_sid, call.call_sid, "event", "call")
        data = (payload % (call.call_sid, number)).encode()
        await broker.client.publish(broker.subjects.ingested(address), data)
    await broker.client.publish(broker.subjects.ingested(address), b"not ours")
    await broker.client.publish(broker.subjects.ingested(address), b"nor this")
    async with reading(broker) as found:
        assert (await sids(found))[0] == call.call_sid
        assert len(found) == calls


async def test_those_who_ask_at_once_share_a_look(broker, facts, monkeypatch):
    call = facts()
    await write(broker, call)
    async with reading(broker) as found:
        looks = []

        async def counted(client, stream, subject=None):
            looks.append(stream)
            return await stream_info(client, stream, subject)

        monkeypatch.setattr(ended_calls, "stream_info", counted)
        pages = await asyncio.gather(*(sids(found) for _ in range(20)))
        assert pages == 20 * [[call.call_sid]]
        assert len(looks) <= 2


async def test_a_look_that_fails_is_nobody_s(broker, facts, monkeypatch):
    """Who waited for it looks, or is told so: none gets what was known before."""
    await write(broker, facts())
    async with reading(broker) as found:
        await sids(found)
        answers = itertools.count(1)

        async def failing(client, stream, subject=None):
            await asyncio.sleep(0)
            if next(answers) > 1:
                raise HistoryUnavailable("away")
            return await stream_info(client, stream, subject)

        monkeypatch.setattr(ended_calls, "stream_info", failing)
        told = await asyncio.gather(*(sids(found) for _ in range(4)), return_exceptions=True)
    assert [isinstance(one, HistoryUnavailable) for one in told] == [False, True, True, True]


async def test_nothing_is_told_before_all_was_read_or_while_nats_is_away(broker):
    unread = EndedCalls(broker.connection, broker.subjects, ROOM)
    with pytest.raises(HistoryUnavailable, match="still being read"):
        await unread.find(ALL)
    async with reading(broker) as found:
        await broker.client.close()
        with pytest.raises(HistoryUnavailable):
            await found.find(ALL)
