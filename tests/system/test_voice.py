"""Calls that our own voice webhook answers: two containers, and who comes without a good ticket."""

import asyncio
import contextlib
import os
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, TypeVar
from xml.etree import ElementTree as ET

import httpx
import pytest
from support.credentials import AUTH_TOKEN
from support.processes import Serve, Service
from support.sids import account_sid
from support.streams import Stream, media_stream
from support.timing import LOOK, patience, until
from twilio.request_validator import RequestValidator

from bench.processes import free_port
from broker.server.embedded import EmbeddedServer
from handler.twilio import tickets
from handler.twilio.tickets import Scope, Ticket
from rehearsal.twilio import Options

ACCOUNT = account_sid(1)
TONE = b"\x10" * 1600
ALONE = "tickets are checked by this process alone while NATS is away"
T = TypeVar("T")


def pair(serve: Serve, **settings: str) -> tuple[Service, Service]:
    """Start two processes on one NATS."""
    one = serve(METRICS_PORT=str(free_port()), **settings)
    return one, serve(NATS_URL=one.nats_url, METRICS_PORT=str(free_port()), **settings)


@pytest.fixture(scope="module")
def containers(serve_many) -> tuple[Service, Service]:
    """Two processes that forward calls."""
    return pair(serve_many, FORWARD_TO="+15551230000")


@contextlib.contextmanager
def stopped(nats: EmbeddedServer) -> Iterator[None]:
    """Let a NATS server say nothing for a while: its connections stay."""
    os.kill(nats.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(nats.pid, signal.SIGCONT)


def ask(service: Service, call_sid: str, **headers: str) -> str:
    """Ask what to do with a call, as Twilio does; returns the TwiML."""
    form = {
        "AccountSid": ACCOUNT,
        "CallSid": call_sid,
        "From": "+15550100001",
        "To": "+15550100002",
        "Direction": "inbound",
    }
    url = f"{service.url}/twilio/voice"
    signed = {"X-Twilio-Signature": RequestValidator(AUTH_TOKEN).compute_signature(url, form)}
    data = urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(url, data, {**signed, **headers})  # noqa: S310  ours
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return str(answer.read().decode())


async def ask_again(service: Service, call_sid: str, **headers: str) -> str:
    """Ask until there is room."""
    async with patience():
        while True:
            try:
                return await asyncio.to_thread(ask, service, call_sid, **headers)
            except urllib.error.HTTPError as exc:
                exc.close()
                await asyncio.sleep(LOOK)


def told(twiml: str) -> dict[str, str]:
    """What the media stream of an answer is told."""
    parameters = ET.fromstring(twiml).iter("Parameter")  # noqa: S314  our own
    return {each.attrib["name"]: each.attrib["value"] for each in parameters}


def measured(service: Service, name: str) -> float:
    url = f"http://127.0.0.1:{service.metrics_port}/metrics"
    with urllib.request.urlopen(url) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"partyline_{name} "))


async def until_listed(service: Service, call_sid: str, token: str) -> None:
    """Wait until a container knows that somebody has a call."""
    async with patience(), httpx.AsyncClient(trust_env=False) as client:
        while call_sid not in (await client.get(f"{service.url}/calls?token={token}")).text:  # noqa: ASYNC110
            await asyncio.sleep(LOOK)


async def readiness(service: Service) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{service.url}/readyz")).text


def a_call() -> Options:
    return Options(auth_token=AUTH_TOKEN, account_sid=ACCOUNT)


async def refused(service: Service, call: Options, parameters: dict[str, Any]) -> str | None:
    """Open a stream that speaks at once, as one that is let in may; returns why it is closed."""
    async with media_stream(service, call) as stream:
        await stream.start(customParameters=parameters)
        await stream.say("inbound", TONE)
        code, reason = await stream.closed()
    assert code == 1008
    return reason


async def test_a_call_that_one_container_answers_comes_in_at_another_and_never_again(
    containers, read, token
):
    one, other = containers
    call = a_call()
    parameters = told(await asyncio.to_thread(ask, one, call.call_sid))
    async with media_stream(other, call) as stream:
        await stream.start(customParameters=parameters)
        await stream.stop()
    reader = await read(one, call.call_sid, token=token)
    started = reader.messages[0]
    assert (started["type"], started["from"], started["to"], started["direction"]) == (
        "CallStarted",
        "+15550100001",
        "+15550100002",
        "inbound",
    )
    frames = [measured(service, "frames_total") for service in containers]
    # The same handshake, the same start: by whoever has seen them.
    for service in containers:
        assert (await refused(service, call, parameters) or "").startswith(
            "ticket spent: another stream had this TwiML"
        )
    assert [measured(service, "frames_total") for service in containers] == frames
    reader = await read(one, call.call_sid, token=token)
    assert reader.types() == ["CallStarted", "CallEnded"]


async def test_without_a_ticket_of_its_own_no_stream_is_heard(containers):
    service, _ = containers
    call, another = a_call(), a_call()
    ticket = told(await asyncio.to_thread(ask, service, another.call_sid))["ticket"]
    scope = Scope("stream", ACCOUNT, call.call_sid)
    over = tickets.write(AUTH_TOKEN, scope, Ticket("stream", "a" * 22, int(time.time()) - 1))
    forged = tickets.write(
        "another token", scope, Ticket("stream", "a" * 22, int(time.time()) + 60)
    )
    frames = measured(service, "frames_total")
    count = measured(service, "tickets_refused_total")
    attempts: list[tuple[dict[str, Any], str]] = [
        ({}, "missing"),
        ({"ticket": ticket}, "not of this call"),  # the start names a call that it is not of
        ({"ticket": over}, "expired"),
        ({"ticket": forged}, "not of this call"),
        ({"ticket": "nonsense"}, "malformed"),
        ({"ticket": {"a": 1}}, "malformed"),
        ({"ticket": "x" * 600}, "malformed"),
    ]
    for parameters, defect in attempts:
        reason = await refused(service, call, parameters)
        assert (reason or "").startswith(f"ticket {defect}: ")
    assert measured(service, "tickets_refused_total") == count + len(attempts)
    assert measured(service, "frames_total") == frames
    lines = [line for line in service.lines if line["event"] == "media stream refused"]
    assert [
        line["reason"].split(":")[0] for line in lines if line["call_sid"] == call.call_sid
    ] == [f"ticket {defect}" for _, defect in attempts]
    assert ticket not in service.text


