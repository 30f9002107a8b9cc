"""handler/calls/status_callbacks.py: what is done with a status callback; the door is elsewhere."""

import asyncio
import contextlib

import pytest
from structlog.testing import capture_logs
from support.sids import account_sid, call_sid, stream_sid
from support.timing import patience

from broker.broker import Broker
from broker.entries import Leg
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from handler.calls.status_callbacks import MAX_WRITING, StatusCallbacks
from handler.twilio.accounts import Account
from handler.twilio.callbacks import KINDS
from handler.twilio.forms import Form
from handler.twilio.stream_errors import PROBLEMS

pytestmark = pytest.mark.usefixtures("slow_nats")

CALL = {"AccountSid": account_sid(1), "CallSid": call_sid(1)}
STREAM = {**CALL, "StreamSid": stream_sid(1)}


@contextlib.asynccontextmanager
async def taking(url: str | None = None):
    """Take callbacks, on a NATS of the test's own unless it is said where."""
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(patience())
        if url is None:
            server = await stack.enter_async_context(EmbeddedServer())
        settings = BrokerSettings(servers=(url or server.url,), instance="i1")
        broker = await stack.enter_async_context(Broker(settings))
        if url is None:
            await broker.wait_ready()
        yield StatusCallbacks(broker), broker


async def serve(callbacks: StatusCallbacks, **fields: str) -> int:
    answer = await callbacks.serve(Form(tuple(fields.items())), Account())
    return answer.status_code


async def test_every_kind_is_counted_from_the_start():
    async with taking("nats://127.0.0.1:1") as (callbacks, _):
        assert set(callbacks.counts) == set(KINDS)
        assert set(callbacks.stream_errors) == {*map(str, PROBLEMS), "other"}
        assert await serve(callbacks, **STREAM, StreamEvent="stream-started") == 204
        assert await serve(callbacks, **CALL, CallStatus="ringing") == 204
        assert await serve(callbacks, **CALL) == 400
        counted = {kind: count for kind, count in callbacks.counts.items() if count}
        assert counted == {"stream-started": 1, "call-ringing": 1, "unreadable": 1}


async def test_an_error_of_a_media_stream_is_logged_in_the_words_of_its_page():
    async with taking("nats://127.0.0.1:1") as (callbacks, _):
        with capture_logs() as logs:
            for error in ("Stream - Connection - Broken Pipe", "31930", "unheard of", ""):
                await serve(callbacks, **STREAM, StreamEvent="stream-error", StreamError=error)
        problems = [line for line in logs if line["event"] == "twilio: media stream in trouble"]
        assert [line["status"] for line in problems] == [31903, 31930, None, None]
        assert [line["goes_on"] for line in problems] == [False, True, False, False]
        assert "idle timeout" in problems[0]["advice"]
        assert "not one of the errors" in problems[2]["cause"]
        counted = {code: count for code, count in callbacks.stream_errors.items() if count}
        assert counted == {"31903": 1, "31930": 1, "other": 2}


async def test_what_is_final_and_whose_child_a_leg_is_are_kept():
    async with taking() as (callbacks, broker):
        child = {**CALL, "ParentCallSid": call_sid(2)}
        assert await serve(callbacks, **child, CallStatus="ringing") == 204
        assert await broker.legs.of(call_sid(1)) == Leg(account_sid(1), call_sid(1), call_sid(2))
        assert await broker.statuses.of(call_sid(1), account_sid(1)) is None
        assert await serve(callbacks, **child, CallStatus="no-answer") == 204
        found = await broker.statuses.of(call_sid(1), account_sid(1))
        assert found is not None
        assert found.status == "no-answer"
        assert await broker.statuses.of(call_sid(2), account_sid(1)) is None


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"CallStatus": "completed"}, 503),
        ({"CallStatus": "ringing", "ParentCallSid": call_sid(2)}, 503),
        ({"CallStatus": "ringing"}, 204),
    ],
)
async def test_while_nats_is_away_twilio_is_asked_to_come_again(fields, answer):
    async with taking("nats://127.0.0.1:1") as (callbacks, _):
        assert await serve(callbacks, **CALL, **fields) == answer


async def test_only_so_many_wait_for_nats_at_a_time():
    async with taking() as (callbacks, broker):
        numbers = range(2 * MAX_WRITING)
        asked = [
            serve(callbacks, **CALL | {"CallSid": call_sid(number)}, CallStatus="completed")
            for number in numbers
        ]
        answers = await asyncio.gather(*asked)
        assert set(answers) == {204, 503}
        assert answers.count(204) >= MAX_WRITING
        assert callbacks._writing == 0
        assert await broker.statuses.of(call_sid(0), account_sid(1)) is not None
