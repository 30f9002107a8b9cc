"""How a process comes and goes by itself: protected while calls live, gone when it is idle."""

import os
import signal

from support.credentials import AUTH_TOKEN
from support.ecs_agent import TASK, EcsAgent
from support.inside import inside
from support.sids import account_sid, call_sid, stream_sid
from support.streams import media_stream
from support.timing import until
from support.twilio_api import serving

from rehearsal.twilio import Options

ON, OFF = (True, 60), (False, None)


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
