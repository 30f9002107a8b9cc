"""Patience, rights that change, numbers that are followed, a beginning that is gone."""

import asyncio
import contextlib
import itertools
import json
import os
import tempfile
import time
from pathlib import Path

import httpx
import nats as nats_client
import pytest
from support.cable import Cable
from support.servers import nats_server
from support.sids import account_sid, stream_sid
from support.timing import LOOK
from websockets.asyncio.client import connect

from broker import supervise
from broker.broker import Broker
from broker.records import CallFacts
from broker.settings import BrokerSettings
from handler.subscribers.live_response import AWAY

UNTIL = 60.0
OURS, THEIRS = "+15550001111", "+15550002222"
COUNTER = itertools.count(1)


@pytest.fixture(scope="module")
def service(serve_many):
    """Run one for the tests that need no other settings: each has calls and numbers of its own."""
    return serve_many()


@pytest.fixture
def numbers() -> tuple[str, str]:
    """Return two that no other test has: its calls may be listed for a moment longer."""
    return f"+1555{next(COUNTER):07}", f"+1555{next(COUNTER):07}"


@contextlib.asynccontextmanager
async def client(service, token: str, query: str = ""):
    """Open a socket of ours."""
    url = f"{service.ws}/client?token={token}{query}"
    async with asyncio.timeout(UNTIL), connect(url, compression=None, proxy=None) as socket:
        yield socket


async def say(socket, **command: object) -> None:
    await socket.send(json.dumps(command))


async def hear(socket, *kinds: str) -> dict:
    """Return the next message of one of these types."""
    while True:
        message = json.loads(await socket.recv())
        if isinstance(message, dict) and message["type"] in kinds:
            return message


async def until_quiet(socket, token: str) -> list[dict]:
    """Return what comes before the answer to a question that is asked now."""
    await say(socket, token=token)
    messages: list[dict] = []
    while True:
        message = json.loads(await socket.recv())
        if isinstance(message, dict):
            if message["type"] == "Token":
                return messages
            messages.append(message)


# Patience


async def test_who_awaits_a_call_is_told_so_at_once_and_for_how_long(serve, token, tell):
    service = serve(AWAIT_CALL_SECONDS="123")
    call, unknown = await tell(service), f"CA{os.urandom(16).hex()}"
    async with client(service, token) as socket:
        await say(socket, subscribe=unknown)
        told = {"type": "Waiting", "callSid": unknown, "seconds": 123.0}
        assert await hear(socket, "Waiting", "Error") == told
        await say(socket, subscribe=call.sid)
        assert (await hear(socket, "Waiting", "Subscribed"))["type"] == "Subscribed"


