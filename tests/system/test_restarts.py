"""A container that is killed, a path that breaks: the calls are heard again soon, elsewhere."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from support import stuck
from support.cable import Cable
from support.processes import Service
from support.proxies import CHECK_SECONDS, balancer, found
from support.timing import UNIT, patience, until
from support.twilio_access import access

from bench.processes import free_port
from handler.server.watchdog import EXIT_CODE
from rehearsal.twilio.account import Account
from rehearsal.twilio.behaviour import Behaviour
from rehearsal.twilio.delivery import Delivery
from rehearsal.twilio.running_call import RunningCall
from rehearsal.twilio.stand_in import TwilioStandIn

NUMBER, CALLER, CALLEE = "+15550001111", "+15550002222", "+15550003333"
LEASE = 2
LONG_LEASE = 20  # where the path is the subject, and not who is alive
SAMPLE = 2  # calls
STARTED = "media stream is dead: another one is started"


@dataclass
class Place:
    """Two containers behind a load balancer, which a cable leads to, and an account at Twilio's."""

    services: list[Service]
    twilio: TwilioStandIn
    cable: Cable

    def owner(self, call: RunningCall) -> Service | None:
        """Return where the newest media stream of a call came in."""
        began = {
            line["timestamp"]: service
            for service in self.services
            for line in service.lines
            if line["event"] == "media stream begins" and line["call_sid"] == call.leg.sid
        }
        return began[max(began)] if began else None

    def begin(self, inbound: bytes, outbound: bytes) -> RunningCall:
        return self.twilio.call(NUMBER, CALLER, inbound=inbound, outbound=outbound)


@pytest.fixture
async def place(request, serve, nats, deepgram, tmp_path) -> AsyncIterator[Place]:
    """Its parameters: the lease, and how long the balancer waits for whoever is stuck."""
    lease, check_seconds = request.param
    ports = [free_port(), free_port()]
    with balancer(ports, tmp_path, check_seconds=check_seconds) as front:
        async with TwilioStandIn(Account()) as twilio, Cable(front) as cable:
            url = f"http://127.0.0.1:{cable.port}"
            account = twilio.account
            environ = {
                "NATS_URL": nats.url,
                "DEEPGRAM_URL": deepgram.url,
                **access(twilio, url),
                "FORWARD_TO": CALLEE,
                "NOTICE": "none",
                "LEASE_SECONDS": str(lease),
                "WATCHDOG_SECONDS": str(lease),
            }
            environ["module"] = "support.stuck"  # the service, whose loop can be got stuck
            services = [await asyncio.to_thread(serve, PORT=str(port), **environ) for port in ports]
            await found(front, len(services))
            account.add_number(
                NUMBER,
                voice_url=f"{url}/twilio/voice#rc=3&rp=all",
                status_callback=f"{url}/twilio/status",
            )
            yield Place(services, twilio, cable)


def seconds_lost(reader: Any, sides: dict[str, bytes], words_of: Any) -> float:
    """Check that all is told once but for what lies in gaps; returns how long a side's are."""
    messages = reader.messages
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    longest = 0.0
    for track, audio in sides.items():
        gaps = [one for one in messages if one["type"] == "Gap" and one["track"] in (None, track)]
        lost = sum(gap["end"] - gap["start"] for gap in gaps)
        words = reader.words(track)
        assert len(set(words)) == len(words)
        missing = [word for word in words_of(audio) if word not in words]
        # A word and its pause take 0.2 s at the least; of two, a part may lie in a gap.
        assert len(missing) <= lost / 0.2 + 2 * len(gaps)
        longest = max(lost, longest)
    return longest


async def has_lasted(call: RunningCall, seconds: float) -> None:
    await until(lambda: call.clock is not None and call.clock.now() >= seconds)


@pytest.mark.proof
@pytest.mark.parametrize(
    ("place", "lost", "most", "death", "code"),
    [
        ((LEASE, CHECK_SECONDS), 0.0, 5.0, signal.SIGKILL, -signal.SIGKILL),
        ((LEASE, 1), 1.0, LEASE + 3.0, stuck.SLEEPS, EXIT_CODE),
    ],
    ids=["killed", "stuck"],
    indirect=["place"],
)
async def test_the_calls_of_a_killed_or_stuck_container_go_on_in_another_one(
    rounds, place, sound, read, token, lost, most, death, code
):
    """
    Twilio tells of each; or it does not, and the lease ends. A stuck one then ends itself.

    What is lost is told whoever else keeps the machine busy; how long it is, is judged alone.
    """
    place.twilio.account.behaviour = Behaviour(delivery=Delivery(lost=lost))
    count = len(rounds(sample=SAMPLE, full=30))
    sides = [(sound.bursts(2 * n, 14), sound.bursts(2 * n + 1, 14)) for n in range(count)]
    async with patience(120):
        calls = [place.begin(*both) for both in sides]
        for call in calls:
            await has_lasted(call, 2.5)
        owners = [place.owner(call) for call in calls]
        victim = place.services[owners[0] is place.services[1]]
        [other] = [one for one in place.services if one is not victim]
        reading = [read(other, call.leg.sid, token=token) for call in calls]
        following = [asyncio.create_task(one) for one in reading]
        victim.popen.send_signal(death)
        readers = await asyncio.gather(*following)
        assert await asyncio.to_thread(victim.ended_with) == code
    lasted = []
    for reader, owner, both in zip(readers, owners, sides, strict=True):
        said = dict(zip(("inbound", "outbound"), both, strict=True))
        lasted.append(seconds_lost(reader, said, sound.words_of))
        if owner is other:
            assert reader.types() == ["CallStarted", "CallEnded"]
        else:
            events = ["CallStarted", "CallResumed", "CallEnded"]
            assert [kind for kind in reader.types() if kind != "Gap"] == events
            gaps = [message for message in reader.messages if message["type"] == "Gap"]
            assert {gap["reason"] for gap in gaps} == {"owner-lost"}
            # Both sides' is one, unless one has said nothing for longer than the other.
            assert [gap["track"] for gap in gaps] in ([None], ["inbound", "outbound"])
    if count > SAMPLE:
        assert max(lasted) <= most
    started = {line["call_sid"] for line in other.lines if line["event"] == STARTED}
    assert len(started) == owners.count(victim)
    print(f"exit {code} with {len(started)} calls: at most {max(lasted):.2f} s of one are lost")


@pytest.mark.proof
@pytest.mark.parametrize("place", [(LONG_LEASE, CHECK_SECONDS)], indirect=True)
async def test_a_stream_that_the_path_has_cut_is_started_again(rounds, place, sound, read, token):
    """Both containers live: whichever gets it, goes on. How long is judged strictly alone."""
    said = {"inbound": sound.bursts(1, 6), "outbound": sound.bursts(2, 6)}
    place.twilio.load.latency = 0.15  # as Twilio's own
    cuts = rounds(sample=1, full=5)
    lasted = []
    for _ in cuts:
        async with patience():
            call = place.begin(**said)
            await has_lasted(call, 2.5)
            reading = asyncio.create_task(read(place.services[0], call.leg.sid, token=token))
            place.cable.cut()
            place.cable.mend()
            reader = await reading
        assert reader.types() == ["CallStarted", "CallResumed", "Gap", "CallEnded"]
        lasted.append(seconds_lost(reader, said, sound.words_of))
    assert max(lasted) <= (3.0 if len(cuts) > 1 else 15 * UNIT)
    print(f"cut: at most {max(lasted):.2f} s are lost")
