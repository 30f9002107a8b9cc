"""Each call its own: its options at Deepgram, its names and metadata with those who may see it."""

import asyncio
import json
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from playwright.async_api import expect
from support.credentials import AUTH_TOKEN
from support.page import needs_chromium, opened, turns
from support.processes import Service
from support.streams import media_stream
from support.timing import patience, until
from websockets.asyncio.client import connect

from handler.config import Settings
from handler.twilio.tickets import Scope, Ticket, write
from rehearsal.deepgram import DeepgramStandIn, Faults
from rehearsal.errors import Refusal
from rehearsal.twilio import Options, place_call

NUMBER, OTHER, ELSEWHERE = "+15550001111", "+15550002222", "+15550003333"
QUICK = {"CLOSE_SECONDS": "1", "DRAIN_SECONDS": "1"}
HOSTILE = "<img src=x onerror=alert(1)>\u202e&amp;"
SHOWN = "<img src=x onerror=alert(1)>\ufffd&amp;"
TOLD = {"callerName": "Ana María", "calleeName": SHOWN, "metadata": {"order": "7", "html": SHOWN}}
PARAMETERS = {
    "from": NUMBER,
    "to": OTHER,
    "direction": "inbound",
    "Caller Name": "Ana María",
    "calleeName": HOSTILE,
    "order": "7",
    "html": HOSTILE,
    "tenant": "{{Tenant}}",
}


def reasons(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["state"], one["reason"]) for one in messages if one["type"] == "Recogniser"]


async def test_twenty_calls_with_twenty_sets_of_options_ask_each_for_their_own(
    serve, sound, read, token
):
    """Also where connections break; what a call may not set changes nothing and is told."""
    languages = ("de", "en-GB", "fr", "multi")

    def asked(number: int) -> list[tuple[str, str]]:
        terms = [("keyterm", f"Northwind {number}"), ("keyterm", f"a&b={number}")]
        return [("language", languages[number % 4]), *terms[: number % 3], ("tag", f"no-{number}")]

    own = Settings().deepgram_options
    breaks = Faults(drop_after_audio=1, drop_code=1011)
    # The first is the service's question at its start.
    faults = lambda number: breaks if 1 <= number <= 10 else Faults()  # noqa: E731
    async with DeepgramStandIn(faults=faults) as deepgram:
        service = serve(DEEPGRAM_URL=deepgram.url, CALL_OPTIONS="language,keyterm,tag")

        async def one(number: int) -> tuple[int, list[dict[str, Any]]]:
            query = urlencode([*asked(number), *[("punctuate", "true")] * (number % 5 == 0)])
            call = Options(auth_token=AUTH_TOKEN, parameters={"options": query}, speed=3)
            inbound = sound.bursts(number, 4)
            reading = asyncio.create_task(read(service, call.call_sid, token=token))
            await place_call(f"{service.ws}/twilio", inbound, b"", call)
            reader = await reading
            assert reader.words("inbound") == sound.words_of(inbound)
            return number, reader.messages

        calls = dict(await asyncio.gather(*map(one, range(20))))
    queries = {one.request_id: parse_qsl(one.query) for one in deepgram.heard}
    assert len(queries) == 30
    for number, messages in calls.items():
        given = asked(number)
        kept = [pair for pair in own if pair[0] not in dict(given)]
        ids = messages[-1]["requestIds"]
        assert ids
        for request_id in ids:
            assert sorted(queries.pop(request_id)) == sorted([*kept, *given])
        told = [reason for state, reason in reasons(messages) if state == "up" and reason]
        if number % 5:
            assert told == []
        else:
            [reason] = told
            assert reason.startswith(
                "not all of this call's options are used: punctuate: not among"
            )
    assert queries == {}
    lines = [line for line in service.lines if line["event"] == "options of a call left out"]
    assert len(lines) == 4


async def test_what_deepgram_refuses_a_call_for_is_told_in_it_and_it_goes_on(
    serve, sound, read, token
):
    refused = Faults(refuse=Refusal(400))
    async with DeepgramStandIn(
        faults=lambda number: refused if number == 1 else Faults()
    ) as deepgram:
        service = serve(DEEPGRAM_URL=deepgram.url, CALL_OPTIONS="language")
        call = Options(auth_token=AUTH_TOKEN, parameters={"options": "language=tlh"}, speed=2)
        inbound = sound.bursts(1, 3)
        reading = asyncio.create_task(read(service, call.call_sid, token=token))
        await place_call(f"{service.ws}/twilio", inbound, b"", call)
        reader = await reading
    assert reader.types() == ["CallStarted", "Recogniser", "CallEnded"]
    [(state, reason)] = reasons(reader.messages)
    assert state == "up"
    assert "service's own options: Deepgram refused its: HTTP 400" in reason
    assert reader.words("inbound") == sound.words_of(inbound)
    assert parse_qsl(deepgram.heard[0].query) == list(Settings().deepgram_options)
    assert service.wait_for("deepgram refused the options of a call")["request_id"]