@contextlib.asynccontextmanager
async def response_of(service, token: str, path: str):
    """Ask for a response that goes on; yields it once its head is there."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        asyncio.timeout(UNTIL),
        httpx.AsyncClient(timeout=UNTIL, headers=headers) as http,
        http.stream("GET", f"{service.url}/calls/{path}") as response,
    ):
        yield response


GROWING = {
    "events": (": {}\n\n", 'event: close\ndata: {{"code":4404,"reason":"{}"}}\n\n'),
    "transcript.txt?follow=true": ("[{}]\n", "[no more here: {}]\n"),
    "transcript.vtt?follow=true": ("NOTE [{}]\n\n", "NOTE [no more here: {}]\n\n"),
}


async def test_a_response_that_awaits_a_call_says_so_at_once_and_how_it_ends(
    serve, token, mint, tell
):
    """Of a call that the token does not allow the same, so that nobody learns what exists."""
    service = serve(AWAIT_CALL_SECONDS="1")
    call, unknown = await tell(service, from_=OURS), f"CA{os.urandom(16).hex()}"
    narrow = mint(calls=[], numbers=[THEIRS])

    async def ask(sid: str, shown: str, path: str) -> None:
        aside, end = GROWING[path]
        async with response_of(service, shown, f"{sid}/{path}") as response:
            assert response.status_code == 200
            parts = [part async for part in response.aiter_text()]
        awaited = aside.format("nobody knows this call yet: it is awaited for 1 second")
        assert awaited in "".join(parts)
        assert parts[-1] == end.format("no such call")

    tried = ((unknown, token), (unknown, narrow), (call.sid, narrow))
    await asyncio.gather(*(ask(sid, shown, path) for sid, shown in tried for path in GROWING))


async def test_an_event_stream_begins_while_nats_is_away_and_tells_the_call_when_it_is_back(
    serve, nats, token
):
    """An EventSource would never come back after a 503, and would take silence for a dead line."""
    sid = f"CA{os.urandom(16).hex()}"
    async with Cable(int(nats.url.rpartition(":")[2])) as cable:
        service = serve(wait=False, NATS_URL=f"nats://127.0.0.1:{cable.port}")
        await asyncio.to_thread(service.wait_for, "ready")
        cable.cut()
        await asyncio.to_thread(service.wait_for, "nats lost")
        async with response_of(service, token, f"{sid}/events") as response:
            text = response.aiter_text()
            assert response.status_code == 200
            heard = ""
            while AWAY not in heard:
                heard += await anext(text)
            cable.mend()
            async with told_on(nats.url, sid):
                while '"type":"CallStarted"' not in heard:
                    heard += await anext(text)


@contextlib.asynccontextmanager
async def told_on(nats_url: str, sid: str):
    """Have a call on a NATS while the block runs."""
    facts = CallFacts(
        call_sid=sid, account_sid=account_sid(1), stream_sid=stream_sid(1), started_at=1
    )
    async with Broker(BrokerSettings(servers=(nats_url,), instance="tests_of_outages")) as broker:
        await broker.wait_ready()
        writing = asyncio.create_task(broker.writer(facts, broker.next_epoch()).run())
        try:
            yield
        finally:
            await supervise.end(writing)


@pytest.mark.parametrize("form", ["json", "srt", "txt?follow=true", "vtt?follow=true"])
async def test_a_transcript_that_cannot_be_read_is_refused_in_words_while_nats_is_away(
    unreachable_nats, token, tell, form
):
    url = f"{unreachable_nats.url}/calls/CA{os.urandom(16).hex()}/transcript.{form}"
    async with httpx.AsyncClient(timeout=UNTIL) as http:
        answer = await http.get(url, headers={"Authorization": f"Bearer {token}"})
    words = "NATS cannot be reached: what is kept cannot be read now; try again later\n"
    assert (answer.status_code, answer.text) == (503, words)


@pytest.fixture(scope="module")
def unreachable_nats(serve_many):
    """Run a service whose NATS went away before it was asked for anything."""
    with (
        tempfile.TemporaryDirectory() as directory,
        nats_server(Path(directory), "-js", "-p=-1") as port,
    ):
        service = serve_many(wait=False, NATS_URL=f"nats://127.0.0.1:{port}")
        service.wait_for("ready")
    service.wait_for("nats lost")
    return service


async def until_known_to_none(service, token: str, call_sid: str) -> None:
    """Wait until the past of a call can be read again, in which there is none."""
    url = f"{service.url}/calls/{call_sid}/transcript.json?token={token}"
    async with httpx.AsyncClient(timeout=UNTIL, trust_env=False) as http:
        while (answer := await http.get(url)).status_code != 404:
            assert answer.status_code == 503
            await asyncio.sleep(LOOK)


@pytest.mark.parametrize("comes", ["before the outage", "during the outage"])
async def test_a_call_is_awaited_for_as_long_as_nats_could_have_told_of_it(
    serve, nats, token, comes
):
    """An outage that is longer than the patience leaves it as it was."""
    call_sid = f"CA{os.urandom(16).hex()}"
    async with Cable(int(nats.url.rpartition(":")[2])) as cable, contextlib.AsyncExitStack() as end:
        url = f"nats://127.0.0.1:{cable.port}"
        service = serve(wait=False, NATS_URL=url, AWAIT_CALL_SECONDS="6")
        await asyncio.to_thread(service.wait_for, "ready")

        async def follow():
            socket = await end.enter_async_context(client(service, token))
            await say(socket, subscribe=call_sid)
            return socket

        if comes == "before the outage":
            socket = await follow()
            await until_known_to_none(service, token, call_sid)  # that one has begun to wait, too
        cable.cut()
        await asyncio.to_thread(service.wait_for, "nats lost")
        if comes == "during the outage":
            socket = await follow()
        broker = await end.enter_async_context(
            Broker(BrokerSettings(servers=(nats.url,), instance="tests_of_patience"))
        )
        await broker.wait_ready()
        await asyncio.sleep(7)  # longer than the patience
        cable.mend()
        await asyncio.to_thread(service.wait_for, "nats is back")
        await until_known_to_none(service, token, call_sid)
        facts = CallFacts(
            call_sid=call_sid,
            account_sid=account_sid(1),
            stream_sid=stream_sid(1),
            started_at=time.time_ns() // 1_000_000,
        )
        writing = asyncio.create_task(broker.writer(facts, broker.next_epoch()).run())
        assert (await hear(socket, "CallStarted", "Error"))["type"] == "CallStarted"
        # And then it does end.
        other = f"CA{os.urandom(16).hex()}"
        await say(socket, subscribe=other)
        assert (await hear(socket, "Error"))["callSid"] == other
        await supervise.end(writing)
        await asyncio.to_thread(service.stop)  # while the cable carries


# A beginning that is gone


async def test_a_transcript_that_grows_says_that_its_beginning_is_gone(service, token, tell):
    """In the same words as one that is asked for as it is now; captions have a comment for it."""
    call = await tell(service)
    call.say("Long ago.", 1.0)
    call.say("Good morning.", 2.0)
    await call.stored()
    nc = await nats_client.connect(service.nats_url)
    subject = f"transcripts.*.{call.sid}.>"
    await nc.jetstream().purge_stream("TRANSCRIPTS", subject=subject, keep=1)
    await nc.close()
    await call.end()
    url = f"{service.url}/calls/{call.sid}/transcript"
    words = "[the beginning is no longer kept]"
    async with httpx.AsyncClient(trust_env=False, params={"token": token}) as http:
        texts = [
            (await http.get(f"{url}.txt", params={"follow": follow})).text
            for follow in ("false", "true")
        ]
        captions = [
            (await http.get(f"{url}.vtt", params={"follow": follow})).text
            for follow in ("false", "true")
        ]
    assert texts == [f"{words}\n[00:02] Caller: Good morning.\n"] * 2
    assert captions[0] == captions[1]
    assert captions[0].startswith(f"WEBVTT\n\nNOTE {words}\n\n00:00:02.000 -->")


# Rights that change


async def test_a_renewal_with_other_rights_tells_an_open_list_anew(service, mint, tell, numbers):
    our_number, their_number = numbers
    ours, theirs = await tell(service, to=our_number), await tell(service, to=their_number)
    async with client(service, mint(numbers=[our_number], subject="page")) as socket:
        await say(socket, list=True)
        listed = (await hear(socket, "Calls"))["calls"]
        assert [call["callSid"] for call in listed] == [ours.sid]
        await say(socket, token=mint(numbers=[their_number], subject="page"))
        await hear(socket, "Token")
        listed = (await hear(socket, "Calls"))["calls"]
        assert [call["callSid"] for call in listed] == [theirs.sid]
        await ours.end()  # no longer for this token
        more = await tell(service, to=their_number)
        listed = (await hear(socket, "Calls"))["calls"]
        assert [call["callSid"] for call in listed] == [theirs.sid, more.sid]


async def test_a_number_follows_the_rights_of_a_renewed_token(service, mint, tell, numbers):
    """What they take away ends, and begins again once they give it back."""
    our_number, their_number = numbers
    call = await tell(service, from_=their_number, to=our_number)
    both, other = (
        mint(numbers=[number], subject="page") for number in (our_number, "+15559999999")
    )
    async with client(service, both, f"&number=%2B{our_number[1:]}") as socket:
        assert (await hear(socket, "CallStarted"))["callSid"] == call.sid
        await say(socket, token=other)
        error = await hear(socket, "Error")
        assert (error["code"], error["callSid"]) == (4403, call.sid)
        call.say("not for you")
        later = await tell(service, to=our_number)
        await call.stored()
        assert await until_quiet(socket, other) == []
        await say(socket, token=both)
        begun = {(await hear(socket, "Subscribed"))["callSid"] for _ in range(2)}
        assert begun == {call.sid, later.sid}


async def test_rights_that_come_with_a_renewal_begin_the_calls_of_a_number(
    service, mint, tell, numbers
):
    our_number, their_number = numbers
    call = await tell(service, to=our_number)
    few, more = (mint(numbers=[number], subject="page") for number in (their_number, our_number))
    async with client(service, few, f"&number=%2B{our_number[1:]}") as socket:
        assert await until_quiet(socket, few) == []
        await say(socket, token=more)
        assert (await hear(socket, "Subscribed"))["callSid"] == call.sid


async def test_a_call_that_is_awaited_ends_with_the_rights_to_it(service, mint):
    awaited, other = f"CA{os.urandom(16).hex()}", f"CA{os.urandom(16).hex()}"
    async with client(service, mint(calls=[awaited], subject="page")) as socket:
        await say(socket, subscribe=awaited)
        assert await until_quiet(socket, mint(calls=[awaited], subject="page")) == []
        await say(socket, token=mint(calls=[other], subject="page"))
        await hear(socket, "Token")
        error = await hear(socket, "Error")
        assert (error["code"], error["callSid"]) == (4403, awaited)


# Numbers


async def test_an_unsubscribed_number_ends_the_calls_that_it_alone_began(
    service, mint, tell, numbers
):
    our_number, their_number = numbers
    token = mint(numbers=[our_number, their_number])
    ours = await tell(service, to=our_number)
    shared = await tell(service, from_=their_number, to=our_number)
    asked = await tell(service, to=our_number)
    async with client(service, token) as socket:
        await say(socket, subscribe=asked.sid)
        await hear(socket, "CaughtUp")
        for number in (our_number, their_number):
            await say(socket, subscribe=number)
        for _ in range(2):
            await hear(socket, "CaughtUp")
        await until_quiet(socket, token)
        await say(socket, unsubscribe=our_number)
        await until_quiet(socket, token)
        for call in (ours, shared, asked):
            call.say("hello")
            await call.stored()
        heard = {(await hear(socket, "Results"))["callSid"] for _ in range(2)}
        assert heard == {shared.sid, asked.sid}
        await tell(service, to=our_number)
        assert await until_quiet(socket, token) == []


async def test_a_number_that_is_subscribed_again_begins_its_calls_again(
    service, mint, tell, numbers
):
    our_number, _ = numbers
    token = mint(numbers=[our_number])
    call = await tell(service, to=our_number)
    async with client(service, token) as socket:
        for _ in range(2):
            await say(socket, subscribe=our_number)
            assert (await hear(socket, "Subscribed"))["callSid"] == call.sid
            assert (await hear(socket, "CallStarted"))["callSid"] == call.sid
            await say(socket, unsubscribe=our_number)
            await until_quiet(socket, token)


async def test_a_call_that_is_unsubscribed_by_itself_stays_so_beside_its_number(
    service, mint, tell, numbers
):
    our_number, _ = numbers
    token = mint(numbers=[our_number])
    call = await tell(service, to=our_number)
    async with client(service, token) as socket:
        await say(socket, subscribe=our_number)
        await hear(socket, "CaughtUp")
        await say(socket, unsubscribe=call.sid)
        other = await tell(service, to=our_number)
        call.say("nobody asked")
        await call.stored()
        assert (await hear(socket, "Subscribed", "Results"))["callSid"] == other.sid
