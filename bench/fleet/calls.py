"""
So many calls on a cluster of three nodes, three copies of each record; the leader is killed.

What is measured while nothing fails is kept apart from what the failure does. At the end each
call's records are read from the stream: numbered without a hole, each once, as many as were
acknowledged.
"""

import asyncio
import collections
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import nats
from nats.aio.client import Client

from bench.fleet.cluster import Cluster
from bench.fleet.load import Times, call_sid
from bench.processes import cpu_seconds
from broker.provision import look_at, provision
from broker.settings import BrokerSettings
from broker.stream import read_history
from broker.subjects import Subjects

RAMP_SECONDS = 12.0
QUIET_SECONDS = 25.0
TROUBLE_SECONDS = 30.0
DOWN_SECONDS = 12.0  # a killed node is away for so long
SUBJECTS = Subjects()


@dataclass(slots=True)
class Run:
    """
    What was seen of one number of calls. Seconds, bytes, messages; milliseconds where it says so.

    Attributes:
        records: Stored a second, in the quiet time.
        interims: Published a second, in the same.
        deliveries: To the calls' readers, a second.
        ack_ms: p50 and p99 from a record's first sending to its acknowledgement.
        delivery_ms: The same, from a record's sending to its reader.
        node_cpu: Of each node, its share of a core; the stream's leader is the first.
        load_cpu: Of writers and readers.
        node_mb: Memory of each node at the end of the quiet time.
        stored_bytes: A second and call, of one copy.
        delivered_bytes: A second and call, without what TCP adds.
        behind: Records that waited when the quiet time ended.
        late: By how much the load was late with a message, at most.
        gap: The longest time without any acknowledgement, once the leader was killed.
        refused: Answers that a record cannot be stored now: each is sent again.
        unanswered: Records that were sent again as no answer had come within a second.
        stored: Records in the stream at the end.
        lost: Records that were acknowledged and are not in the stream.
        doubled: Records that are there twice, or out of order.
        missed_live: Stored records that a live subscription has not seen: a follower reads them.
    """

    calls: int
    records: float = 0.0
    interims: float = 0.0
    deliveries: float = 0.0
    ack_ms: tuple[float, float] = (0.0, 0.0)
    delivery_ms: tuple[float, float] = (0.0, 0.0)
    node_cpu: list[float] = field(default_factory=list)
    load_cpu: list[float] = field(default_factory=list)
    node_mb: list[float] = field(default_factory=list)
    stored_bytes: float = 0.0
    delivered_bytes: float = 0.0
    behind: int = 0
    late: float = 0.0
    gap: float = 0.0
    refused: int = 0
    unanswered: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0
    missed_live: int = 0


async def measure(calls: int, *, kill: bool = True) -> Run:
    """Carry so many calls for a minute and a half."""
    with Cluster() as cluster:
        settings = BrokerSettings(servers=tuple(cluster.urls), instance="fleet", replicas=3)
        client = await nats.connect(cluster.urls, max_reconnect_attempts=-1, error_cb=_ignore)
        await _provision(client, settings)
        times = _times()
        halves = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.fleet.load", half, ",".join(cluster.urls)),
                *("--calls", str(calls), "--times", *map(str, _row(times))),
                stdout=subprocess.PIPE,
            )
            for half in ("readers", "writers")
        ]
        telling = [asyncio.create_task(half.communicate()) for half in halves]
        run = Run(calls)
        leader = await _watch(client, cluster, times, run, [half.pid for half in halves])
        if kill:
            cluster.kill(leader)
            await asyncio.sleep(DOWN_SECONDS)
            cluster.start(leader)
        told = [json.loads((await each)[0]) for each in telling]
        _take(run, told[0], told[1], times)
        await _compare(run, client, told[0], told[1])
        await client.close()
    return run


async def _ignore(_: Exception) -> None:
    """Say nothing: a node is killed on purpose."""


