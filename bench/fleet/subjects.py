"""
A stream of very many subjects: a call has three (finals of both sides, events).

One node, so that the machine has room for it; a node of a cluster holds the same index.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import nats
from nats.aio.client import Client

from bench.fleet.cluster import Cluster
from bench.fleet.load import ACCOUNT, EPOCH, call_sid, payload
from bench.fleet.trace import Message
from bench.storing import ToStore, store
from broker.provision import look_at, provision
from broker.settings import BrokerSettings
from broker.stream import last_stored, read_history
from broker.subjects import Address, Subjects

SUBJECTS = Subjects()
SIDES = (("event", "call"), ("final", "inbound"), ("final", "outbound"))
RECORD_BYTES = 300  # a smaller record than a real one: the index does not know its size
LOOKS = 20


@dataclass(slots=True)
class Seen:
    """
    What a stream of so many subjects costs. Seconds, MB; milliseconds where it says so.

    Attributes:
        fill: To store one record for each subject.
        start: From the start of the server to its being in order, after it was ended in order.
        start_killed: The same after kill -9.
        whole_ms: To the whole history of one call of three records: median, and the longest.
        newest_ms: To the leader's word on the newest record of one call, likewise.
        info_ms: To the state of the stream.
        unknown_ms: To the answer that nothing is known of a call.
        mb: Memory of the server: filled, and after a start.
        stored_mb: What the stream holds.
    """

    subjects: int
    fill: float = 0.0
    start: float = 0.0
    start_killed: float = 0.0
    whole_ms: tuple[float, float] = (0.0, 0.0)
    newest_ms: tuple[float, float] = (0.0, 0.0)
    unknown_ms: tuple[float, float] = (0.0, 0.0)
    info_ms: tuple[float, float] = (0.0, 0.0)
    mb: tuple[float, float] = (0.0, 0.0)
    stored_mb: float = 0.0


async def measure(count: int) -> Seen:
    """Fill a stream, look at it, start its server again."""
    seen = Seen(count)
    with Cluster(1) as cluster:
        settings = BrokerSettings(servers=tuple(cluster.urls), instance="fleet", max_bytes=2**33)
        client = await nats.connect(cluster.urls)
        await provision(client, SUBJECTS, settings)
        begun = time.monotonic()
        await store(client, _to_store(count))
        seen.fill = time.monotonic() - begun
        _, state = await look_at(client, SUBJECTS.streams[0])
        if state["num_subjects"] < count:
            raise RuntimeError(f"{state['num_subjects']} of {count} subjects were stored")
        seen.stored_mb = state["bytes"] / 2**20
        filled = cluster.memory()[0]
        await client.close()
        cluster.stop(0)
        cluster.start(0)
        seen.start = await asyncio.to_thread(cluster.wait_healthy, 0)
        cluster.kill(0)
        cluster.start(0)
        seen.start_killed = await asyncio.to_thread(cluster.wait_healthy, 0)
        client = await nats.connect(cluster.urls)
        await _look(client, count, seen)
        seen.mb = (filled, cluster.memory()[0])
        await client.close()
    return seen


def _to_store(count: int) -> Iterator[ToStore]:
    """Yield a record for each subject."""
    for number in range(count):
        call, (kind, track) = call_sid(number // 3), SIDES[number % 3]
        subject = SUBJECTS.ingested(Address(ACCOUNT, call, kind, track))
        headers = {
            "Nats-Msg-Id": f"{call}:{EPOCH}:{number % 3 + 1}",
            "Call-Seq": str(number % 3 + 1),
        }
        yield ToStore(subject, payload(Message(0.0, kind, track, RECORD_BYTES), 0), headers)


async def _look(client: Client, count: int, seen: Seen) -> None:
    """Ask of calls from all over the stream, and of the stream itself."""
    whole, newest, unknown, info = [], [], [], []
    for turn in range(LOOKS):
        call = SUBJECTS.call(call_sid(turn * (count // 3 - 1) // LOOKS))
        begun = time.monotonic()
        records = await read_history(client, SUBJECTS.streams[0], call)
        whole.append(time.monotonic() - begun)
        if len(records) != len(SIDES):
            raise RuntimeError(f"{call} has {len(records)} records")
        begun = time.monotonic()
        await last_stored(client, SUBJECTS.streams[0], call)
        newest.append(time.monotonic() - begun)
        begun = time.monotonic()
        await last_stored(client, SUBJECTS.streams[0], SUBJECTS.call(call_sid(16**20 + turn)))
        unknown.append(time.monotonic() - begun)
        begun = time.monotonic()
        await look_at(client, SUBJECTS.streams[0])
        info.append(time.monotonic() - begun)
    seen.whole_ms, seen.newest_ms = _middle(whole), _middle(newest)
    seen.unknown_ms, seen.info_ms = _middle(unknown), _middle(info)


def _middle(seconds: list[float]) -> tuple[float, float]:
    """Return the median and the longest, in ms."""
    ordered = sorted(seconds)
    return (1000 * ordered[len(ordered) // 2], 1000 * ordered[-1])
