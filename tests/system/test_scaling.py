"""Containers by the number of calls: more as more come, fewer as they end, and no word is lost."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.fleet import Fleet, MakeFleet, sides
from support.monitoring import Prometheus, prometheus, scaling_files
from support.scaling import Replicas, spec_of
from support.talk import Side
from support.timing import LOOK, patience, until

from rehearsal.twilio.running_call import RunningCall

# A container takes so many calls. When there are most, they need so many containers: one fewer
# would be filled to 85 %, and KEDA's file says 70.
PLACES, CALLS, CONTAINERS = 5, 17, 5
# One call in so many lasts longer than the others: one container is enough for those. In seconds.
EVERY, LONGER, LASTS = 6, 50, 22
# As in deploy/kubernetes: so long calls may wait for a pause to move in.
SETTINGS = {"MAX_CALLS": str(PLACES), "DRAIN_SECONDS": "120"}
# From one call to the next, and how long a second of the file lasts.
PAUSE, SECOND = 0.4, 1 / 600


@dataclass
class Scaler:
    """
    Starts and ends containers as KEDA has Kubernetes do it: by what Prometheus says of the calls.

    Whichever carries most calls is the one that ends: nobody who chooses asks what it carries.

    Attributes:
        running: The ports of the containers that there are.
        told: How many there were, and from when on, in s.
        leaving: How long each took that was ended, in s.
        alone: Set when one is left of several.
        begun: How many calls have come in.
    """

    fleet: Fleet
    metrics: Prometheus
    spec: dict[str, Any]
    running: list[int]
    told: list[tuple[float, int]] = field(default_factory=list)
    leaving: list[float] = field(default_factory=list)
    alone: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0

    async def next_call(self, one: Side, other: Side) -> RunningCall:
        """Have a call come in some time after the one before, once there is a place for it."""
        await asyncio.sleep(PAUSE)
        await until(lambda: self.begun < PLACES * len(self.running))
        self.begun += 1
        return self.fleet.call(one, other)

    async def run(self) -> None:
        """Look at the metric, and do as it says, until cancelled."""
        (trigger,) = self.spec["triggers"]
        query = trigger["metadata"]["query"]
        began = time.monotonic()
        replicas = Replicas(self.spec, len(self.running), SECOND)
        self.told.append((0.0, replicas.count))
        while True:
            value = await self.metrics.value(query)
            wanted = replicas.look(value, time.monotonic())
            if wanted != len(self.running):
                await self._change(wanted)
                self.told.append((time.monotonic() - began, wanted))
            await asyncio.sleep(max(LOOK, self.spec["pollingInterval"] * SECOND))

    async def _change(self, wanted: int) -> None:
        if wanted > len(self.running):
            free = [port for port in self.fleet.ports if port not in self.fleet.containers]
            more = free[: wanted - len(self.running)]
            await asyncio.gather(*map(self.fleet.start, more))
            self.running += more
            assert len(self.running) == wanted, "more are wanted than there is room for"
        while wanted < len(self.running):
            port = await self._fullest()
            self.running.remove(port)
            self.leaving.append(await self.fleet.stop(port))
            if len(self.running) == 1:
                self.alone.set()

    async def _fullest(self) -> int:
        """Return the container that carries most calls."""
        told = await self.metrics.query("partyline_calls")
        carried = {each["metric"]["instance"]: float(each["value"][1]) for each in told}
        instances = {port: f"127.0.0.1:{self.fleet.metrics_ports[port]}" for port in self.running}
        return max(self.running, key=lambda port: carried[instances[port]])


@contextlib.asynccontextmanager
async def scaled(fleet: Fleet, metrics: Prometheus, spec: dict[str, Any]) -> AsyncIterator[Scaler]:
    """Run a scaler; what goes wrong there ends the test."""
    scaler = Scaler(fleet, metrics, spec, running=list(fleet.containers))
    async with asyncio.TaskGroup() as tasks:
        scaling = tasks.create_task(scaler.run())
        yield scaler
        scaling.cancel()
        await asyncio.wait([scaling])


@pytest.mark.proof
async def test_containers_come_and_go_with_the_calls_and_no_word_is_lost(
    fleet: MakeFleet, rounds, tmp_path
):
    """
    From one container to five and back, by the file of KEDA: its query in a real Prometheus.

    Its times are shortened, but a container takes as long to start and to leave as ever; so the
    next call waits for a place. The file keeps two containers, so that one may leave: here the
    last but one leaves, too. A sample of it would take longer than the test of a container that
    leaves, in test_moves.py, and show no more.
    """
    spec = spec_of(scaling_files(), "keda.yaml") | {"minReplicaCount": 1}
    for _ in rounds(sample=0, full=1):
        said = [sides(number, LASTS if number % EVERY else LONGER) for number in range(CALLS)]
        async with (
            patience(120),
            fleet(CONTAINERS, running=1, balance="leastconn", **SETTINGS) as made,
            prometheus(tmp_path, *made.metrics_ports.values(), up=1) as metrics,
        ):
            async with scaled(made, metrics, spec) as scaler:
                calls = [await scaler.next_call(*pair) for pair in said]
                whole = await made.check(calls, said)
                await scaler.alone.wait()
            leaving = [*scaler.leaving, await made.stop(*scaler.running)]
        print(whole)
        print("containers: " + ", ".join(f"{many} at {at:.1f} s" for at, many in scaler.told))
        print(f"each left within {max(leaving):.1f} s, exit 0")
        counts = [many for _, many in scaler.told]
        up, down = counts[: -CONTAINERS + 1], counts[-CONTAINERS:]
        assert up == sorted(up)
        assert down == list(range(CONTAINERS, 0, -1))
