"""How a process comes and goes: without NATS, protected while calls live, gone when it is idle."""

import asyncio
import os
import re
import resource
import signal
import sys
from itertools import count
from pathlib import Path

import httpx
import pytest
from support.brokers import read_records
from support.containers import said
from support.ecs_agent import TASK, EcsAgent
from support.inside import inside
from support.on_demand import on_demand
from support.processes import Service
from support.sids import call_sid
from support.streams import media_stream, numbered
from support.timing import LOOK, PATIENCE, patience, until
from support.twilio_access import access
from support.twilio_api import serving

from bench.processes import free_port
from broker.server.embedded import EmbeddedServer
from handler.holdings import held
from handler.server.listener import PAUSE_SECONDS
from rehearsal.twilio.account import Account
from rehearsal.twilio.stand_in import TwilioStandIn

ON, OFF = (True, 60), (False, None)
NUMBER, CALLER, CALLEE = "+15550001111", "+15550002222", "+15550003333"
REQUEST = b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


async def test_a_task_of_ecs_is_protected_from_the_first_media_stream_to_the_last_record(
    nats, deepgram
):
    agent = EcsAgent()
    async with (
        serving(agent) as url,
        inside(NATS_URL=nats.url, DEEPGRAM_URL=deepgram.url, ECS_AGENT_URI=f"{url}{TASK}") as place,
    ):
        calls = place.service.calls
        await until(lambda: place.service.task_protection.on is False)
        async with media_stream(place, numbered(1)) as one, media_stream(place, numbered(2)) as two:
            assert agent.asked == [OFF]  # a socket is no call yet
            await one.start()
            assert await agent.is_asked(2) == [OFF, ON]
            await two.start()
            await until(lambda: len(calls) == 2 and not calls.outbox_depth)
            await one.stop()
            await until(lambda: len(calls) == 1)
            os.kill(nats.pid, signal.SIGSTOP)  # what is published now is not stored
            try:
                await two.stop()
                await until(lambda: [one.over for one in calls.carried] == [True])
                assert calls.outbox_depth
                assert (agent.asked, agent.protected) == ([OFF, ON], True)
            finally:
                os.kill(nats.pid, signal.SIGCONT)
            assert await agent.is_asked(3) == [OFF, ON, OFF]
            assert not calls.carried
        await until(lambda: place.service.task_protection.on is False)


async def test_a_process_waits_for_a_nats_that_is_not_there_and_what_it_heard_meanwhile_is_kept(
    deepgram, sound, tmp_path
):
    """No load balancer brings a call then; one that comes all the same is not turned away."""
    port, audio = free_port(), sound.bursts(1, 2)
    async with (
        inside(
            ready=False, NATS_URL=f"nats://127.0.0.1:{port}", DEEPGRAM_URL=deepgram.url
        ) as place,
        httpx.AsyncClient(base_url=place.url, trust_env=False) as client,
        patience(),
    ):
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "waiting for NATS\n")
        async with media_stream(place, numbered(1)) as stream:
            await stream.start()
            await stream.say("inbound", audio)
            await stream.say("outbound", b"\xff" * len(audio))
            await stream.stop()
        [waiting] = place.service.calls.carried
        await until(lambda: waiting.over)
        assert held(place.service)["calls"] == 1
        assert (await client.get("/healthz")).status_code == 200
        async with EmbeddedServer(str(tmp_path), port=port):
            await place.service.broker.wait_ready()
            assert (await client.get("/readyz")).text == "ready\n"
            await until(lambda: held(place.service) == {})
            records = await read_records(place.service.broker, waiting.call_sid)
    assert [record["type"] for record in records if record["type"] != "Results"] == [
        "CallStarted",
        "CallEnded",
    ]
    assert said(records)["inbound"] == sound.words_of(audio)


def lowest_free(pid: int) -> int:
    """Return the descriptor that a process would be given next."""
    taken = {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in count() if number not in taken)


async def told(web: httpx.AsyncClient, service: Service, metric: str) -> float:
    metrics = (await web.get(f"http://127.0.0.1:{service.metrics_port}/metrics")).text
    [number] = re.findall(rf"^partyline_{metric} (.*)", metrics, re.MULTILINE)
    return float(number)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has prlimit")
