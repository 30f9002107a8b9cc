"""The JavaScript client: what is read together shares a connection, and each gets all of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from support.breaker import Breaker
from support.clients import DENO, PROGRAMS, begin, end
from support.stored import keep_newest
from support.timing import patience

NUMBER = "+15550003333"
RECORDS = 1500


@pytest.fixture
async def run() -> AsyncIterator[Callable[..., Awaitable[asyncio.subprocess.Process]]]:
    """Return what runs a program that reads by the client; none outlives its test."""
    running = []

    async def run_program(program: str, *arguments: str) -> asyncio.subprocess.Process:
        running.append(await begin(*DENO, str(PROGRAMS / program), *arguments))
        return running[-1]

    yield run_program
    for process in running:
        await end(process)


async def test_readings_share_a_connection_and_the_slow_one_is_sent_the_rest_again(
    serve, token, run, tell
):
    """
    One that does not keep up, one that begins late, one of the newest records, one from behind a
    record, and one of the call's number; then nothing keeps the program alive.
    """
    service = serve()
    call = await tell(service, to=NUMBER)
    await call.say_much("x", RECORDS)
    async with Breaker(service.port) as breaker, patience():
        url = f"http://127.0.0.1:{breaker.port}"
        process = await run("together.mjs", url, token, call.sid, NUMBER)
        assert json.loads(await process.stdout.readline()) == "reading"
        await call.end()
        told = json.loads(await process.stdout.readline())
        assert await process.wait() == 0
    last = RECORDS + 2
    everything = list(range(1, last + 1))
    assert told["seqs"]["slow"] == told["seqs"]["late"] == told["seqs"]["number"] == everything
    assert told["seqs"]["behind"] == list(range(1491, last + 1))
    # The three newest when it began, and what came then.
    assert told["seqs"]["newest"] == list(range(RECORDS - 1, last + 1))
    assert told["refused"] == "more than 100 subscriptions"
    assert told["state"] == "idle"
    assert breaker.connections == 1


async def test_a_call_whose_beginning_is_gone_is_told_to_who_follows_its_number(
    serve, token, run, tell
):
    """Though no record says any more whose call it is, and another number is followed, too."""
    service = serve()
    call = await tell(service, to=NUMBER)
    for number in range(4):
        call.say(f"record {number}", number)
    await call.stored()
    await keep_newest(service, call.sid, 2)
    url = f"http://127.0.0.1:{service.port}"
    async with patience():
        process = await run("numbers.mjs", url, token, "+15550004444", NUMBER)
        told = [json.loads(await process.stdout.readline()) for _ in range(3)]
        await call.end()
        told.append(json.loads(await process.stdout.readline()))
        assert await process.wait() == 0
    assert {one["number"] for one in told} == {NUMBER}
    messages = [one["message"] for one in told]
    assert messages[0] == {"type": "Expired", "callSid": call.sid, "first": 4}
    assert [message["seq"] for message in messages[1:]] == [4, 5, 6]


async def test_a_number_of_many_calls_is_let_go_and_what_else_is_read_goes_on(
    serve, token, run, tell
):
    """With few words: who says more than 200 at once is sent away."""
    service = serve()
    call = await tell(service)
    calls = [await tell(service, to=NUMBER) for _ in range(210)]
    async with Breaker(service.port) as breaker, patience():
        url = f"http://127.0.0.1:{breaker.port}"
        process = await run("leave.mjs", url, token, call.sid, NUMBER, str(len(calls)))
        assert json.loads(await process.stdout.readline()) == "left"
        call.say("meanwhile")
        await call.end()
        assert json.loads(await process.stdout.readline()) == [1, 2, 3]
        assert await process.wait() == 0
    assert breaker.connections == 1


async def test_what_is_begun_while_calls_that_ended_fill_the_connection_waits_for_room(
    serve, token, run, tell
):
    """They take their places until they are over for good; the service would close for one more."""
    service = serve(PAUSE_SECONDS="5", AWAIT_CALL_SECONDS="300")
    calls = [await tell(service, to=NUMBER) for _ in range(100)]
    other = "+15550004444"
    last = await tell(service, to=other)
    async with Breaker(service.port) as breaker, patience():
        url = f"http://127.0.0.1:{breaker.port}"
        process = await run("room.mjs", url, token, NUMBER, str(len(calls)), other)
        assert json.loads(await process.stdout.readline()) == "read"
        breaker.cut()
        await asyncio.gather(*(call.end() for call in calls))
        breaker.mend()
        told = [json.loads(await process.stdout.readline()) for _ in range(2)]
        await last.end()
        told += [json.loads(await process.stdout.readline()) for _ in range(2)]
        assert await process.wait() == 0
    assert told.pop() == {"lives": 2}
    told.remove("list")
    assert [one["type"] for one in told] == ["CallStarted", "CallEnded"]
    assert {one["callSid"] for one in told} == {last.sid}


async def test_room_that_is_given_up_is_taken(serve, token, run, tell):
    """
    Though nothing more comes: as much was asked for as a connection carries. And not all at once,
    as much was said to ask for it, and to leave it: who says too much is sent away.
    """
    service = serve(PAUSE_SECONDS="60", AWAIT_CALL_SECONDS="300")
    calls = [await tell(service, to=NUMBER) for _ in range(80)]
    async with Breaker(service.port) as breaker, patience():
        url = f"http://127.0.0.1:{breaker.port}"
        process = await run("vacate.mjs", url, token, NUMBER, str(len(calls)), "97")
        assert json.loads(await process.stdout.readline()) == "begun"
        breaker.cut()
        await asyncio.gather(*(call.end() for call in calls))
        breaker.mend()
        told = [json.loads(line) async for line in process.stdout]
        assert await process.wait() == 0
    assert told == [*range(1, 81), {"lives": 2}]


async def test_who_has_closed_a_reading_is_told_nothing_more_of_it(serve, token, run):
    """Nor how it stands."""
    service = serve()
    async with patience():
        process = await run("closed.mjs", f"http://127.0.0.1:{service.port}", token)
        told = [json.loads(line) async for line in process.stdout]
        assert await process.wait() == 0
    assert told == [["first", "waiting"]]


async def test_the_list_is_told_to_each_who_reads_it_and_has_one_place(
    serve, token, run, mint, tell
):
    """The service tells it once, and each change: it has its place for the connection's life."""
    service = serve(AWAIT_CALL_SECONDS="300")
    call = await tell(service)
    await tell(service)
    narrow = mint(calls=[call.sid])
    async with patience():
        process = await run("lists.mjs", f"http://127.0.0.1:{service.port}", token, narrow)
        told = [json.loads(line) async for line in process.stdout]
        assert await process.wait() == 0
    assert told == [
        {"first": 2, "second": 2},
        {"beside": 98, "again": 2},
        {"together": 99},
        {"told": 1, "closed": 0},
        {"unanswered": 98, "states": ["connecting", "live", "idle"]},
        {"lists": [2, 1, 1, 1, 1]},
    ]
