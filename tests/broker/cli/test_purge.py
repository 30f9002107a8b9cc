"""broker/cli/purge.py: what a call has said is deleted once it is over."""

import asyncio

from support.brokers import ENDED
from support.processes import partyline
from support.timing import LOOK, patience

from broker import supervise
from broker.broker import Broker
from broker.records import CallFacts
from broker.stream import last_stored


async def write_to_its_end(broker: Broker, call: CallFacts) -> None:
    """Two records: CallStarted and CallEnded."""
    writer = broker.writer(call, broker.next_epoch())
    running = asyncio.create_task(writer.run())
    writer.put(ENDED)
    writer.finish()
    await running


async def test_a_call_whose_entry_has_expired_is_not_taken_for_live(server, connect, facts):
    """The server leaves a marker where the tombstone of an entry was, which is no entry either."""
    broker = await connect()
    call = facts()
    await write_to_its_end(broker, call)
    key, bucket = broker.subjects.call_key(call.call_sid), f"KV_{broker.subjects.bucket}"
    await broker.js.publish(key, b"", headers={"KV-Operation": "DEL"}, msg_ttl=1)

    async with patience():
        newest = await last_stored(broker.client, bucket, key)
        while newest is None or "Nats-Marker-Reason" not in newest.headers:
            await asyncio.sleep(LOOK)
            newest = await last_stored(broker.client, bucket, key)
    purged = await asyncio.to_thread(partyline, "purge", call.call_sid, "--url", server.url)
    assert (purged.returncode, purged.stderr) == (0, "")
    assert purged.stdout == f"{call.call_sid}: 2 records deleted\n"


async def test_what_others_write_meanwhile_is_not_counted(server, connect, facts):
    broker = await connect()
    call, other = facts(), facts()
    await write_to_its_end(broker, call)
    await write_to_its_end(broker, other)
    subject = broker.subjects.call(other.call_sid)
    newest = await last_stored(broker.client, broker.subjects.streams[0], subject)
    assert newest is not None

    async def write() -> None:
        while True:
            await broker.client.publish(f"ingest.{newest.subject}", newest.data)
            await broker.client.flush()

    writing = asyncio.create_task(write())
    try:
        purged = await asyncio.to_thread(partyline, "purge", call.call_sid, "--url", server.url)
    finally:
        await supervise.end(writing)
    assert (purged.returncode, purged.stderr) == (0, "")
    assert purged.stdout == f"{call.call_sid}: 2 records deleted\n"
