"""Several streams that share the records: all that is done with one works with two, on a server."""

import asyncio
import json

import pytest
from support.brokers import ENDED, kill_broker, read_records
from support.processes import partyline, running
from support.timing import patience, until

from broker.broker import Broker
from broker.errors import Misshapen
from broker.provision import look_at, provision
from broker.settings import BrokerSettings
from broker.stream import last_stored
from broker.subjects import Subjects

TWO = Subjects(shards=2)
# Two of each stream.
CALLS = (1, 2, 3, 4)
WORDS = ["CallStarted", "Results", "CallEnded"]


async def write(broker: Broker, call, *records) -> None:
    writer = broker.writer(call, broker.next_epoch())
    running_ = asyncio.create_task(writer.run())
    for record in records:
        writer.put(record)
    writer.finish()
    await running_


async def test_calls_are_written_followed_tapped_and_purged_wherever_they_are(
    server, connect, facts, make_final
):
    owner, reader = await connect(shards=2), await connect(shards=2)
    calls = [facts() for _ in CALLS]
    assert {TWO.stream_of(call.call_sid) for call in calls} == {*TWO.streams}
    flags = ["--url", server.url, "--count", str(3 * len(calls)), "--raw"]
    with running("handler.cli", "tap", *flags) as tap:
        async with patience():
            await asyncio.to_thread(tap.stderr.readline)  # it listens
        early = [asyncio.create_task(read_records(reader, call.call_sid)) for call in calls]
        for call in calls:
            await write(owner, call, make_final(1), ENDED)
        read = await asyncio.gather(*early)
        async with patience():
            tapped, _ = await asyncio.to_thread(tap.communicate)
    for call, records in zip(calls, read, strict=True):
        assert [record["type"] for record in records] == WORDS
        assert [record["seq"] for record in records] == [1, 2, 3]
        assert await read_records(owner, call.call_sid) == records
        newest = await last_stored(
            owner.client, TWO.stream_of(call.call_sid), TWO.call(call.call_sid)
        )
        assert newest is not None
        assert await owner.stored_calls.ended_at(call.call_sid, call.account_sid)
    seen = [json.loads(line) for line in tapped.splitlines()]
    assert sorted((one["callSid"], one["seq"]) for one in seen) == sorted(
        (record["callSid"], record["seq"]) for records in read for record in records
    )
    await until(lambda: not owner.registry.calls())
    for call in calls[:2]:
        command = ("purge", call.call_sid, "--url", server.url, "--shards=2")
        purged = await asyncio.to_thread(partyline, *command)
        assert purged.stdout == f"{call.call_sid}: 3 records deleted\n"
    states = [(await look_at(owner.client, stream))[1] for stream in TWO.streams]
    assert sum(state["messages"] for state in states) == 6


async def test_a_call_goes_on_and_a_dead_owners_call_ends_in_its_own_stream(
    connect, facts, make_final
):
    # The successor comes before the janitor.
    short = {"lease_ttl": 6, "lease_refresh": 0.5, "grace": 0.5}
    owner, other = await connect(shards=2, **short), await connect(shards=2, **short)
    calls = [facts() for _ in CALLS]
    writers = [owner.writer(call, owner.next_epoch()) for call in calls]
    writing = [asyncio.create_task(writer.run()) for writer in writers]
    for writer in writers:
        writer.put(make_final(1))
    await until(lambda: all(other.registry.get(call.call_sid) is not None for call in calls))
    await kill_broker(owner, *writing)
    await write(other, calls[0], ENDED)  # a successor claims the first
    for call in calls[1:]:
        records = await read_records(other, call.call_sid)
        assert [record["type"] for record in records] == [
            "CallStarted",
            "Results",
            "Gap",
            "CallEnded",
        ]
    taken = await read_records(other, calls[0].call_sid)
    assert [record["type"] for record in taken][2:] == ["CallResumed", "CallEnded"]


async def test_an_operator_makes_them_once_and_another_number_is_refused(server, connect):
    command = ("provision", "--url", server.url, "--retention=1h")
    made = [await asyncio.to_thread(partyline, *command, "--shards=2") for _ in range(2)]
    words = (
        "streams TRANSCRIPTS_0_OF_2, TRANSCRIPTS_1_OF_2 and bucket TRANSCRIPTS_CALLS: 1 replica(s)"
    )
    assert [done.stdout.startswith(words) for done in made] == [True, True]
    for shards in ("1", "3"):
        refused = await asyncio.to_thread(partyline, *command, NATS_SHARDS=shards)
        assert refused.returncode == 1
        assert "made for another number of shards" in refused.stderr
    broker = await connect(shards=2)
    assert broker.room.kept == 3600


async def test_a_stream_that_is_not_as_it_must_be_is_told_by_its_name(server, connect):
    broker = await connect(shards=2)
    await broker.js.delete_stream(TWO.streams[1])
    await broker.js.add_stream(name=TWO.streams[1], subjects=["ingest.transcripts.1.>"])
    settings = BrokerSettings(servers=(server.url,), instance="i", shards=2)
    with pytest.raises(Misshapen, match=r"stream TRANSCRIPTS_1_OF_2 is there.*subject_transform"):
        await provision(broker.client, TWO, settings)
