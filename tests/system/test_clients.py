"""
The conformance suite: what every client of ours does, over a network that breaks.

Each client is a program of its own (tests/clients/README.md), and reads from a real service. What is
compared is what the program told with what NATS has: all of it, in order, once.
"""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import nats as nats_client
import pytest
from support.breaker import Breaker
from support.clients import CLIENTS, Message, Program, TokenSource, client_program, token_source
from support.processes import Service
from support.timing import patience

LONG = "word " * 40
STREAM = "TRANSCRIPTS"
COUNTER = itertools.count(1)
each_client = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture(scope="module")
def service(serve_many):
    """Run one for the tests that need no other settings."""
    return serve_many()


@dataclass
class Reading:
    """A client that reads a call, and all that may go wrong between it and the service."""

    program: Program
    breaker: Breaker
    source: TokenSource


@contextlib.asynccontextmanager
async def reading(
    client: str, service: Service, target: str, make_token: Callable[[], str]
) -> AsyncIterator[Reading]:
    async with (
        Breaker(service.port) as breaker,
        token_source(make_token) as (source, tokens),
        client_program(client, f"http://127.0.0.1:{breaker.port}", tokens, target) as program,
    ):
        yield Reading(program, breaker, source)


async def stored(service: Service, call_sid: str) -> list[Message]:
    """Return the records of a call as NATS has them: what anybody else would read."""
    nats = await nats_client.connect(service.nats_url)
    subject = f"transcripts.*.{call_sid}.>"
    reader = await nats.jetstream().subscribe(subject, stream=STREAM, ordered_consumer=True)
    records: list[Message] = []
    async with patience():
        while not records or reader.pending_msgs or (await reader.consumer_info()).num_pending:
            records.append(json.loads((await reader.next_msg()).data))
    await nats.close()
    return records


async def keep_newest(service: Service, call_sid: str, count: int) -> None:
    """Let the stream forget the records of a call but the newest, as it does with time."""
    nats = await nats_client.connect(service.nats_url)
    subject = f"transcripts.*.{call_sid}.>"
    await nats.jetstream().purge_stream(STREAM, subject=subject, keep=count)
    await nats.close()


async def heard(at: Reading, count: int) -> None:
    await at.program.until(lambda: len(at.program.records) >= count)


async def state(at: Reading, name: str, times: int = 1) -> None:
    await at.program.until(lambda: at.program.states.count(name) >= times)


@pytest.mark.proof
@each_client
async def test_over_connections_that_break_nothing_is_lost_doubled_or_out_of_order(
    service, token, tell, rounds, client
):
    """In a handshake, within a frame, between two, there and back."""
    breaks = len(rounds(sample=20, full=1000))
    call = await tell(service)
    async with reading(client, service, call.sid, lambda: token) as at:
        await heard(at, 1)
        at.breaker.break_often()
        for said in itertools.count():
            # One for each that was told, or for connections that broke before they told any.
            call.say(f"record {said}", said)
            await at.program.news(0.1)
            if at.breaker.breaks >= breaks:
                break
        at.breaker.break_no_more()
        call.say("the last word", said + 1)
        await call.end()
        assert await at.program.ended() == 0
        assert at.program.records == await stored(service, call.sid)
        print(f"{client}: {at.breaker.breaks} breaks, {len(at.program.records)} records, each once")


@each_client
async def test_a_token_is_renewed_on_the_open_socket_before_it_ends(service, mint, tell, client):
    call = await tell(service)
    ends = time.time() + 2
    async with reading(client, service, call.sid, lambda: mint(calls=["*"], ttl=2)) as at:
        await heard(at, 1)
        at.source.make = lambda: mint(calls=["*"])
        await at.source.until_asked(2)
        await asyncio.sleep(
            max(0, ends - time.time())
        )  # a contract: the first one is worth nothing now
        call.say("later", 1.0)
        await call.end()
        assert await at.program.ended() == 0
        assert (at.breaker.connections, at.source.asked) == (1, 2)
        assert "offline" not in at.program.states
        assert at.program.records == await stored(service, call.sid)


@each_client
async def test_who_gives_no_good_token_any_more_is_told_that_it_expired(
    service, mint, tell, client
):
    call = await tell(service)
    short = mint(calls=["*"], ttl=2)
    async with reading(client, service, call.sid, lambda: short) as at:
        await heard(at, 1)
        assert await at.program.ended() == 1
        assert at.program.last["state"] == "expired"


