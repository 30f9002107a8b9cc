"""broker/cli/purge.py: what is stored of a call that is over can be deleted, of a live one not."""

import asyncio

import nats
import pytest
from support.brokers import ENDED
from support.processes import partyline
from support.timing import LOOK, patience, until

from broker.stream import last_stored


async def end_a_call(broker, call) -> None:
    """Write a call of two records, listed while it lives."""
    writer = broker.writer(call, broker.next_epoch())
    running = asyncio.create_task(writer.run())
    await until(lambda: broker.registry.get(call.call_sid) is not None)
    writer.put(ENDED)
    writer.finish()
    await running


async def purge(server, call, *flags: str):
    return await asyncio.to_thread(partyline, "purge", call.call_sid, *flags, NATS_URL=server.url)


async def leave(client, broker, call, kind: str) -> None:
    """Leave in the bucket what says that the call's entry is no more."""
    subject = broker.subjects.call_key(call.call_sid)
    match kind:
        case "a deletion":
            await client.publish(subject, b"", headers={"KV-Operation": "DEL"})
        case "a purge":
            headers = {"KV-Operation": "PURGE", "Nats-Rollup": "sub"}
            await client.publish(subject, b"", headers=headers)
        case "the server's marker":
            await client.publish(subject, b"{}", headers={"Nats-TTL": "1s"})
    bucket = f"KV_{broker.subjects.bucket}"
    async with patience():
        while True:
            newest = await last_stored(client, bucket, subject)
            if newest is not None and newest.headers.get(
                "Nats-Marker-Reason" if "marker" in kind else "KV-Operation"
            ):
                return
            await asyncio.sleep(LOOK)


@pytest.mark.parametrize("kind", ["a deletion", "a purge", "the server's marker"])
async def test_a_call_is_over_whatever_says_that_its_entry_is_gone(server, broker, facts, kind):
    call = facts()
    await end_a_call(broker, call)
    client = await nats.connect(server.url)
    await leave(client, broker, call, kind)
    await client.close()
    done = await purge(server, call)
    assert (done.stdout, done.stderr) == (f"{call.call_sid}: 2 records deleted\n", "")
    assert done.returncode == 0


async def test_a_call_without_an_end_is_deleted_by_force_alone(server, connect, facts):
    broker = await connect()
    call = facts()
    await end_a_call(broker, call)
    other = facts()
    unknown = await purge(server, other)
    assert (unknown.returncode, "nothing is stored" in unknown.stderr) == (1, True)
    record = broker.subjects
    client = await nats.connect(server.url)
    subject = f"ingest.{record.prefix}.{other.account_sid}.{other.call_sid}.event.call"
    await client.jetstream().publish(subject, b'{"type":"CallStarted","seq":1}')
    await client.close()
    refused = await purge(server, other)
    assert (refused.returncode, "--force" in refused.stderr) == (1, True)
    forced = await purge(server, other, "--force")
    assert (forced.returncode, forced.stdout) == (0, f"{other.call_sid}: 1 records deleted\n")
