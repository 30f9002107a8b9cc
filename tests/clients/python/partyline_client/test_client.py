"""clients/python/partyline_client/client.py: what a reader gets, over connections that break."""

import asyncio

import pytest
from support.messages import CALL, Body, ended, error, final, message, over, started
from support.scripted_service import ScriptedService, Visit, scripted_service
from support.timing import patience, until

from handler.tokens import tokens
from partyline_client import (
    Backoff,
    Calls,
    Event,
    InvalidToken,
    NoSuchCall,
    NotOpen,
    NotPartyline,
    Partyline,
    Record,
    State,
    StateChanged,
    Subscription,
    Unreachable,
    connection,
    credentials,
)
from partyline_client.wire import Unreadable

SOON = Backoff(first=0.01, longest=0.02)
LIVE = StateChanged(state=State.LIVE)
DRAINING = StateChanged(state=State.DRAINING)
NUMBER = "+15550100001"


def client(service: ScriptedService, token=None) -> Partyline:
    return Partyline(service.url, token, backoff=SOON)


def told(*bodies: Body) -> list[Event]:
    return [message(body) for body in bodies]


async def all_of(followed: Subscription) -> list[Event]:
    return [event async for event in followed]


async def test_what_breaks_is_told_in_its_place_and_the_call_goes_on():
    first, second = [started(), final("a", 2)], [final("a", 2), ended(3), over(3)]
    async with patience(), scripted_service(Visit(first), Visit(second)) as service:
        async with client(service) as reader:
            followed = reader.call(CALL)
            assert followed.state is State.OFFLINE
            events, states = [], []
            async for event in followed:
                events.append(event)
                states.append(followed.state)
        assert events == [LIVE, *told(*first), DRAINING, LIVE, *told(ended(3), over(3))]
        assert states == [State.LIVE] * 3 + [State.DRAINING] + [State.LIVE] * 3
        assert followed.state is State.OFFLINE
        assert [heard[0]["since"] for heard in service.heard] == [0, 2]


async def test_who_stops_and_reads_on_later_goes_on_where_they_were():
    both = [started(), final("a", 2)]
    async with patience(), scripted_service(Visit(both, None), Visit([over(2)])) as service:
        async with client(service) as reader:
            followed = reader.call(CALL)
            async for event in followed:
                if isinstance(event, Record) and event.seq == 1:
                    break
            assert await all_of(followed) == [LIVE, *told(over(2))]
        assert [heard[0]["since"] for heard in service.heard] == [0, 1]


async def test_leaving_the_block_ends_who_reads_and_who_waits_to_come_back():
    async with patience(), scripted_service(Visit(code=None)) as service:
        async with Partyline("http://127.0.0.1:1", backoff=Backoff(first=3600)) as nobody:
            waiting = aiter(nobody.calls())
            assert (await anext(waiting)).state is State.OFFLINE
            rest = asyncio.ensure_future(anext(waiting, None))
            async with client(service) as reader:
                reading = aiter(reader.call(CALL))
                assert await anext(reading) == LIVE
                pending = asyncio.ensure_future(anext(reading, None))
                await until(lambda: service.heard and service.heard[0])
            assert await pending is None
        assert await rest is None
        assert not [task for task in asyncio.all_tasks() if "renew" in repr(task)]


async def test_of_a_client_that_was_closed_nothing_is_read():
    async with Partyline("http://127.0.0.1:1") as reader:
        followed = reader.calls()
    with pytest.raises(NotOpen):
        await all_of(followed)


async def test_a_token_is_asked_for_with_each_connection_and_an_ended_one_is_told():
    given = iter(["one", "two"])
    async with patience(), scripted_service(Visit(code=4401), Visit([over(1)])) as service:
        async with client(service, lambda: next(given)) as reader:
            events = await all_of(reader.call(CALL))
        assert [event.state for event in events if isinstance(event, StateChanged)] == [
            State.LIVE,
            State.EXPIRED,
            State.LIVE,
        ]
        assert service.tokens == ["one", "two"]


