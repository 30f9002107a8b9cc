"""
The conformance suite: what every client of ours does, over a network that breaks.

Each client is a program of its own (tests/clients/README.md). They read the same calls from a real
service, each over a network of its own, and what each told is compared with what NATS has: all of
it, in order, once.
"""

import asyncio
import contextlib
import itertools
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import nats as nats_client
import pytest
from support.breaker import Breaker
from support.clients import CLIENTS, Message, Program, TokenSource, client_program, token_source
from support.processes import Service
from support.stored import STREAM, keep_newest
from support.timing import TTL, UNIT, patience
from support.webhooks import call_status

LONG = "word " * 40
COUNTER = itertools.count(1)


@pytest.fixture(scope="module")
def service(serve_many):
    """Run one for the tests that need no other settings."""
    return serve_many()


@dataclass
class Reading:
    """A client that reads, and all that may go wrong between it and the service."""

    client: str
    program: Program
    breaker: Breaker
    source: TokenSource


@dataclass
class Readings:
    """All clients, at the same call."""

    each: list[Reading]

    @property
    def breakers(self) -> list[Breaker]:
        return [at.breaker for at in self.each]

    @property
    def sources(self) -> list[TokenSource]:
        return [at.source for at in self.each]

    async def heard(self, count: int) -> None:
        """Wait until each has told so many records."""
        for at in self.each:
            await at.program.heard(count)

    async def were(self, state: str, times: int = 1) -> None:
        """Wait until each has told so often that it is in a state."""
        for at in self.each:
            await at.program.was(state, times)

    async def told_of(self, call_sids: Sequence[str], service: Service) -> None:
        """Compare: of each of a number's calls each has told all, in order, once."""
        for call_sid in call_sids:
            records = await stored(service, call_sid)
            for at in self.each:
                told = [record for record in at.program.records if record["callSid"] == call_sid]
                assert told == records, at.client

    async def told(self, records: list[Message]) -> None:
        """Compare: each has told these, in order, once, and has come to a good end."""
        for at in self.each:
            assert await at.program.ended() == 0, at.client
            assert at.program.records == records, at.client

    async def gave_up(self, last: Message) -> None:
        """Compare: each has ended with this line, and with 1."""
        for at in self.each:
            assert await at.program.ended() == 1, at.client
            assert at.program.last == last, at.client


def reading(
    service: Service, target: str, make_token: Callable[[], str]
) -> contextlib.AbstractAsyncContextManager[Readings]:
    """Let all clients read a call, or a number's."""
    return reading_by(service, target, lambda: iter(make_token, None))


@contextlib.asynccontextmanager
async def reading_by(
    service: Service, target: str, tokens_of_each: Callable[[], Iterator[str]]
) -> AsyncIterator[Readings]:
    """Let them read with tokens that each client is given in turn, made as it asks for them."""
    async with contextlib.AsyncExitStack() as stack:
        readings = Readings([])
        for client in CLIENTS:
            breaker = await stack.enter_async_context(Breaker(service.port))
            make_token = partial(next, tokens_of_each())
            source, tokens = await stack.enter_async_context(token_source(make_token))
            url = f"http://127.0.0.1:{breaker.port}"
            running = client_program(client, url, tokens, target)
            program = await stack.enter_async_context(running)
            readings.each.append(Reading(client, program, breaker, source))
        yield readings


async def stored(service: Service, call_sid: str) -> list[Message]:
    """Return the records of a call as NATS has them."""
    nats = await nats_client.connect(service.nats_url)
    subject = f"transcripts.*.{call_sid}.>"
    reader = await nats.jetstream().subscribe(subject, stream=STREAM, ordered_consumer=True)
    state = await reader.consumer_info()
    assert state.delivered is not None
    assert state.num_pending is not None
    count = state.delivered.consumer_seq + state.num_pending
    async with patience():
        records = [json.loads((await reader.next_msg()).data) for _ in range(count)]
    await nats.close()
    return records


