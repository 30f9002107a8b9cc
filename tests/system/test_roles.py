"""Containers that take in calls or readers alone, and containers of one call each."""

import asyncio

import httpx
import pytest
from support.on_demand import OneEach, on_demand
from support.processes import Service
from support.proxies import balancer, found
from support.sids import call_sid
from support.streams import media_stream, numbered
from support.talk import faults, talk
from support.timing import patience, until
from support.twilio_access import access
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bench.processes import free_port, wait_ready
from rehearsal.twilio.account import Account
from rehearsal.twilio.stand_in import TwilioStandIn

NUMBER, CALLER, CALLEE = "+15550001111", "+15550002222", "+15550003333"
# Of the credentials that a test's service is given, those that a role has no use for.
NOT_OF = {
    "media": {"ROLES": "media", "TOKEN_SECRET": ""},
    "subscribers": {"ROLES": "subscribers", "TWILIO_AUTH_TOKEN": "", "DEEPGRAM_API_KEY": ""},
}


def begun(service: Service) -> int:
    """Count the media streams that a container has taken in."""
    return service.text.count("media stream begins")


async def test_a_container_refuses_by_socket_too_what_its_role_is_not(serve, nats, token):
    async with patience():
        media, subscribers = await asyncio.gather(
            *(
                asyncio.to_thread(serve, NATS_URL=nats.url, **NOT_OF[role])
                for role in ("media", "subscribers")
            )
        )
        for url in (f"{media.ws}/client?token={token}", f"{subscribers.ws}/twilio"):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(url, proxy=None):
                    pass
            assert refused.value.response.status_code == 421
            assert b"let the proxy before it send" in refused.value.response.body
        async with httpx.AsyncClient(trust_env=False) as client:
            for service in (media, subscribers):
                for probe in ("healthz", "readyz"):
                    assert (await client.get(f"{service.url}/{probe}")).status_code == 200
            listed = await client.get(f"{subscribers.url}/calls", params={"token": token})
            assert listed.json()["calls"] == []
    assert "deepgram" not in subscribers.text


@pytest.mark.proof
async def test_calls_and_readers_on_containers_of_their_own_are_whole(
    serve, nats, deepgram, token, read, rounds, tmp_path
):
    """Two take in calls and one the readers, behind a balancer that parts them by path."""
    count = len(rounds(sample=3, full=30))
    ports = [free_port() for _ in range(3)]
    with balancer(ports[:2], tmp_path, ports[2:], by="leastconn") as front:
        async with TwilioStandIn(Account()) as twilio, patience(120):
            url, account = f"http://127.0.0.1:{front}", twilio.account
            environ = {
                "NATS_URL": nats.url,
                "DEEPGRAM_URL": deepgram.url,
                **access(twilio, url),
                "FORWARD_TO": CALLEE,
                "NOTICE": "none",
            }
            roles = ("media", "media", "subscribers")
            services = await asyncio.gather(
                *(
                    asyncio.to_thread(serve, **(environ | NOT_OF[role] | {"PORT": str(port)}))
                    for role, port in zip(roles, ports, strict=True)
                )
            )
            await asyncio.to_thread(wait_ready, f"{url}/readyz")
            await found(front, 2)
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(f"{url}/twilio")).status_code == 426
            account.add_number(
                NUMBER,
                voice_url=f"{url}/twilio/voice#rc=3&rp=all",
                status_callback=f"{url}/twilio/status",
            )
            said = [(talk(2 * number, 8), talk(2 * number + 1, 8)) for number in range(count)]
            calls = []
            for one, other in said:
                calls.append(twilio.call(NUMBER, CALLER, inbound=one.audio, outbound=other.audio))
                # The next one is the balancer's to bring to whoever has fewer.
                await until(lambda: sum(map(begun, services)) == len(calls))
            readers = await asyncio.gather(
                *(read(services[2], one.leg.sid, token=token) for one in calls)
            )
    for reader, (one, other) in zip(readers, said, strict=True):
        assert reader.types() == ["CallStarted", "CallEnded"]
        assert faults(reader.messages, {"inbound": one, "outbound": other}) == []
    carried = [begun(service) for service in services]
    assert (sum(carried), carried[2]) == (count, 0)
    assert min(carried[:2]) > 0


@pytest.mark.proof
async def test_calls_on_containers_of_their_own_started_for_each_are_heard_from_the_first_word(
    serve, nats, deepgram, token, read, sound, rounds
):
    """The handshake is what waits for the start; a container with its one call is full."""
    count = len(rounds(sample=2, full=10))
    reading = await asyncio.to_thread(serve, NATS_URL=nats.url, **NOT_OF["subscribers"])
    environ = {"NATS_URL": nats.url, "DEEPGRAM_URL": deepgram.url, "MAX_CALLS": "1"}
    async with on_demand(serve, OneEach, **environ, **NOT_OF["media"]) as proxy, patience():

        async def speak(number: int) -> None:
            audio = sound.bursts(number, 2)
            async with media_stream(proxy, numbered(number)) as stream:
                await stream.start()
                await stream.say("inbound", audio)
                await stream.say("outbound", b"\xff" * len(audio))
                await all_full.wait()
                await stream.stop()
            reader = await read(reading, call_sid(number), token=token)
            assert reader.words("inbound") == sound.words_of(audio)

        all_full = asyncio.Event()
        async with asyncio.TaskGroup() as speaking, httpx.AsyncClient(trust_env=False) as client:
            for number in range(count):
                speaking.create_task(speak(number))
            await until(lambda: len(proxy.started) == count)
            for service in proxy.started:
                await asyncio.to_thread(service.wait_for, "media stream begins")
                assert (await client.get(f"{service.url}/readyz")).text == "full\n"
            all_full.set()
    assert [begun(service) for service in proxy.started] == [1] * count
    print(f"{count} calls, each in a container started for it: {max(proxy.seconds):.2f} s at most")