def _times() -> Times:
    begin = time.monotonic() + 3
    quiet = begin + RAMP_SECONDS
    return Times(begin, quiet, quiet + QUIET_SECONDS, quiet + QUIET_SECONDS + TROUBLE_SECONDS)


def _row(times: Times) -> tuple[float, ...]:
    return tuple(asdict(times).values())


async def _provision(client: Client, settings: BrokerSettings) -> None:
    """Make the stream: the nodes may still be looking for each other."""
    for attempt in range(60):
        try:
            await provision(client, SUBJECTS, settings)
        except Exception:
            if attempt == 59:
                raise
            await asyncio.sleep(0.5)
        else:
            return


async def _watch(client: Client, cluster: Cluster, times: Times, run: Run, load: list[int]) -> int:
    """Watch the quiet time; returns the number of the stream's leader."""
    await asyncio.sleep(times.quiet - time.monotonic())
    nodes, halves = cluster.cpu(), [cpu_seconds(pid) for pid in load]
    _, before = await look_at(client, SUBJECTS.streams[0])
    await asyncio.sleep(times.trouble - time.monotonic())
    leader = await _leader(client)
    shares = [(now - then) / QUIET_SECONDS for now, then in zip(cluster.cpu(), nodes, strict=True)]
    run.node_cpu = [shares[leader], *shares[:leader], *shares[leader + 1 :]]
    run.load_cpu = [
        (cpu_seconds(pid) - then) / QUIET_SECONDS for pid, then in zip(load, halves, strict=True)
    ]
    run.node_mb = cluster.memory()
    _, after = await look_at(client, SUBJECTS.streams[0])
    run.records = (after["messages"] - before["messages"]) / QUIET_SECONDS
    run.stored_bytes = (after["bytes"] - before["bytes"]) / QUIET_SECONDS / run.calls
    return leader


async def _leader(client: Client) -> int:
    """Return the number of the node that leads the stream."""
    reply = await client.request(f"$JS.API.STREAM.INFO.{SUBJECTS.streams[0]}", timeout=10)
    return int(json.loads(reply.data)["cluster"]["leader"].removeprefix("n"))


def _take(run: Run, readers: dict[str, Any], writers: dict[str, Any], times: Times) -> None:
    """Take what the two halves of the load tell."""
    run.interims = readers["interims"] / QUIET_SECONDS
    run.deliveries = run.interims + len(readers["delays"]) / QUIET_SECONDS
    run.delivered_bytes = readers["bytes"] / QUIET_SECONDS / run.calls
    run.ack_ms, run.delivery_ms = (
        _percentiles(writers["latencies"]),
        _percentiles(readers["delays"]),
    )
    run.behind, run.late = writers["behind"], writers["late"]
    run.gap = writers["gap"] if writers["gap_at"] > times.trouble - 1 else 0.0
    run.refused, run.unanswered = writers["refused"], writers["unanswered"]


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    if not seconds:
        return (0.0, 0.0)
    p50, p99 = (seconds[min(len(seconds) - 1, int(len(seconds) * q))] for q in (0.5, 0.99))
    return (1000 * p50, 1000 * p99)


async def _compare(
    run: Run, client: Client, readers: dict[str, Any], writers: dict[str, Any]
) -> None:
    """Compare what was acknowledged with what is stored."""
    stored = await read_history(client, SUBJECTS.streams[0], SUBJECTS.live, wanted="Call-Seq")
    numbers: dict[str, list[int]] = collections.defaultdict(list)
    for record in stored:
        numbers[record.subject.split(".")[2]].append(int(record.headers["Call-Seq"]))
    run.stored = len(stored)
    for number, acked in writers["acked"].items():
        found = numbers.get(call_sid(int(number)), [])
        run.lost += len(set(range(1, acked + 1)) - set(found))
        run.doubled += len(found) - len(set(found)) + (found != sorted(found))
        run.missed_live += len(set(found)) - readers["got"].get(number, 0)