async def listed(service: Service, token: str, *states: str) -> list[dict[str, Any]]:
    """Read the list of calls until its calls are in these states."""
    async with connect(f"{service.ws}/client?token={token}") as socket, patience():
        await socket.send('{"list":true}')
        while True:
            message = json.loads(await socket.recv())
            if isinstance(message, list):
                continue  # what a socket begins with
            calls: list[dict[str, Any]] = message["calls"]
            if tuple(call["state"] for call in calls) == states:
                return calls


async def test_names_and_metadata_reach_those_who_may_see_the_call_and_nobody_else(
    serve, deepgram, mint
):
    service = serve(DEEPGRAM_URL=deepgram.url, **QUICK)
    async with media_stream(service) as stream:
        sid = stream.sids["callSid"]
        scope = Scope("stream", stream.sids["accountSid"], sid)
        ticket = write(AUTH_TOKEN, scope, Ticket("stream", "a" * 22, int(time.time()) + 60))
        await stream.start(customParameters=PARAMETERS | {"ticket": ticket})
        await stream.say("inbound", b"\x55" * 1600)
        may = [mint(calls=[sid]), mint(numbers=[NUMBER]), mint(numbers=[OTHER]), mint(calls=["*"])]
        for token in may:
            [call] = await listed(service, token, "live")
            assert call | TOLD == call
            async with connect(f"{service.ws}/client?call={sid}&token={token}") as socket:
                started = json.loads(await socket.recv())
            assert started["type"] == "CallStarted"
            assert started | TOLD == started
        # Not even where a number stands among it.
        for token in (mint(numbers=[ELSEWHERE]), mint(calls=[f"CA{'0' * 32}"])):
            assert await listed(service, token) == []
        await stream.stop()
    service.stop()
    begins = service.wait_for("media stream begins")
    assert begins["unread"] == ["tenant"]
    for secret in (ticket, "Ana", "onerror"):
        assert secret not in service.text


@pytest.mark.parametrize(
    ("parameters", "languages"),
    [
        ({}, ["de", "de"]),
        ({"callerName": "Eve", "order": "8", "options": "language=fr"}, ["de", "fr"]),
    ],
)
async def test_a_call_that_another_container_takes_over_keeps_its_names_and_its_metadata(
    serve, deepgram, nats, token, parameters, languages
):
    """And its options, unless the next media stream brings others."""
    settings = QUICK | {"DEEPGRAM_URL": deepgram.url, "NATS_URL": nats.url}
    settings["CALL_OPTIONS"] = "language"
    one, other = await asyncio.gather(*(asyncio.to_thread(serve, **settings) for _ in range(2)))
    call = Options(auth_token=AUTH_TOKEN)
    async with media_stream(one, call) as stream:
        await stream.start(customParameters=PARAMETERS | {"options": "language=de"})
        await stream.say("inbound", b"\x55" * 8000)
        await listed(other, token, "live")
    await listed(other, token, "waiting")
    async with media_stream(other, call) as stream:
        await stream.start(customParameters=parameters)
        await stream.say("inbound", b"\x55" * 8000)
        for service in (one, other):
            [on_list] = await listed(service, token, "live")
            assert on_list | TOLD == on_list
        await stream.stop()
    await until(lambda: len(deepgram.heard) == 2)
    assert [dict(parse_qsl(one.query))["language"] for one in deepgram.heard] == languages


@needs_chromium
async def test_the_page_names_the_sides_and_shows_metadata_as_text(serve, token, tell):
    service = serve()
    call = await tell(
        service,
        from_=NUMBER,
        to=OTHER,
        direction="outbound-api",
        caller_name="Support",
        callee_name=SHOWN,
        metadata={"order": "7-1234", "html": SHOWN},
    )
    async with opened(f"{service.url}/#token={token}") as page:
        row = page.locator("#calls .open")
        await expect(row.locator(".from")).to_have_text(f"Support {NUMBER}")
        await expect(row.locator(".to")).to_have_text(f"→ {SHOWN} {OTHER}")
        await expect(row.locator(".about")).to_have_text(f"order: 7-1234 · html: {SHOWN}")
        for text, fits in (("7-12", 1), ("supp", 1), ("7-9", 0)):
            await page.locator("#search").fill(text)
            await expect(page.locator("#calls li")).to_have_count(fits)
        await page.locator("#search").fill("")
        await row.click()
        call.say("Yes?", 1.0)
        call.say("Good morning.", 3.0, "outbound")
        await expect(turns(page)).to_have_count(2)
        assert await turns(page).locator(".who").all_text_contents() == [SHOWN, "Support"]
        metadata = page.locator(".call-panel .metadata div")
        assert await metadata.all_text_contents() == ["order7-1234", f"html{SHOWN}"]
        call.put(type="Recogniser", state="up", reason="not all of this call's options are used")
        trouble = page.locator(".call-panel .trouble")
        await expect(trouble).to_have_text(
            "The recogniser: not all of this call's options are used."
        )
        assert await page.locator("img").count() == 0
        await call.end()