async def test_a_call_goes_on_while_no_file_more_may_be_open_and_who_comes_waits(
    serve, nats, deepgram, sound, read, token
):
    service = await asyncio.to_thread(
        serve, NATS_URL=nats.url, DEEPGRAM_URL=deepgram.url, METRICS_PORT=str(free_port())
    )
    pid, audio = service.popen.pid, sound.bursts(1, 2)
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    loop = asyncio.get_running_loop()
    async with (
        media_stream(service, numbered(1)) as stream,
        httpx.AsyncClient(trust_env=False) as web,
    ):
        await stream.start()
        reading = asyncio.create_task(read(service, call_sid(1), token=token))
        await stream.say("inbound", audio[:8000])
        await stream.say("outbound", b"\xff" * 8000)
        await until(lambda: deepgram.heard)
        while await told(web, service, "subscribers") != 1.0:  # noqa: ASYNC110  it is asked for
            await asyncio.sleep(LOOK)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free(pid), limits[1]))
        begun = loop.time()
        asking = asyncio.create_task(web.get(f"{service.url}/readyz", timeout=PATIENCE))
        await asyncio.to_thread(service.wait_for, "cannot accept connections")
        await stream.say("inbound", audio[8000:])
        await stream.say("outbound", b"\xff" * (len(audio) - 8000))
        await stream.stop()
        assert (await reading).words("inbound") == sound.words_of(audio)
        seconds = loop.time() - begun
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        assert (await asking).text == "ready\n"
        assert 1 <= await told(web, service, "accept_pauses_total") <= seconds / PAUSE_SECONDS + 1


async def asked_until_refused(port: int) -> list[bytes]:
    """Ask a service again and again whether it is ready, until nobody is taken in any more."""
    answers: list[bytes] = []
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            answers.append(await reader.read())
            writer.close()
        except ConnectionRefusedError:
            return answers
        except ConnectionError:
            answers.append(b"")


@pytest.mark.proof
async def test_what_is_idle_leaves_and_a_call_starts_it_again_and_is_heard_from_its_first_word(
    rounds, serve, nats, deepgram, read, token, sound
):
    """The webhook's answer is what waits for the start: the caller hears it ring meanwhile."""
    environ = {
        "NATS_URL": nats.url,
        "DEEPGRAM_URL": deepgram.url,
        "FORWARD_TO": CALLEE,
        "NOTICE": "none",
        "IDLE_EXIT_SECONDS": "0.5",
    }
    async with TwilioStandIn(Account()) as twilio, on_demand(serve, **environ) as proxy:
        account = twilio.account
        proxy.environ |= access(twilio, proxy.url)
        account.add_number(NUMBER, voice_url=f"{proxy.url}/twilio/voice#rc=3&rp=all")
        for number in rounds(sample=1, full=5):
            audio = sound.bursts(number, 1)
            async with patience():
                call = twilio.call(NUMBER, CALLER, inbound=audio, outbound=b"\xff" * len(audio))
                reading = asyncio.create_task(read(proxy, call.leg.sid, token=token))
                await until(lambda: len(proxy.started) > number)  # noqa: B023  waited for here
                service = proxy.started[-1]
                # From within the call on: once it is over, half a second is left.
                asking = asyncio.create_task(asked_until_refused(service.port))
                reader = await reading
                assert reader.words("inbound") == sound.words_of(audio)
                assert reader.types() == ["CallStarted", "CallEnded"]
                answers = await asking
                assert await asyncio.to_thread(service.ended_with) == 0
            # Who is taken in is answered; the kernel may have one more when the port is closed.
            assert answers[0].startswith(b"HTTP/1.1 200 OK\r\n")
            assert {answer.partition(b"\r")[0] for answer in answers[:-1]} <= {b"HTTP/1.1 200 OK"}
            assert service.wait_for("idle: leaving")["seconds"] == 0.5
            assert len(proxy.started) == number + 1
        print(f"started from zero: ready after {max(proxy.seconds):.2f} s at the most")