@pytest.mark.proof
async def test_over_connections_that_break_nothing_is_lost_doubled_or_out_of_order(
    service, token, tell, rounds
):
    """In a handshake, within a frame, between two, there and back."""
    breaks = len(rounds(sample=20, full=1000))
    call = await tell(service)
    async with reading(service, call.sid, lambda: token) as readings:
        await readings.heard(1)
        for breaker in readings.breakers:
            breaker.break_often()
        said = 0
        while (
            least := min(readings.each, key=lambda at: at.breaker.breaks)
        ).breaker.breaks < breaks:
            call.say(f"record {said}", said)
            said += 1
            # For each that was told one more, or for connections that broke before they told any.
            await least.program.news(0.1)
        for breaker in readings.breakers:
            breaker.break_no_more()
        call.say("the last word", said)
        await call.end()
        records = await stored(service, call.sid)
        await readings.told(records)
        for at in readings.each:
            print(f"{at.client}: {at.breaker.breaks} breaks, {len(records)} records, each once")


async def test_a_token_is_renewed_on_the_open_socket_before_it_ends(service, mint, tell):
    call = await tell(service)

    def short_at_first() -> Iterator[str]:
        yield mint(calls=["*"], ttl=TTL)
        while True:
            yield mint(calls=["*"])

    async with reading_by(service, call.sid, short_at_first) as readings:
        await readings.heard(1)
        ends = int(time.time() + TTL)
        for source in readings.sources:
            await source.until_asked(2)
        await asyncio.sleep(max(0, ends - time.time()))  # now no first one opens anything
        call.say("later", 1.0)
        await call.end()
        await readings.told(await stored(service, call.sid))
        for at in readings.each:
            assert (at.breaker.connections, at.source.asked) == (1, 2), at.client
            assert "offline" not in at.program.states, at.client


async def test_who_gets_no_good_token_any_more_is_told_that_it_expired(service, mint, tell):
    call = await tell(service)

    def one_short() -> Iterator[str]:
        yield from itertools.repeat(mint(calls=["*"], ttl=TTL))

    async with reading_by(service, call.sid, one_short) as readings:
        for at in readings.each:
            assert await at.program.ended() == 1, at.client
            assert at.program.last["state"] == "expired", at.client


async def test_a_source_of_tokens_that_is_away_is_asked_again(service, token, tell):
    call = await tell(service)
    async with reading(service, call.sid, lambda: token) as readings:
        await readings.heard(1)
        for at in readings.each:
            at.source.away = True
            at.breaker.cut()
            at.breaker.mend()
            await at.source.until_asked(3)
            at.source.away = False
        await call.end()
        await readings.told(await stored(service, call.sid))


async def test_who_was_too_slow_comes_back_for_the_rest(serve, token, tell):
    service = serve(WRITE_TIMEOUT="1")
    call = await tell(service)
    async with reading(service, call.sid, lambda: token) as readings:
        await readings.heard(1)
        for breaker in readings.breakers:
            breaker.hold_back()
        await call.say_much(LONG, 300)
        await asyncio.to_thread(
            service.wait_for, "subscriber cut off: too slow", len(readings.each)
        )
        for breaker in readings.breakers:
            breaker.pass_on()
        await call.end()
        await readings.told(await stored(service, call.sid))


async def test_a_call_moves_and_its_service_leaves_then_it_ends_and_goes_on(
    serve, nats, token, tell
):
    """All that a roll-out does to a reader, and a pause of the call behind it."""
    # Within it the call goes on, however late it is noticed here that all have heard its end.
    pause = f"{12 * UNIT:.0f}"
    first, second = (serve(NATS_URL=nats.url, PAUSE_SECONDS=pause) for _ in range(2))
    call = await tell(second)
    async with reading(first, call.sid, lambda: token) as readings:
        await readings.heard(1)
        call.say("before", 0.0)
        await readings.heard(2)
        call = await tell(second, again=call)  # another container has it now
        call.say("elsewhere", 10.0)
        await readings.heard(4)
        for breaker in readings.breakers:
            breaker.lead_to(second.port)
        assert await asyncio.to_thread(first.stop) == 0
        await readings.were("draining")
        call.say("meanwhile", 20.0)
        await readings.were("live", 2)
        await call.end()
        await readings.heard(6)
        call = await tell(second, again=call)
        call.say("after the pause", 30.0)
        await call.end()
        records = await stored(second, call.sid)
        kinds = [record["type"] for record in records if record["type"] != "Results"]
        assert kinds == ["CallStarted", "CallResumed", "CallEnded", "CallResumed", "CallEnded"]
        await readings.told(records)


