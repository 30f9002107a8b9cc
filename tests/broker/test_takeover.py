"""Owners, heirs and janitors of one call in orders that no schedule of theirs makes likely."""

import asyncio
from functools import partial
from typing import Any

import pytest
from support.brokers import ENDED, append_to, kill_broker, read_records
from support.timing import patience, until

from broker import supervise
from broker.broker import Broker
from broker.errors import Fenced
from broker.records import CallFacts, Record, call_ended, gap
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings

SHORT = {"lease_ttl": 2, "lease_refresh": 0.5, "grace": 2.0}


async def begin(broker, call):
    writer = broker.writer(call, broker.next_epoch())
    running = asyncio.create_task(writer.run())
    await writer.claimed.wait()
    return writer, running


def epoch_of(broker, call):
    entry = broker.registry.get(call.call_sid)
    return entry and entry.epoch


async def test_an_owner_does_not_go_on_behind_the_end_of_another_owner(connect, facts, make_final):
    """Its stream was lost for the heir too: that end is no janitor's word about the first owner."""
    first, second = await connect(), await connect()
    call = facts()
    older, running = await begin(first, call)
    heir, ending = await begin(second, call)
    heir.put(make_final(1))
    heir.put(Record("event", "call", {**ENDED.body, "reason": "stream-lost"}))
    heir.finish()
    await ending
    older.put(make_final(2))
    with pytest.raises(Fenced):
        await running
    types = [record["type"] for record in await read_records(second, call.call_sid)]
    assert types == ["CallStarted", "CallResumed", "Results", "CallEnded"]


async def test_a_record_whose_answer_was_lost_before_the_end_is_not_said_twice(
    connect, facts, make_final
):
    owner, other = await connect(), await connect()
    call = facts()
    writer, running = await begin(owner, call)
    record = make_final(1)
    # As if it had been sent by this writer, and its acknowledgement lost.
    await other.js.publish(
        other.subjects.ingested(writer._appender.address("final", "inbound")),
        writer._appender._encode(record, 2, writer.epoch),
        headers={"Nats-Msg-Id": writer._appender.message_id(2, writer.epoch), "Call-Seq": "2"},
    )
    janitor = await append_to(other, call)
    await janitor.append(call_ended(1.0, "crashed"), other.next_epoch())
    writer.put(record)
    writer.put(make_final(2))
    writer.put(ENDED)
    writer.finish()
    await running
    records = await read_records(other, call.call_sid)
    told = [(one["type"], one.get("start")) for one in records if one["type"] != "CallEnded"]
    assert told == [
        ("CallStarted", None),
        ("Results", 1.0),
        ("CallResumed", None),
        ("Results", 2.0),
    ]
    assert [one["seq"] for one in records] == list(range(1, 7))


async def test_an_end_that_was_half_written_is_finished_once(connect, facts, make_final):
    owner, other = await connect(**SHORT), await connect(**SHORT)
    call = facts()
    writer, running = await begin(owner, call)
    writer.put(make_final(1))
    await until(lambda: writer.depth == 0 and other.registry.get(call.call_sid) is not None)
    await supervise.end(running)
    half = await append_to(other, call)
    # Until far after what anybody has transcribed.
    await half.append(gap(2.0, 10**9, None, "owner-lost"), other.next_epoch())
    await kill_broker(owner)
    records = await read_records(other, call.call_sid)
    assert [one["type"] for one in records] == ["CallStarted", "Results", "Gap", "CallEnded"]
    assert records[-1]["duration"] == 10**9


async def test_an_owner_that_comes_back_into_a_half_written_end_goes_on(connect, facts, make_final):
    owner, other = await connect(), await connect()
    call = facts()
    writer, running = await begin(owner, call)
    half, epoch = await append_to(other, call), other.next_epoch()
    await half.append(gap(0.0, 3.0, None, "owner-lost"), epoch)
    writer.put(make_final(5))
    await until(lambda: writer.depth == 0)
    with pytest.raises(Fenced):
        await half.append(call_ended(3.0, "crashed"), epoch)
    writer.put(ENDED)
    writer.finish()
    await running
    types = [one["type"] for one in await read_records(other, call.call_sid)]
    assert types == ["CallStarted", "Gap", "CallResumed", "Results", "CallEnded"]


async def test_a_replaced_owner_does_not_write_over_its_heirs_entry(connect, facts, make_final):
    first, second = await connect(), await connect()
    call = facts()
    older, running = await begin(first, call)
    await until(lambda: second.registry.get(call.call_sid) is not None)
    heir, going_on = await begin(second, call)
    await until(lambda: epoch_of(first, call) == heir.epoch)
    older.update(state="waiting", covered={"inbound": 9.0})
    older.put(make_final(1))
    with pytest.raises(Fenced):
        await running
    assert second.registry.get(call.call_sid).epoch == heir.epoch
    assert second.registry.get(call.call_sid).state == "live"
    heir.put(ENDED)
    heir.finish()
    await going_on
    await until(lambda: not first.registry.calls() and not second.registry.calls())