@each_client
async def test_a_source_of_tokens_that_is_away_is_asked_again(service, token, tell, client):
    call = await tell(service)
    async with reading(client, service, call.sid, lambda: token) as at:
        await heard(at, 1)
        at.source.away = True
        at.breaker.cut()
        at.breaker.mend()
        await at.source.until_asked(3)
        at.source.away = False
        await call.end()
        assert await at.program.ended() == 0
        assert at.program.records == await stored(service, call.sid)


@each_client
async def test_who_was_too_slow_comes_back_for_the_rest(serve, token, tell, client):
    service = serve(WRITE_TIMEOUT="1")
    call = await tell(service)
    async with reading(client, service, call.sid, lambda: token) as at:
        await heard(at, 1)
        at.breaker.hold_back()
        await call.say_much(LONG, 400)
        await asyncio.to_thread(service.wait_for, "subscriber cut off: too slow")
        at.breaker.pass_on()
        await call.end()
        assert await at.program.ended() == 0
        assert at.program.records == await stored(service, call.sid)


@each_client
async def test_a_call_moves_and_the_service_leaves_then_it_ends_and_goes_on(
    serve, nats, token, tell, client
):
    """All that a roll-out does to a reader, and a pause of the call behind it."""
    first, second = (serve(NATS_URL=nats.url, PAUSE_SECONDS="2") for _ in range(2))
    at_nats = type("At", (), {"nats_url": nats.url})()
    call = await tell(at_nats)
    async with reading(client, first, call.sid, lambda: token) as at:
        await heard(at, 1)
        call.say("before", 0.0)
        await heard(at, 2)
        call = await tell(at_nats, again=call)  # another container has it now
        call.say("elsewhere", 10.0)
        await heard(at, 4)
        at.breaker.lead_to(second.port)
        assert await asyncio.to_thread(first.stop) == 0
        await state(at, "draining")
        call.say("meanwhile", 20.0)
        await state(at, "live", 2)
        await heard(at, 5)
        await call.end()
        await heard(at, 6)
        call = await tell(at_nats, again=call)
        call.say("after the pause", 30.0)
        await call.end()
        assert await at.program.ended() == 0
        assert at.program.records == await stored(second, call.sid)


@each_client
async def test_what_is_no_longer_kept_is_told_as_expired(service, token, tell, client):
    call = await tell(service)
    async with reading(client, service, call.sid, lambda: token) as at:
        await heard(at, 1)
        at.breaker.cut()
        await state(at, "offline")
        for number in range(5):
            call.say(f"record {number}", number)
        await call.stored()
        await keep_newest(service, call.sid, 2)
        at.breaker.mend()
        await call.end()
        assert await at.program.ended() == 0
        kept = await stored(service, call.sid)
        assert [record["seq"] for record in kept] == [5, 6, 7]
        told = [m for m in at.program.messages if "seq" in m or m["type"] == "Expired"]
        expired = {"type": "Expired", "callSid": call.sid, "first": 5}
        assert [m for m in told if m["type"] not in ("CaughtUp", "Over")][1:] == [expired, *kept]


@each_client
async def test_who_may_not_read_is_told_why(service, mint, tell, client):
    call, other = await tell(service), await tell(service)
    narrow = mint(calls=[other.sid])
    for make_token, code in ((lambda: narrow, 4403), (lambda: "none", 401)):
        async with reading(client, service, call.sid, make_token) as at:
            assert await at.program.ended() == 1
            assert at.program.last == {"state": "refused", "code": code}
            assert at.program.records == []


@each_client
async def test_a_number_is_followed_over_a_break(service, token, tell, client):
    """The call that lives, one that ends while the network is away, and the next one."""
    number = f"+1555{next(COUNTER):07}"
    calls = [await tell(service, from_=number), await tell(service, to=number)]
    await tell(service, from_="+15559999999")
    async with reading(client, service, number, lambda: token) as at:
        await heard(at, 2)
        at.breaker.cut()
        await state(at, "offline")
        for call in calls:
            call.say("meanwhile", 1.0)
        await calls[0].end()
        at.breaker.mend()
        await heard(at, 5)
        calls.append(await tell(service, to=number))
        await heard(at, 6)
        for call in calls[1:]:
            call.say("after", 2.0)
            await call.end()
        await heard(at, 10)
        for call in calls:
            told = [record for record in at.program.records if record["callSid"] == call.sid]
            assert told == await stored(service, call.sid)
