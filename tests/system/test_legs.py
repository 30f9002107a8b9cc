"""Whoever knows only a child leg's name finds its parent's call, in each way of reading."""

import asyncio
import json
import os

import httpx
import pytest
from support.sids import account_sid
from support.timing import PATIENCE, patience
from support.webhooks import call_status
from websockets.asyncio.client import connect

from bench.processes import free_port

NUMBER = "+15550001111"
WAYS = ["?call=", "a bare name", "JSON", "events", "transcript.txt?follow=true"]
METRICS = free_port()
PATHS = {"events", "transcript.txt?follow=true", "transcript.txt", "transcript.json"}


@pytest.fixture(scope="module")
def pair(serve_many):
    one = serve_many(AWAIT_CALL_SECONDS="30", METRICS_PORT=str(METRICS))
    return one, serve_many(NATS_URL=one.nats_url, AWAIT_CALL_SECONDS="1")


def new_sid() -> str:
    return f"CA{os.urandom(16).hex()}"


async def awaited() -> None:
    """Wait until somebody waits for a call that nobody knows."""
    url = f"http://127.0.0.1:{METRICS}/metrics"
    async with httpx.AsyncClient(trust_env=False) as http, patience():
        while "partyline_awaited_calls 0.0" in (await http.get(url)).text:
            pass


async def dial(service, parent: str, child: str | None = None, **form: str) -> str:
    """Tell of a child leg of a call, as Twilio does; returns its name."""
    child = child or new_sid()
    await call_status(service, child, "initiated", ParentCallSid=parent, **form)
    return child


async def read(service, token: str, way: str, name: str, words: str = "CallEnded") -> str:
    """Read what is asked for by a name, up to some words, or to its end; returns all of it."""
    text = ""
    async with patience():
        if way in PATHS:
            headers = {"Authorization": f"Bearer {token}"}
            async with (
                httpx.AsyncClient(trust_env=False, timeout=PATIENCE, headers=headers) as http,
                http.stream("GET", f"{service.url}/calls/{name}/{way}") as response,
            ):
                async for part in response.aiter_text():
                    text += part
                    if words in text:
                        break
                return f"{response.status_code} {text}"
        query = f"&call={name}" if way == "?call=" else ""
        url = f"{service.ws}/client?token={token}{query}"
        async with connect(url, compression=None, proxy=None) as socket:
            if not query:
                await socket.recv()
                said = json.dumps({"subscribe": name}) if way == "JSON" else name
                await socket.send(said)
            async for message in socket:
                text += str(message) + "\n"
                if words in text or '"Error"' in text:
                    break
    return text


@pytest.mark.parametrize("way", WAYS)
async def test_a_live_call_is_found_by_its_leg_before_and_after_it_is_told(pair, token, tell, way):
    one, other = pair
    call, child = await tell(one), new_sid()
    early = asyncio.create_task(read(one, token, way, child, "Hello."))
    await awaited()
    await dial(other, call.sid, child)
    late = asyncio.create_task(read(other, token, way, child, "Hello."))
    call.say("Hello.")
    assert "Hello." in await early
    assert "Hello." in await late
    await call.end()


@pytest.mark.parametrize("way", [*WAYS, "transcript.txt", "transcript.json"])
async def test_a_call_that_is_over_is_found_by_its_leg(pair, token, tell, way):
    one, other = pair
    call = await tell(one)
    child = await dial(one, call.sid)
    call.say("Goodbye.")
    await call.end()
    assert "Goodbye." in await read(other, token, way, child)


async def test_a_subscription_is_told_whose_leg_it_is_and_goes_on_with_the_call(pair, token, tell):
    one, other = pair
    call = await tell(one)
    child = await dial(one, call.sid)
    async with connect(f"{other.ws}/client?token={token}", proxy=None) as socket, patience():

        async def hear(kind: str) -> dict:
            while True:
                message = json.loads(await socket.recv())
                if isinstance(message, dict) and message["type"] == kind:
                    return message

        await socket.send(json.dumps({"subscribe": child}))
        subscribed = await hear("Subscribed")
        assert (subscribed["callSid"], subscribed["parentCallSid"]) == (child, call.sid)
        await call.end()
        assert (await hear("CallEnded"))["callSid"] == call.sid
        assert (await hear("Over"))["callSid"] == child
        again = await tell(one, again=call)
        again.say("Still there?", 9.0)
        assert (await hear("Results"))["callSid"] == call.sid
        await socket.send(json.dumps({"unsubscribe": child}))
        await again.end()


@pytest.mark.parametrize("way", ["JSON", "?call=", "events", "transcript.json"])
async def test_a_leg_opens_what_its_token_allows_and_tells_nothing_of_the_rest(
    pair, mint, tell, way
):
    _, other = pair
    call = await tell(other, from_=NUMBER)
    call.say("Hello.")
    child, unknown = await dial(other, call.sid), new_sid()
    for allowed in (mint(calls=[child]), mint(calls=[call.sid]), mint(numbers=[NUMBER])):
        assert "Hello." in await read(other, allowed, way, child, "Hello.")
    narrow = mint(numbers=["+15559999999"])
    answers = await asyncio.gather(*(read(other, narrow, way, sid) for sid in (child, unknown)))
    assert "no such call" in answers[0]
    assert answers[0].replace(child, "") == answers[1].replace(unknown, "")
    await call.end()


async def test_a_token_of_another_call_is_refused_as_for_a_name_that_nobody_knows(pair, mint, tell):
    one, _ = pair
    call = await tell(one)
    child = await dial(one, call.sid)
    other = mint(calls=[new_sid()])
    for sid in (child, new_sid()):
        assert "4403" in await read(one, other, "JSON", sid)
        assert "403 forbidden" in await read(one, other, "events", sid)
    await call.end()


async def test_a_leg_that_has_a_media_stream_of_its_own_is_a_call(pair, token, tell):
    one, other = pair
    parent = await tell(one)
    child = await tell(one)
    await dial(one, parent.sid, child.sid)
    parent.say("To the parent.")
    child.say("To the child.")
    assert "To the child." in await read(other, token, "events", child.sid, "To the child.")
    for call in (parent, child):
        await call.end()
    for way in ("events", "transcript.txt"):
        assert "To the child." in await read(other, token, way, child.sid)


async def test_whoever_tells_of_a_leg_opens_calls_of_its_own_account_alone(pair, mint, tell):
    """With one account of many a foreigner could name any call the parent of its own leg."""
    _, other = pair
    call = await tell(other)
    child = await dial(other, call.sid, AccountSid=account_sid(7))
    assert "no such call" in await read(other, mint(calls=[child]), "JSON", child)
    assert (await read(other, mint(calls=[child]), "transcript.json", child)).startswith("404")
    await call.end()
