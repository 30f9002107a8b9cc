"""clients/python/partyline_client/sync.py: the client for programs without a loop."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import threading

import pytest
from support.messages import CALL, final, message, over, started
from support.processes import ENVIRON
from support.scripted_service import ScriptedService, Visit, scripted_service
from support.timing import patience

from partyline_client import Backoff, NotOpen, NotPartyline, Record, State, StateChanged, sync

SOON = Backoff(first=0.01, longest=0.02)
LIVE = StateChanged(state=State.LIVE)
BOTH = [started(), final("a", 2)]


def read_all(service: ScriptedService) -> list:
    with sync.Partyline(service.url, lambda: "token", backoff=SOON) as client:
        return list(client.call(CALL))


async def test_a_call_is_read_to_its_end_over_a_break():
    async with patience(), scripted_service(Visit(BOTH), Visit([over(2)])) as service:
        events = await asyncio.to_thread(read_all, service)
        draining = StateChanged(state=State.DRAINING)
        assert events == [LIVE, *map(message, BOTH), draining, LIVE, message(over(2))]
        assert service.tokens == ["token", "token"]
    assert not [one for one in threading.enumerate() if one.name == "partyline"]


def read_some(service: ScriptedService) -> tuple[list, State]:
    with sync.Partyline(service.url, backoff=SOON) as client:
        followed = client.call(CALL)
        for event in followed:
            if isinstance(event, Record):
                break
        return list(followed), followed.state


async def test_who_stops_and_reads_on_later_goes_on_where_they_were():
    async with patience(), scripted_service(Visit(BOTH, None), Visit([over(2)])) as service:
        rest, state = await asyncio.to_thread(read_some, service)
        assert (rest, state) == ([LIVE, message(over(2))], State.OFFLINE)
        assert [heard[0]["since"] for heard in service.heard] == [0, 1]


def close_beside(service: ScriptedService) -> list:
    with sync.Partyline(service.url, backoff=SOON) as client:
        events = []
        for event in client.number("+15550100001"):
            events.append(event)
            threading.Thread(target=client.close).start()
        return events


async def test_closing_the_client_ends_who_reads_in_another_thread():
    async with patience(), scripted_service(Visit(code=None)) as service:
        assert await asyncio.to_thread(close_beside, service) == [LIVE]


def test_a_client_that_is_not_open_reads_nothing():
    client = sync.Partyline("http://127.0.0.1:1")
    followed = client.calls()
    with pytest.raises(NotOpen, match="with Partyline"):
        next(iter(followed))
    with client:
        pass
    with pytest.raises(NotOpen):
        next(iter(followed))
    client.close()
    with pytest.raises(NotOpen, match="was closed"), client:
        pass


def close_while_it_looks_away(service: ScriptedService) -> list:
    with sync.Partyline(service.url, backoff=SOON) as client:
        events = []
        for event in client.calls():
            events.append(event)
            client.close()
        return events


async def test_closing_the_client_ends_who_iterates_in_this_thread():
    async with patience(), scripted_service(Visit(code=None)) as service:
        assert await asyncio.to_thread(close_while_it_looks_away, service) == [LIVE]


def fail(service: ScriptedService) -> None:
    with sync.Partyline(service.url, backoff=SOON) as client:
        list(client.calls())


async def test_what_is_for_good_is_raised_where_it_is_read():
    async with patience(), scripted_service(Visit(begins="hello")) as service:
        with pytest.raises(NotPartyline):
            await asyncio.to_thread(fail, service)


def interrupt_as_it_waits(service: ScriptedService, monkeypatch) -> list:
    """Interrupt a program when what it waits for is on its way, and not known to it yet."""
    begin = asyncio.run_coroutine_threadsafe
    events = []

    def interrupt(*args):
        begin(*args)
        monkeypatch.undo()
        raise KeyboardInterrupt

    with (
        sync.Partyline(service.url, backoff=SOON) as client,
        contextlib.suppress(KeyboardInterrupt),
    ):
        for event in client.calls():
            events.append(event)
            monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", interrupt)
    return events


async def test_an_interrupt_ends_a_program_whenever_it_comes(monkeypatch):
    async with patience(), scripted_service(Visit(code=None)) as service:
        assert await asyncio.to_thread(interrupt_as_it_waits, service, monkeypatch) == [LIVE]


INTERRUPTED = """
import sys
from partyline_client import sync
with sync.Partyline(sys.argv[1]) as client:
    for event in client.calls():
        print("live", flush=True)
"""


async def test_ctrl_c_ends_a_program_that_waits():
    async with patience(), scripted_service(Visit(code=None)) as service:
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", INTERRUPTED, service.url),
            env=ENVIRON,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert program.stdout is not None
        assert await program.stdout.readline() == b"live\n"
        program.send_signal(signal.SIGINT)
        _, errors = await program.communicate()
    assert errors.decode().splitlines()[-1] == "KeyboardInterrupt"
    assert errors.decode().count("Traceback") == 1
