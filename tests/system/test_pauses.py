"""A call that was stopped may go on: who reads it goes on with it."""

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from support.timing import PATIENCE, patience, until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

NUMBER = "+15550001111"
LONG = "3600"  # seconds: no test waits for so long
SHORT = "0.3"


class Heard:
    """What one reader got, as text, and whether it was ended."""

    def __init__(self) -> None:
        self.text = ""
        self.ended: object = None

    def kinds(self) -> list[str]:
        """The types of the messages that it got, without those that say what is sent."""
        found = [json.loads(line)["type"] for line in self.text.splitlines() if '"seq"' in line]
        return [kind for kind in found if kind != "CaughtUp"]


@contextlib.asynccontextmanager
async def reading(service, token: str, way: str, call_sid: str) -> AsyncIterator[Heard]:
    """Read a call in one of the ways that there are."""
    heard = Heard()
    read = _read_socket if way in FIRST else _read_response
    task = asyncio.create_task(read(service, token, way, call_sid, heard))
    try:
        async with patience():
            yield heard
    finally:
        task.cancel()
        await asyncio.wait({task})


FIRST = {
    "a plain socket": "{call}",
    "a socket that names the call": None,
    "JSON": '{{"subscribe":"{call}"}}',
    "the calls of a number": f'{{{{"subscribe":"{NUMBER}"}}}}',
}
PATHS = {"an event stream": "events", "a text that grows": "transcript.txt?follow=true"}
PLAIN = ["a plain socket", "a socket that names the call", *PATHS]


async def _read_socket(service, token: str, way: str, call_sid: str, heard: Heard) -> None:
    query = "" if FIRST[way] else f"&call={call_sid}"
    url = f"{service.ws}/client?token={token}{query}"
    async with connect(url, compression=None, proxy=None) as socket:
        if said := FIRST[way]:
            await socket.recv()
            await socket.send(said.format(call=call_sid))
        with contextlib.suppress(ConnectionClosedError):
            async for message in socket:
                heard.text += str(message) + "\n"
    heard.ended = socket.close_code


async def _read_response(service, token: str, way: str, call_sid: str, heard: Heard) -> None:
    url = f"{service.url}/calls/{call_sid}/{PATHS[way]}"
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(timeout=PATIENCE, headers=headers) as http,
        http.stream("GET", url) as response,
    ):
        async for text in response.aiter_text():
            heard.text += text.replace("data: ", "")
    heard.ended = "the response"


@pytest.fixture(scope="module")
def pairs(serve_many):
    """Return what starts two containers with the same pause, once."""
    return functools.cache(
        lambda pause: (
            service := serve_many(PAUSE_SECONDS=pause),
            serve_many(PAUSE_SECONDS=pause, NATS_URL=service.nats_url),
        )
    )


@pytest.mark.parametrize("way", [*FIRST, *PATHS])
async def test_who_reads_a_call_goes_on_with_it_wherever_they_are(pairs, token, tell, way):
    service, elsewhere = pairs(LONG)
    call = await tell(service, from_=NUMBER)
    async with (
        reading(service, token, way, call.sid) as here,
        reading(elsewhere, token, way, call.sid) as there,
    ):
        call.say("Hold the line.")
        await until(lambda: all("Hold the line." in heard.text for heard in (here, there)))
        await call.end()
        again = await tell(service, from_=NUMBER, again=call)
        again.say("Thank you.", 9.0)
        await until(lambda: all("Thank you." in heard.text for heard in (here, there)))
        assert (here.ended, there.ended) == (None, None)
        if way != "a text that grows":
            kinds = ["CallStarted", "Results", "CallEnded", "CallResumed", "Results"]
            assert here.kinds() == there.kinds() == kinds


@pytest.mark.parametrize("way", PLAIN)
async def test_a_call_that_does_not_go_on_ends_its_readers_after_the_pause(pairs, token, tell, way):
    service, _ = pairs(SHORT)
    call = await tell(service)
    async with reading(service, token, way, call.sid) as heard:
        call.say("Goodbye.")
        await until(lambda: "Goodbye." in heard.text)
        await call.end()
        await until(lambda: heard.ended)
    assert heard.ended == (1000 if way in FIRST else "the response")
    events = f"{service.url}/calls/{call.sid}/events?token={token}"
    async with httpx.AsyncClient() as http:
        assert (await http.get(events, headers={"Last-Event-ID": "3"})).status_code == 204


@pytest.mark.parametrize("way", ["JSON", "the calls of a number"])
async def test_a_subscription_goes_on_with_a_call_that_was_over(pairs, token, tell, way):
    """However late; and what it was told before is not told again."""
    service, elsewhere = pairs(SHORT)
    call = await tell(service, from_=NUMBER)
    async with reading(elsewhere, token, way, call.sid) as heard:
        call.say("Hold the line.")
        await until(lambda: "Hold the line." in heard.text)
        for word in ("Still there?", "Thank you."):
            await call.end()
            await until(lambda: heard.kinds()[-1] == "Over")
            call = await tell(service, from_=NUMBER, again=call)
            call.say(word, 9.0)
            await until(lambda: heard.kinds()[-1] == "Results")
            assert word in heard.text
        assert heard.ended is None
        once = ["Results", "CallEnded", "Over", "CallResumed"]
        assert heard.kinds() == ["CallStarted", *once, *once, "Results"]


async def test_a_call_that_is_over_takes_no_subscriptions_room(pairs, token, tell):
    service, _ = pairs(LONG)
    calls = [await tell(service) for _ in range(2)]
    async with connect(f"{service.ws}/client?token={token}", proxy=None) as socket, patience():
        await socket.send(json.dumps({"subscribe": calls[0].sid}))
        for number in range(99):
            await socket.send(json.dumps({"subscribe": f"CA{number:032x}"}))
        await calls[0].end()
        await _hear(socket, '"CallEnded"')
        await socket.send(json.dumps({"subscribe": calls[1].sid}))
        assert calls[1].sid in await _hear(socket, '"Subscribed"')


async def _hear(socket, words: str) -> str:
    while words not in (text := str(await socket.recv())):
        pass
    return text


async def test_a_reader_of_an_ended_call_is_not_asked_to_come_back_to_it(serve, token, tell):
    service = serve(PAUSE_SECONDS=LONG)
    ended, live = await tell(service), await tell(service)
    async with (
        reading(service, token, "a plain socket", ended.sid) as first,
        reading(service, token, "a plain socket", live.sid) as second,
    ):
        await until(lambda: "CallStarted" in second.text)
        await ended.end()
        await until(lambda: "CallEnded" in first.text)
        await asyncio.to_thread(service.stop)
        await until(lambda: first.ended and second.ended)
        assert (first.ended, second.ended) == (1000, 1012)