async def test_what_a_call_is_does_not_change_with_its_heir(connect, facts):
    first, second = await connect(), await connect()
    call = facts(caller_name="Ana", callee_name="Ben", metadata={"order": "7"}, options="a=b")
    _, running = await begin(first, call)
    same = CallFacts(
        call_sid=call.call_sid, account_sid=call.account_sid, stream_sid="MZ", started_at=5
    )
    heir, going_on = await begin(second, same)
    await until(lambda: epoch_of(first, call) == heir.epoch)
    entry = first.registry.get(call.call_sid)
    assert (entry.from_, entry.to, entry.direction) == (call.from_, call.to, call.direction)
    assert (entry.caller_name, entry.callee_name) == ("Ana", "Ben")
    assert (entry.metadata, entry.options) == ({"order": "7"}, None)  # of options the newest stand
    assert entry.started_at == call.started_at
    await supervise.end(running, going_on)


async def test_a_registry_that_was_lost_is_written_again_by_its_owners(connect, facts):
    owner, other = await connect(**SHORT), await connect(**SHORT)
    call, over = facts(), facts()
    writer, running = await begin(owner, call)
    ending, gone = await begin(owner, over)
    for one in (call, over):
        await until(partial(other.registry.get, one.call_sid))
    await owner.js.delete_stream(f"KV_{owner.subjects.bucket}")
    for broker in (owner, other):  # what a server that comes back without its disk looks like
        broker.connection._on_reconnect()
    await until(lambda: other.registry.get(call.call_sid) is not None and other.registry._created)
    ending.put(ENDED)
    ending.finish()
    await gone
    await until(lambda: set(other.registry.calls()) == {call.call_sid})
    late = await connect(**SHORT)
    await until(lambda: set(late.registry.calls()) == {call.call_sid})
    assert late.registry.calls() == other.registry.calls()
    writer.put(ENDED)
    writer.finish()
    await running


async def test_a_call_that_its_owner_disowns_is_ended_and_what_it_had_received_is_told(
    connect, facts, make_final
):
    owner, other = await connect(**SHORT), await connect(**SHORT)
    call = facts()
    writer, running = await begin(owner, call)
    writer.put(make_final(1))
    await until(lambda: writer.depth == 0)
    await supervise.end(running)
    await writer.abandon(9.5)
    records = await read_records(other, call.call_sid)
    assert [one["type"] for one in records] == ["CallStarted", "Results", "Gap", "CallEnded"]
    _, final, gap, end = records
    assert gap["start"] == final["start"] + final["duration"]
    assert (gap["end"], gap["reason"], end["duration"], end["reason"]) == (
        *(9.5, "owner-lost"),
        *(9.5, "crashed"),
    )


async def test_an_event_that_is_too_large_is_cut_short(connect, facts):
    owner = await connect()
    call = facts()
    writer, running = await begin(owner, call)
    writer.put(Record("event", "call", {**ENDED.body, "requestIds": ["x" * 36] * 3000}))
    writer.finish()
    await running
    records = await read_records(owner, call.call_sid)
    assert records[-1]["type"] == "CallEnded"
    assert len(records[-1]["requestIds"]) == 200


async def test_a_client_that_has_closed_for_good_gets_a_successor(connect, facts, make_final):
    """As after an error that the client takes for its last: what it served goes on."""
    owner, reader = await connect(**SHORT), await connect(**SHORT)
    call = facts()
    writer, running = await begin(owner, call)
    async with reader.replicas.follow(call.call_sid) as follower, patience():
        first = await anext(follower)
        for broker in (owner, reader):
            await broker.client.close()
        writer.put(make_final(1))
        writer.put(ENDED)
        writer.finish()
        await running
        rest = [item.type async for item in follower if item.seq is not None]
    assert [first.type, *rest] == ["CallStarted", "Results", "CallEnded"]
    another, going_on = await begin(owner, facts())
    await until(lambda: set(reader.registry.calls()) == {another.call.call_sid})
    another.put(ENDED)
    another.finish()
    await going_on


async def test_what_a_server_without_its_disk_stores_first_reaches_those_who_come_back_later(
    tmp_path, facts, make_final
):
    """Places in the stream are given out again: only the call's own numbers say what is new."""
    call, others = facts(), [facts() for _ in range(5)]
    async with EmbeddedServer(directory=str(tmp_path / "one")) as server:
        port = int(server.url.rpartition(":")[2])
        settings = [BrokerSettings(servers=(server.url,), instance=name) for name in ("i1", "i2")]
        async with Broker(settings[0]) as owner, Broker(settings[1]) as reader:
            for other in others:  # so that the call's records lie far behind
                busy, ending = await begin(owner, other)
                for number in range(20):
                    busy.put(make_final(number))
                busy.put(ENDED)
                busy.finish()
                await ending
            writer, running = await begin(owner, call)
            async with reader.replicas.follow(call.call_sid) as follower, patience():
                writer.put(make_final(1))
                got = [await anext(follower), await anext(follower)]
                await server.__aexit__()
                await until(lambda: not reader.client.is_connected)
                # The reader's way to the new server is longer than the owner's.
                client: Any = reader.client
                real, client._select_next_server = (
                    client._select_next_server,
                    asyncio.Event().wait,
                )
                async with EmbeddedServer(directory=str(tmp_path / "two"), port=port):
                    writer.put(make_final(2))
                    writer.put(ENDED)
                    writer.finish()
                    await running
                    client._select_next_server = real
                    await client.close()
                    got += [item async for item in follower]
    assert [item.seq for item in got if item.seq is not None] == [1, 2, 3, 4]
