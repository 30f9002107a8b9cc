"""What the service asks of Twilio's REST API, asked of the stand-in: an account that lives."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from support.credentials import AUTH_TOKEN
from support.processes import partyline
from support.sids import account_sid, call_sid
from support.timing import until
from support.twilio_sdk import CALLED, CALLER, OTHER
from support.twiml_server import TwimlServer, twiml_server

from handler.errors import TwilioApiError
from handler.twilio.accounts import Account as Ours
from handler.twilio.accounts import Accounts
from handler.twilio.rest import RestClient
from rehearsal.twilio.account import Account
from rehearsal.twilio.reach import Reach
from rehearsal.twilio.stand_in import TwilioStandIn

PUBLIC = "https://calls.example.com"
WAITING = '<Response><Pause length="3600"/></Response>'


@pytest.fixture
def account() -> Account:
    keys = {f"SK{'0' * 32}": "hush"}
    return Account(sid=account_sid(1), auth_token=AUTH_TOKEN, api_keys=keys)


def client_of(account: Account, url: str) -> RestClient:
    ours = Ours(sid=account.sid, auth_tokens=(account.auth_token,))
    return RestClient(Accounts(ours), url, patience=20)


@contextlib.asynccontextmanager
async def number_that_waits(
    account: Account,
) -> AsyncIterator[tuple[TwimlServer, TwilioStandIn, RestClient]]:
    """A number whose calls wait; yields its server, its Twilio, and a client of ours."""
    async with (
        twiml_server(account.auth_token) as server,
        TwilioStandIn(account) as twilio,
        client_of(account, twilio.url) as client,
    ):
        server.answers["/voice"] = lambda _: WAITING
        account.add_number(CALLED, voice_url=f"{server.url}/voice")
        yield server, twilio, client


async def test_streams_of_a_call_are_started_stopped_and_the_call_followed_to_its_end(account):
    async with number_that_waits(account) as (server, twilio, client):
        call = twilio.call(CALLED, CALLER)
        sid = call.leg.sid
        await until(lambda: call.clock is not None)
        stream = await client.start_stream(
            account.sid,
            sid,
            url=server.stream_url,
            name="second",
            status_callback=f"{server.url}/status",
            parameters={"ticket": "abc"},
        )
        [start] = await server.begun(1)
        assert (start["streamSid"], start["customParameters"]) == (stream.sid, {"ticket": "abc"})
        fetched = await client.fetch_call(account.sid, sid)
        assert (fetched.status, fetched.over, fetched.from_number) == ("in-progress", False, CALLER)
        stopped = await client.stop_stream(account.sid, sid, "second")
        assert (stopped.sid, stopped.status) == (stream.sid, "stopped")
        assert len(await server.told("/status", 2)) == 2
        call.hang_up()
        await call.over.wait()
        assert (await client.fetch_call(account.sid, sid)).over
        with pytest.raises(TwilioApiError) as caught:
            await client.start_stream(account.sid, sid, url=server.stream_url)
        assert (caught.value.status, caught.value.code) == (404, 20404)
        assert await client.fetch_call(account.sid, call_sid(9)) is None


async def test_a_hundred_streams_are_asked_for_though_few_may_be_at_once(account):
    """What is refused with 429 is asked again: each is asked for until it is taken, and once."""
    async with number_that_waits(account) as (server, twilio, client):
        calls = [twilio.call(CALLED, CALLER) for _ in range(25)]
        await until(lambda: all(call.clock is not None for call in calls))
        twilio.load.most, twilio.load.latency = 5, 0.02
        async with asyncio.TaskGroup() as tasks:
            for call in calls:
                for number in range(4):
                    tasks.create_task(
                        client.start_stream(
                            account.sid,
                            call.leg.sid,
                            url=server.stream_url,
                            name=f"s{number}",
                            track="inbound_track",
                        )
                    )
        assert {len(call.forks.all) for call in calls} == {4}
        assert client.throttled > 0
        assert client.most_concurrent > 5


async def test_a_number_is_set_up_called_and_put_back(account, tmp_path):
    async with twiml_server(account.auth_token) as server:
        reach = Reach({PUBLIC: server.url})
        async with TwilioStandIn(account, reach=reach) as twilio:
            number = account.add_number("+15551230000", voice_url="https://old.example.com/voice")
            environ = {
                "TWILIO_ACCOUNT_SID": account.sid,
                "TWILIO_API_KEY": f"SK{'0' * 32}:hush",
                "TWILIO_API_URL": twilio.url,
                "PUBLIC_URL": PUBLIC,
            }
            command = ["setup", number.phone_number, "--file", str(tmp_path / "number.json")]
            done = await asyncio.to_thread(partyline, *command, "--yes", **environ)
            assert done.returncode == 0, done.stderr
            assert number.voice_url == f"{PUBLIC}/twilio/voice#rc=3&rp=all"
            call = twilio.call(number.phone_number, CALLER)
            await call.over.wait()
            [asked] = [asked for asked in server.asked if asked.path == "/twilio/voice"]
            assert asked.headers["host"] == "calls.example.com"
            done = await asyncio.to_thread(partyline, *command, "--yes", "--undo", **environ)
            assert done.returncode == 0, done.stderr
            assert number.voice_url == "https://old.example.com/voice"
            assert number.status_callback == ""


async def test_a_call_that_comes_in_is_transcribed_whole_and_found_by_its_other_leg(
    account, serve, deepgram, sound, read, token
):
    inbound, outbound = sound.bursts(1, 3), sound.bursts(2, 3)
    service = serve(DEEPGRAM_URL=deepgram.url, TWILIO_ACCOUNT_SID=account.sid, FORWARD_TO=OTHER)
    urls = {
        "voice_url": f"{service.url}/twilio/voice#rc=3&rp=all",
        "status_callback": f"{service.url}/twilio/status#rc=3&rp=all",
    }
    account.behaviour = replace(account.behaviour, letter_seconds=0.005)
    async with TwilioStandIn(account) as twilio:
        account.add_number(CALLED, **urls)
        call = twilio.call(CALLED, CALLER, inbound=inbound, outbound=outbound)
        reader = await read(service, call.leg.sid, token=token)
        await call.over.wait()
        [other] = [leg.leg for leg in account.calls.values() if leg.leg.parent_sid]
        by_other_leg = await read(service, other.sid, token=token)
    assert reader.words("inbound") == sound.words_of(inbound)
    assert reader.words("outbound") == sound.words_of(outbound)
    assert reader.types() == ["CallStarted", "CallEnded"]
    assert (reader.messages[0]["from"], reader.messages[0]["to"]) == (CALLER, CALLED)
    assert by_other_leg.records == reader.records
    assert [seen.status for seen in twilio.webhooks.seen if seen.status not in (200, 204)] == []
    assert not account.alerts
