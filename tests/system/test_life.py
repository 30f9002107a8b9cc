"""How a process comes and goes by itself: protected while calls live, gone when it is idle."""

import asyncio
import os
import signal

import pytest
from support.credentials import AUTH_TOKEN
from support.ecs_agent import TASK, EcsAgent
from support.inside import inside
from support.on_demand import on_demand
from support.sids import account_sid, call_sid, stream_sid
from support.streams import media_stream
from support.timing import patience, until
from support.twilio_api import serving

from rehearsal.twilio import Options
from rehearsal.twilio.account import Account
from rehearsal.twilio.stand_in import TwilioStandIn

ON, OFF = (True, 60), (False, None)
NUMBER, CALLER, CALLEE = "+15550001111", "+15550002222", "+15550003333"
REQUEST = b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def call(number: int) -> Options:
    return Options(
        auth_token=AUTH_TOKEN,
        account_sid=account_sid(1),
        call_sid=call_sid(number),
        stream_sid=stream_sid(number),
    )


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
        async with media_stream(place, call(1)) as one, media_stream(place, call(2)) as two:
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
        proxy.environ |= {
            "PUBLIC_URL": proxy.url,
            "TWILIO_ACCOUNT_SID": account.sid,
            "TWILIO_AUTH_TOKEN": account.auth_token,
            "TWILIO_API_URL": twilio.url,
        }
        account.add_number(NUMBER, voice_url=f"{proxy.url}/twilio/voice#rc=3&rp=all")
        for number in rounds(sample=1, full=5):
            audio = sound.bursts(number, 1.5)
            async with patience():
                call = twilio.call(NUMBER, CALLER, inbound=audio, outbound=b"\xff" * len(audio))
                reader = await read(proxy, call.leg.sid, token=token)
                assert reader.words("inbound") == sound.words_of(audio)
                assert reader.types() == ["CallStarted", "CallEnded"]
                service = proxy.started[-1]
                answers = await asked_until_refused(service.port)
                assert await asyncio.to_thread(service.ended_with) == 0
            # Who is taken in is answered; the kernel may have one more when the port is closed.
            assert {answer.partition(b"\r")[0] for answer in answers[:-1]} == {b"HTTP/1.1 200 OK"}
            assert service.wait_for("idle: leaving")["seconds"] == 0.5
            assert len(proxy.started) == number + 1
        print(f"started from zero: ready after {max(proxy.seconds):.2f} s at the most")
