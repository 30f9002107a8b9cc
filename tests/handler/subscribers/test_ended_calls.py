"""handler/subscribers/ended_calls.py: the calls that are over, by plain request."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from support.brokers import ENDED
from support.credentials import TOKEN_SECRET
from support.inside import Inside, inside
from support.sids import account_sid, call_sid, stream_sid
from support.timing import until

from broker.records import CallFacts
from broker.server.embedded import EmbeddedServer
from handler.tokens import tokens

A, B, C = "+15550001111", "+15550002222", "+15550003333"
# By number: who calls, and who is called.
CALLS = {1: (A, B), 2: (C, A), 3: (C, B)}


def token(**rights) -> str:
    return tokens.mint(TOKEN_SECRET, expires=time.time() + 60, **rights)


ALL = {"calls": ["*"]}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """For the service, which all tests share."""
    return "asyncio"


@pytest.fixture(scope="module")
async def service(anyio_backend) -> AsyncIterator[Inside]:
    """Run a service that has carried three calls."""
    async with EmbeddedServer() as server, inside(NATS_URL=server.url) as running:
        broker = running.service.broker
        for number, (caller, callee) in CALLS.items():
            call = CallFacts(
                call_sid=call_sid(number),
                account_sid=account_sid(0),
                stream_sid=stream_sid(number),
                started_at=1_795_341_600_000,
                from_=caller,
                to=callee,
                direction="inbound",
                metadata={"order": str(number)},
            )
            writer = broker.writer(call, broker.next_epoch())
            writer.put(ENDED)
            writer.finish()
            await writer.run()
        await until(lambda: running.service.ended_calls.complete)
        yield running


async def get(service: Inside, path: str, rights, **query) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token(**rights)}"}
    async with httpx.AsyncClient(trust_env=False, base_url=service.url, headers=headers) as http:
        return await http.get(path, params=query)


async def ask(service: Inside, rights=ALL, **query) -> httpx.Response:
    return await get(service, "/calls", rights, **{"state": "ended", **query})


async def numbers(service: Inside, rights=ALL, **query) -> list[int]:
    """Return which of the calls are told, by their numbers."""
    answer = (await ask(service, rights, **query)).json()
    return [int(call["metadata"]["order"]) for call in answer["calls"]]


async def test_they_are_told_newest_first_with_all_that_is_known(service):
    answer = await ask(service)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["type"], told["cursor"]) == ("EndedCalls", None)
    newest = told["calls"][0]
    assert newest.pop("endedAt") == pytest.approx(time.time() * 1000, abs=600_000)
    assert newest == {
        "callSid": call_sid(3),
        "from": C,
        "to": B,
        "direction": "inbound",
        "startedAt": 1_795_341_600_000,
        "metadata": {"order": "3"},
        "duration": 1.0,
        "reason": "completed",
        "words": 0,
    }
    assert await numbers(service) == [3, 2, 1]


@pytest.mark.parametrize(
    ("rights", "seen"),
    [
        ({"numbers": [A]}, [2, 1]),
        ({"numbers": ["+15550009999"]}, []),
        ({"calls": [call_sid(3)]}, [3]),
        ({"calls": [call_sid(3), call_sid(9)], "numbers": [A]}, [3, 2, 1]),
    ],
)
async def test_a_token_sees_its_ended_calls_and_nothing_else(service, rights, seen):
    assert await numbers(service, rights) == seen
    every_number = {of: await numbers(service, rights, number=of) for of in (A, B, C)}
    assert every_number == {of: [one for one in seen if of in CALLS[one]] for of in every_number}


async def test_what_is_told_is_what_may_be_read(service):
    rights = {"calls": [call_sid(3)], "numbers": [B]}
    listed = await numbers(service, rights)
    paths = [f"/calls/{call_sid(one)}/transcript.json" for one in CALLS]
    read = await asyncio.gather(*(get(service, path, rights) for path in paths))
    readable = [one for one, answer in zip(CALLS, read, strict=True) if answer.status_code == 200]
    assert listed == sorted(readable, reverse=True) == [3, 1]


async def test_pages_are_turned_with_the_cursor(service):
    page = (await ask(service, limit=1)).json()
    turned = page["calls"]
    while page["cursor"] is not None:
        page = (await ask(service, limit=1, cursor=page["cursor"])).json()
        turned += page["calls"]
    assert [call["callSid"] for call in turned] == [call_sid(3), call_sid(2), call_sid(1)]


async def test_they_are_bounded_by_when_they_ended(service):
    assert await numbers(service, **{"from": "2000-01-01", "to": "2001-01-01"}) == []
    assert await numbers(service, **{"from": "2001-01-01"}) == [3, 2, 1]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"state": "over"}, "state is live or ended\n"),
        ({"state": "live", "limit": "5"}, "limit is for state=ended\n"),
        ({"limit": "0"}, "limit is a whole number from 1 to 200\n"),
        ({"cursor": "x"}, "the cursor is none that was given out here\n"),
        ({"curser": "x"}, None),
    ],
)
async def test_what_cannot_be_obeyed_is_refused_in_words(service, query, words):
    answer = await ask(service, **query)
    assert answer.status_code == 400
    assert words in (None, answer.text)


async def test_the_live_list_is_what_it_was(service):
    answer = await ask(service, state="live")
    assert answer.json() == {"type": "Calls", "calls": []}


async def test_while_they_cannot_be_told_the_answer_says_so():
    async with inside(ready=False) as unreached:
        answer = await ask(unreached)
    assert answer.status_code == 503
    assert answer.text == "what is kept is still being read: try again in some seconds\n"
    assert answer.headers["retry-after"] == "2"


async def test_a_server_that_does_not_answer_in_time_is_told_of(service, monkeypatch):
    monkeypatch.setattr("handler.subscribers.ended_calls.READ_SECONDS", 0.0)
    answer = await ask(service)
    assert answer.status_code == 503
    assert answer.text == "NATS does not answer in time: try again in some seconds\n"
