"""A cluster of three servers, whose leader is killed."""

import asyncio
import itertools
import json
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.brokers import ENDED
from support.processes import ENVIRON, partyline
from support.timing import LOOK, patience, until

import broker as package
from bench.processes import free_ports
from broker.broker import Broker
from broker.ended_calls import EndedCalls
from broker.ended_index import Wanted
from broker.server.embedded import find_binary
from broker.settings import BrokerSettings

SERVERS = Path(package.__file__).parent / "server"
PASSWORDS = {
    f"{user}_PASSWORD": f"pw-{user.lower()}"
    for user in ("ADMIN", "HANDLER", "TAP", "HISTORY", "FORWARD", "ROUTE")
}


class Cluster:
    """Three servers with the configuration for a cluster, on loopback."""

    def __init__(self, directory: Path) -> None:
        ports = free_ports(6)
        self.clients, self._routes = ports[:3], ports[3:]
        self._directory = directory
        self._servers: dict[int, subprocess.Popen[bytes]] = {}

    def urls(self, user: str) -> tuple[str, ...]:
        return tuple(f"nats://{user}:pw-{user}@127.0.0.1:{port}" for port in self.clients)

    async def provision(self, replicas: int) -> str:
        """What an operator does first, and again to change it."""
        command = ("provision", f"--replicas={replicas}", f"--url={self.urls('admin')[0]}")
        async with patience():
            while True:  # until the three have found each other
                done = await asyncio.to_thread(partyline, *command)
                if done.returncode == 0:
                    return done.stdout
                await asyncio.sleep(0.5)

    def start(self, number: int) -> None:
        home = self._directory / f"n{number}"
        home.mkdir(exist_ok=True)
        configuration = (SERVERS / "cluster.conf").read_text()
        routes = ", ".join(f'"nats://route:pw-route@127.0.0.1:{port}"' for port in self._routes)
        for there, here in (
            ("/data/jetstream", str(home / "store")),
            ("0.0.0.0:4222", f"127.0.0.1:{self.clients[number]}"),
            ("127.0.0.1:8222", "127.0.0.1:-1"),
            ("0.0.0.0:6222", f"127.0.0.1:{self._routes[number]}"),
            ("$CLUSTER_ROUTE", routes),
        ):
            assert there in configuration
            configuration = configuration.replace(there, here)
        (home / "cluster.conf").write_text(configuration)
        shutil.copy(SERVERS / "users.conf", home)
        self._servers[number] = subprocess.Popen(
            [
                find_binary(),
                f"--config={home / 'cluster.conf'}",
                f"--name=n{number}",
                f"--log={home / 'log'}",
            ],
            env=ENVIRON | PASSWORDS,
            stderr=subprocess.DEVNULL,
        )

    def kill(self, number: int) -> None:
        self._servers[number].send_signal(signal.SIGKILL)
        self._servers[number].wait()

    def stop(self) -> None:
        for server in self._servers.values():
            server.kill()
            server.wait()


@pytest.fixture
def cluster(tmp_path) -> Iterator[Cluster]:
    servers = Cluster(tmp_path)
    for number in range(3):
        servers.start(number)
    yield servers
    servers.stop()


async def ended_calls(broker: Broker) -> set[str]:
    """Return the calls that are told as ended; some copies may lag behind the leader."""
    async with EndedCalls(broker.connection, broker.subjects, 2**24) as ended, patience():
        await until(lambda: ended.complete)
        page = await ended.find(Wanted(frozenset({"*"}), 100))
    return {call.call_sid for call in page.calls}


async def until_ended(broker: Broker, calls: set[str]) -> None:
    """Wait until these calls are told as ended, and no others."""
    async with patience():
        while await ended_calls(broker) != calls:  # noqa: ASYNC110  NATS alone knows
            await asyncio.sleep(LOOK)


async def leader(broker: Broker) -> int:
    info = await broker.js.stream_info(broker.subjects.streams[0])
    return int(str(info.cluster.leader).removeprefix("n"))


async def test_an_operator_adds_copies_to_what_is_there(cluster):
    await cluster.provision(1)
    assert "3 replica(s)" in await cluster.provision(3)
    settings = BrokerSettings(servers=cluster.urls("handler"), instance="i1", replicas=3)
    async with Broker(settings) as broker, patience():
        await broker.wait_ready()
        stream = await broker.js.stream_info(broker.subjects.streams[0])
        bucket = await broker.js.stream_info(f"KV_{broker.subjects.bucket}")
    assert (stream.config.num_replicas, bucket.config.num_replicas) == (3, 3)
    assert bucket.config.subject_delete_marker_ttl == 60
    assert bucket.config.republish.dest == "registry.transcripts.>"


@pytest.mark.proof
async def test_the_leader_is_killed_and_no_record_is_lost_or_doubled(
    rounds, cluster, facts, make_final
):
    kills, calls = (2, 50) if len(rounds(sample=1, full=2)) == 2 else (1, 10)
    brokers = []
    await cluster.provision(3)
    urls = cluster.urls("handler")
    for number in range(2):
        settings = BrokerSettings(
            servers=urls[number:] + urls[:number],
            instance=f"i{number}",
            replicas=3,
        )
        broker = Broker(settings)
        await broker.__aenter__()
        brokers.append(broker)
    writing, reading = brokers
    try:
        async with patience():
            await writing.wait_ready()
            await reading.wait_ready()
        known = [facts() for _ in range(calls)]
        writers = [writing.writer(call, writing.next_epoch()) for call in known]
        running = [asyncio.create_task(writer.run()) for writer in writers]
        arrivals: list[float] = []

        async def follow(call_sid: str) -> list[int]:
            seqs = []
            async with reading.replicas.follow(call_sid) as follower:
                async for item in follower:
                    arrivals.append(time.monotonic())
                    seqs.append(json.loads(item.payload)["seq"])
            return seqs

        staying = [asyncio.create_task(follow(call.call_sid)) for call in known]
        source, put = random.Random(1), 0
        for kill in range(kills):
            for step in range(120):
                source.choice(writers).put(make_final(step))
                put += 1
                await asyncio.sleep(0.02)
                if step == 40:
                    victim = await leader(writing)
                    cluster.kill(victim)
            # Another leader is there, and has what was put meanwhile: some 6 s after the kill.
            await until(lambda: len(arrivals) >= put + calls)  # noqa: B023  waited for here
            if kill + 1 < kills:
                cluster.start(victim)
                await asyncio.sleep(5)
        for writer in writers:
            writer.put(ENDED)
            writer.finish()
        async with patience():
            await asyncio.gather(*running)
            stayed = await asyncio.gather(*staying)
            late = await asyncio.gather(*(follow(call.call_sid) for call in known))
        gap = max(b - a for a, b in itertools.pairwise(arrivals))
        print(f"{kills} leaders killed under {calls} calls: no delivery for {gap:.1f} s at most")
        assert sum(map(len, stayed)) == put + 2 * calls
        assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in stayed)
        assert late == stayed
        await until_ended(reading, {call.call_sid for call in known})
    finally:
        for broker in brokers:
            await broker.__aexit__()