async def answered_by_nats(
    containers: tuple[Service, Service], attempt: Callable[..., Awaitable[T]]
) -> T:
    """Return what comes of an attempt in which none of the two had to decide without NATS."""

    def alone() -> int:
        return sum(one.text.count(ALONE) for one in containers)

    async with patience():
        while True:
            before = alone()
            came = await attempt(*containers)
            if alone() == before:
                return came


async def ends_of_two(one: Service, other: Service) -> list[tuple[int | None, str]]:
    """Have two streams come with one ticket, in two containers; returns how they end, in order."""
    call = a_call()
    parameters = told(await asyncio.to_thread(ask, one, call.call_sid))
    async with media_stream(one, call) as here, media_stream(other, call) as there:
        both: list[Stream] = [here, there]
        await asyncio.gather(*(stream.start(customParameters=parameters) for stream in both))
        closing = [asyncio.create_task(stream.closed()) for stream in both]
        (done,), (live,) = await asyncio.wait(closing, return_when=asyncio.FIRST_COMPLETED)
        await both[closing.index(live)].send(event="stop", stop={})
        ends = [done.result(), await live]
    return [(code, (reason or "").partition(":")[0]) for code, reason in ends]


async def test_of_two_streams_with_one_ticket_in_two_containers_one_is_let_in(containers):
    spent, live = await answered_by_nats(containers, ends_of_two)
    assert spent == (1008, "ticket spent")
    assert live[0] == 1000


async def answers_of_two(one: Service, other: Service) -> list[str]:
    """Have the same asked of two containers, and at last again of the first."""
    call_sid = a_call().call_sid
    token = {"I-Twilio-Idempotency-Token": f"e2f4-{call_sid}"}
    asked = [asyncio.to_thread(ask, service, call_sid, **token) for service in (one, other) * 3]
    answers = await asyncio.gather(*asked)
    return [*answers, await asyncio.to_thread(ask, one, call_sid, **token)]


async def test_two_containers_answer_the_same_words_with_the_same_ticket(containers):
    *answers, again = await answered_by_nats(containers, answers_of_two)
    assert len({told(twiml)["ticket"] for twiml in answers}) == 1
    assert again in answers


async def test_tickets_are_needed_once_the_webhook_is_used_in_each_container(serve):
    one, other = pair(serve)
    async with media_stream(other, a_call()) as stream:
        await stream.start()
        await stream.stop()
    await asyncio.to_thread(ask, one, a_call().call_sid)
    await asyncio.to_thread(one.wait_for, "media streams need a ticket from now on")
    for service in (one, other):
        await until(partial(measured, service, "tickets_required"))
        assert (await refused(service, a_call(), {}) or "").startswith("ticket missing: ")


async def test_while_nats_does_not_answer_calls_are_answered_and_come_in(serve, nats):
    service = serve(NATS_URL=nats.url, DRAIN_SECONDS="1")
    with stopped(nats):
        call = a_call()
        token = {"I-Twilio-Idempotency-Token": "e2f4-2"}
        answers = [await asyncio.to_thread(ask, service, call.call_sid, **token) for _ in range(2)]
        assert answers[0] == answers[1]
        async with media_stream(service, call) as stream:
            await stream.start(customParameters=told(answers[0]))
            begun = await asyncio.to_thread(service.wait_for, "media stream begins")
            assert begun["call_sid"] == call.call_sid
            reason = await refused(service, call, told(answers[0]))
            assert (reason or "").startswith("ticket spent: ")
    assert ALONE in service.text


async def test_a_full_container_has_twilio_ask_again_until_there_is_room(serve):
    service = serve(MAX_CALLS="1")
    waiting = a_call().call_sid
    token = {"I-Twilio-Idempotency-Token": "e2f4-3"}
    call = a_call()
    parameters = told(await asyncio.to_thread(ask, service, call.call_sid))
    # The last place is promised, and a balancer brings its stream to nobody who is not ready.
    assert await readiness(service) == "ready\n"
    async with media_stream(service, call) as stream:
        await stream.start(customParameters=parameters)
        await asyncio.to_thread(service.wait_for, "media stream begins")
        assert await readiness(service) == "full\n"
        with pytest.raises(urllib.error.HTTPError) as caught:
            await asyncio.to_thread(ask, service, waiting, **token)
        with caught.value as answer:
            assert (answer.code, answer.read()) == (503, b"no room here: full; ask again\n")
        await stream.stop()
    assert told(await ask_again(service, waiting, **token))["ticket"]


async def test_a_place_is_kept_for_no_call_whose_stream_has_come_to_another_container(serve, token):
    """In turn, a balancer brings webhook and stream to two containers: the first has room again."""
    one, other = await asyncio.to_thread(pair, serve, MAX_CALLS="1")
    call = a_call()
    parameters = told(await asyncio.to_thread(ask, one, call.call_sid))
    async with media_stream(other, call) as stream:
        await stream.start(customParameters=parameters)
        await until_listed(one, call.call_sid, token)
        assert told(await asyncio.to_thread(ask, one, a_call().call_sid))["ticket"]
        await stream.stop()