async def test_what_is_no_longer_kept_is_told_as_expired(service, token, tell):
    call = await tell(service)
    async with reading(service, call.sid, lambda: token) as readings:
        await readings.heard(1)
        for breaker in readings.breakers:
            breaker.cut()
        await readings.were("offline")
        for number in range(5):
            call.say(f"record {number}", number)
        await call.stored()
        await keep_newest(service, call.sid, 2)
        for breaker in readings.breakers:
            breaker.mend()
        await call.end()
        kept = await stored(service, call.sid)
        assert [record["seq"] for record in kept] == [5, 6, 7]
        expired = {"type": "Expired", "callSid": call.sid, "first": 5}
        for at in readings.each:
            assert await at.program.ended() == 0, at.client
            assert at.program.records_and("Expired")[1:] == [expired, *kept], at.client


async def test_who_may_not_read_is_told_why(service, mint, tell):
    call, other = await tell(service), await tell(service)
    narrow = mint(calls=[other.sid])
    for make_token, code in ((lambda: narrow, 4403), (lambda: "none", 401)):
        async with reading(service, call.sid, make_token) as readings:
            await readings.gave_up({"state": "refused", "code": code})
            assert [at.program.records for at in readings.each] == [[] for _ in readings.each]


async def test_a_child_leg_is_read_as_its_parents_call_over_a_break(service, token, tell):
    call, leg = await tell(service), f"CA{os.urandom(16).hex()}"
    await call_status(service, leg, "initiated", ParentCallSid=call.sid)
    async with reading(service, leg, lambda: token) as readings:
        await readings.heard(1)
        for breaker in readings.breakers:
            breaker.cut()
            breaker.mend()
        call.say("Hello.", 1.0)
        await readings.heard(2)
        await call.end()
        await readings.told(await stored(service, call.sid))


async def test_a_number_is_followed_over_a_break(service, token, tell):
    """The calls that live, one that ends while the network is away, and the next one."""
    number = f"+1555{next(COUNTER):07}"
    calls = [await tell(service, from_=number), await tell(service, to=number)]
    await tell(service, from_="+15559999999")
    async with reading(service, number, lambda: token) as readings:
        await readings.heard(2)
        for breaker in readings.breakers:
            breaker.cut()
        await readings.were("offline")
        for call in calls:
            call.say("meanwhile", 1.0)
        await calls[0].end()
        for breaker in readings.breakers:
            breaker.mend()
        await readings.heard(5)
        calls.append(await tell(service, to=number))
        await readings.heard(6)
        for call in calls[1:]:
            call.say("after", 2.0)
            await call.end()
        await readings.heard(10)
        await readings.told_of([call.sid for call in calls], service)


async def test_more_calls_of_a_number_than_a_socket_takes_end_while_it_is_away(serve, token, tell):
    """They are asked for as there is room; those that still live come by the number."""
    service = serve(PAUSE_SECONDS="1")
    number = f"+1555{next(COUNTER):07}"
    calls = [await tell(service, to=number) for _ in range(110)]
    async with reading(service, number, lambda: token) as readings:
        await readings.heard(len(calls))
        for breaker in readings.breakers:
            breaker.cut()
        await readings.were("offline")
        for call in calls:
            call.say("the last word", 1.0)
        await asyncio.gather(*(call.end() for call in calls[:105]))
        for breaker in readings.breakers:
            breaker.mend()
        await readings.heard(2 * len(calls) + 105)
        await readings.told_of([call.sid for call in calls], service)


async def test_a_call_of_a_number_that_may_not_be_read_for_a_while_goes_on_where_it_was(
    service, mint, tell
):
    """That it cannot be read is told; and the others go on."""
    number = f"+1555{next(COUNTER):07}"
    call, other = await tell(service, to=number), await tell(service, to=number)
    async with reading(service, number, lambda: mint(calls=["*"], ttl=TTL)) as readings:
        await readings.heard(2)
        for source in readings.sources:
            source.make = lambda: mint(calls=[other.sid], ttl=TTL)
        for at in readings.each:
            await at.program.told("Error")
            refusals = [one for one in at.program.messages if one["type"] == "Error"]
            assert [(one["callSid"], one["code"]) for one in refusals] == [(call.sid, 4403)]
            at.source.make = lambda: mint(calls=["*"])
        call.say("meanwhile", 1.0)
        other.say("meanwhile", 1.0)
        await readings.heard(4)
        await readings.told_of([call.sid, other.sid], service)