async def test_a_token_that_cannot_be_renewed_ends_it():
    async with patience(), scripted_service(Visit(code=4401)) as service:
        async with client(service, "one") as reader:
            followed = reader.call(CALL)
            with pytest.raises(InvalidToken):
                await all_of(followed)
        assert followed.state is State.EXPIRED


async def test_a_callback_that_fails_ends_it_unless_the_network_may_be_the_cause():
    calls = 0

    def ask() -> str:
        nonlocal calls
        calls += 1
        if calls in (2, 4):
            raise LookupError if calls == 4 else OSError
        return tokens.mint("s" * 32, expires=asyncio.get_running_loop().time() + 2**40)

    async with patience(), scripted_service(Visit(code=1012)) as service:
        async with client(service, ask) as reader:
            events = aiter(reader.call(CALL))
            states = [(await anext(events)).state.value for _ in range(5)]
            with pytest.raises(LookupError):
                await anext(events)
        assert states == ["live", "draining", "offline", "live", "draining"]


async def test_a_token_is_renewed_while_it_is_good_by_a_callback_that_fails_at_first(monkeypatch):
    # At once, and without a pause.
    monkeypatch.setattr(credentials, "EARLY_SECONDS", 2**40)
    monkeypatch.setattr(credentials, "EARLY_PART", 1)
    monkeypatch.setattr(connection, "ASK_AGAIN_SECONDS", 0)
    first = tokens.mint("s" * 32, expires=2**40)
    answers = [first, None, "an opaque one"]

    async def ask() -> str:
        if (answer := answers.pop(0)) is None:
            raise LookupError
        return answer

    renewed = {"token": "an opaque one"}
    async with patience(), scripted_service(Visit(code=None)) as service:
        async with client(service, ask) as reader:
            events = aiter(reader.call(CALL))
            assert await anext(events) == LIVE
            await until(lambda: service.heard[0][1:] == [renewed])
            await events.aclose()
        assert (service.tokens, answers) == ([first], [])


async def test_a_call_that_cannot_be_read_is_an_error_and_one_of_a_number_is_none():
    refused = error(4404, "no such call")
    visit = Visit([refused], 4403)
    async with patience(), scripted_service(visit) as service, client(service) as reader:
        with pytest.raises(NoSuchCall, match="no such call"):
            await all_of(reader.call(CALL))
        numbers = aiter(reader.number(NUMBER))
        assert [await anext(numbers), await anext(numbers)] == [LIVE, *told(refused)]
        await numbers.aclose()


async def test_who_asked_too_much_comes_back():
    visits = Visit([error(4429, "too many")], None), Visit(code=4429), Visit([over(1)])
    async with patience(), scripted_service(*visits) as service, client(service) as reader:
        events = await all_of(reader.call(CALL))
    offline = [StateChanged(state=State.OFFLINE, reason=why) for why in ("4429 too many", "4429")]
    assert events == [LIVE, offline[0], LIVE, offline[1], LIVE, *told(over(1))]


async def test_the_list_is_followed():
    lists: list[Body] = [{"type": "Calls", "calls": []}]
    async with patience(), scripted_service(Visit(lists)) as service, client(service) as reader:
        events = aiter(reader.calls())
        got = [await anext(events) for _ in range(5)]
        await events.aclose()
    assert got == [LIVE, Calls(calls=()), DRAINING, LIVE, Calls(calls=())]


@pytest.mark.parametrize("visit", [Visit(begins="hello"), Visit(begins="{}")])
async def test_what_is_no_service_is_told_from_one(visit):
    async with patience(), scripted_service(visit) as service, client(service) as reader:
        with pytest.raises(NotPartyline) as raised:
            await all_of(reader.calls())
        assert isinstance(raised.value.__cause__, Unreadable)


async def test_an_address_that_speaks_no_tls_is_not_waited_for():
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with patience(), await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = "https://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        async with Partyline(url) as reader:
            with pytest.raises(Unreachable):
                await all_of(reader.calls())
