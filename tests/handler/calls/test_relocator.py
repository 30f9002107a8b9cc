"""handler/calls/relocator.py, drain.py: which calls go elsewhere, when, and in what time."""

import asyncio
import contextlib
import itertools

import pytest
from structlog.testing import capture_logs
from support.brokers import read_records
from support.containers import said, whole, world
from support.processes import partyline
from support.sids import call_sid, stream_sid
from support.timing import PATIENCE, patience, until
from support.twilio_api import said as answered
from support.twilio_moves import twilio

from handler.audio import cut
from handler.audio.mulaw import SAMPLE_RATE
from handler.calls import relocator
from handler.calls.drain import drain
from handler.calls.relocator import is_old
from handler.errors import MoveFailed, Stay

pytestmark = pytest.mark.usefixtures("slow_moves")


async def told(broker, phone):
    """Return the events of a call that is over."""
    records = await read_records(broker, phone.call_sid)
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    return records, [record["type"] for record in records if record["type"] != "Results"]


async def test_a_process_that_leaves_asks_for_all_streams_before_it_stops_one():
    async with world() as (_, stack, run), patience():
        api, settings = await stack.enter_async_context(twilio())
        mine, api.target = await run(**settings), await run()
        phones = [api.call(number, mine, seconds=5) for number in range(1, 5)]
        await asyncio.sleep(1.5)
        with capture_logs() as lines:
            await drain(mine.calls, mine.relocator, 30)
        assert api.order == ["create"] * 4 + ["stop"] * 4
        assert not mine.calls.carried
        assert mine.relocator.moved == 4
        assert [line["event"] for line in lines].count("call moved") == 4
        for phone in phones:
            await phone.over()
            records, events = await told(api.target.broker, phone)
            assert events == ["CallStarted", "CallResumed", "CallEnded"]
            assert said(records) == whole(phone)


async def test_a_process_with_little_time_waits_for_no_long_pause(monkeypatch):
    minute = 60 * SAMPLE_RATE
    wanted = ((0, minute), (minute, minute), (2 * minute, 480), (2 * minute + SAMPLE_RATE, 120))
    monkeypatch.setattr(cut, "WANTED", wanted)
    monkeypatch.setattr(cut, "HURRIED", 2 * minute)
    monkeypatch.setattr(cut, "GOOD_PAUSE", minute)
    monkeypatch.setattr("handler.calls.drain.MOVES", 3)  # once hurried, it may take its time
    async with world() as (_, stack, run), patience():
        api, settings = await stack.enter_async_context(twilio())
        mine, api.target = await run(**settings), await run()
        phone = api.call(1, mine, seconds=20)
        await asyncio.sleep(0.5)
        begun = asyncio.get_running_loop().time()
        await drain(mine.calls, mine.relocator, 6)
        assert asyncio.get_running_loop().time() - begun > 3.0  # a long one is waited for till then
        assert mine.relocator.moved == 1
        await phone.hang_up()


async def test_a_call_whose_stream_comes_late_is_not_left_at_half_of_the_time(monkeypatch):
    monkeypatch.setattr("handler.calls.drain.MOVES", 3)
    async with world() as (_, stack, run), patience():
        api, settings = await stack.enter_async_context(twilio())
        mine, api.target = await run(**settings), await run()
        phone = api.call(1, mine, seconds=20)
        await asyncio.sleep(0.5)
        api.api.gate = asyncio.Event()
        asyncio.get_running_loop().call_later(5.1, api.api.gate.set)
        await drain(mine.calls, mine.relocator, 10)
        assert mine.relocator.moved == 1
        await phone.hang_up()


async def test_a_process_leaves_in_time_whatever_becomes_of_its_calls(monkeypatch):
    """Each is left to others, or has gone; none is cut off."""
    monkeypatch.setattr("handler.calls.drain.MOVES", 5 / 8)  # flushing has 3 s, and not 1.5 s
    async with world() as (_, stack, run), patience():
        apis, mine = {}, {}
        for case in ("no answer", "429", "nobody comes", "no room", "over"):
            api, settings = await stack.enter_async_context(twilio())
            apis[case], mine[case] = api, await run(**settings)
        apis["no answer"].api.gate = asyncio.Event()
        apis["429"].api.answer = lambda _: answered(429, {"code": 20429, "message": "slow down"})
        apis["over"].api.answer = lambda _: answered(404, {"code": 20404, "message": "not found"})
        apis["no room"].room = False
        apis["no room"].target = theirs = await run()
        api, settings = await stack.enter_async_context(twilio())
        apis["no credentials"] = api
        mine["no credentials"] = await run(**{**settings, "twilio_auth_tokens": ()})
        phones = {
            case: apis[case].call(number, mine[case], seconds=12)
            for number, case in enumerate(mine, 1)
        }
        await asyncio.sleep(1)
        with capture_logs() as lines:
            await asyncio.gather(*(drain(one.calls, one.relocator, 8) for one in mine.values()))
        apis["no answer"].api.gate.set()
        assert [line for line in lines if line["event"] == "drain deadline passed"] == []
        for case, one in mine.items():
            assert not one.calls.carried, case
            assert one.relocator.moved == 0
        stays = {
            case: {kind for kind, n in one.relocator.stayed.items() if n}
            for case, one in mine.items()
        }
        assert stays == {
            "no answer": {Stay.LEAVING},
            "429": {Stay.LEAVING},
            "nobody comes": {Stay.LEAVING},
            "no room": {Stay.NO_ROOM},
            "over": {Stay.OVER},
            "no credentials": {Stay.NO_ACCESS},
        }
        gone = phones["no room"]
        await gone.hang_up()
        _, events = await told(theirs.broker, gone)
        assert events.count("Gap") <= 1
        assert [one for one in events if one != "Gap"] == [
            "CallStarted",
            "CallResumed",
            "CallEnded",
        ]
        assert apis["no room"].order == ["create", "stop", "create"]
        for phone in phones.values():
            await phone.hang_up()


def test_streams_that_began_together_do_not_grow_old_together():
    old = [is_old(3200, 3300, stream_sid(number)) for number in range(400)]
    assert 100 < sum(old) < 300
    assert all(is_old(3300, 3300, stream_sid(number)) for number in range(400))
    assert not any(is_old(3134, 3300, stream_sid(number)) for number in range(400))


async def test_old_streams_are_followed_in_the_same_container_a_few_at_once(monkeypatch):
    monkeypatch.setattr(relocator, "AT_ONCE", 2)
    monkeypatch.setattr(relocator, "LOOK_SECONDS", 0.1)
    # A call that lasts no longer than a search would be over before the last one's turn.
    monkeypatch.setattr(cut, "WANTED", ((0, SAMPLE_RATE // 2), (SAMPLE_RATE, 120)))
    monkeypatch.setattr(cut, "HEARD", SAMPLE_RATE // 2)
    async with world() as (_, stack, run), patience():
        api, settings = await stack.enter_async_context(twilio())
        api.target = mine = await run(**settings, max_stream_seconds=3.5)
        phones = [api.call(number, mine, seconds=14) for number in range(1, 4)]
        await until(lambda: len(api.begun) == 2)
        assert not api.stopped
        await until(lambda: len(set(api.begun)) == 3)
        monkeypatch.setattr(relocator, "AT_ONCE", 0)  # else a call ends while it moves once more
        assert api.order.index("stop") == 2
        for phone in phones:
            await phone.over()
            records, events = await told(mine.broker, phone)
            assert events == ["CallStarted", *["CallResumed"] * (len(phone.media) - 1), "CallEnded"]
            assert said(records) == whole(phone)
        await until(lambda: not mine.calls.carried)
        assert mine.relocator.moved == sum(len(phone.media) - 1 for phone in phones)


async def test_a_call_that_stayed_is_asked_again_later_and_later(monkeypatch):
    monkeypatch.setattr(relocator, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(relocator, "FIRST_PAUSE", 0.2)
    async with world() as (_, stack, run), patience():
        lines = stack.enter_context(capture_logs())
        api, settings = await stack.enter_async_context(twilio())
        times = []

        def refused(_):
            times.append(asyncio.get_running_loop().time())
            return answered(500, {"code": 20500, "message": "ours"})

        api.api.answer = refused
        mine = await run(**settings, max_stream_seconds=0.5)
        phone = api.call(1, mine, seconds=30)
        await until(lambda: len(times) == 4)
        # What lies between two attempts may be longer, as the machine has other work, too.
        told = [line["not_again_for"] for line in lines if line["event"] == "call stays here"][:3]
        assert told == sorted(set(told))
        for pause, (one, next_one) in zip(told, itertools.pairwise(times), strict=True):
            assert next_one - one > pause - 0.01  # as they are told
        assert mine.relocator.stayed[Stay.REFUSED] in (3, 4)
        await phone.hang_up()
        await until(lambda: not mine.calls.carried)


async def test_two_who_move_a_call_move_it_once():
    async with world() as (_, stack, run), patience():
        api, settings = await stack.enter_async_context(twilio())
        mine, api.target = await run(**settings), await run()
        phone = api.call(1, mine, seconds=5)
        await asyncio.sleep(1)
        call = mine.calls.find(phone.call_sid)
        await asyncio.gather(mine.relocator.move(call), mine.relocator.move(call))
        assert api.order == ["create", "stop"]
        assert mine.relocator.moved == 1
        await phone.over()
        records, _ = await told(api.target.broker, phone)
        assert said(records) == whole(phone)


async def test_an_operator_moves_a_call_and_is_told_who_has_it():
    async with world() as (server, stack, run), patience():
        api, settings = await stack.enter_async_context(twilio())
        mine, api.target = await run(**settings), await run()
        bare = await run()

        def move(number):
            return asyncio.to_thread(partyline, "move", call_sid(number), "--url", server.url)

        lasting = round(PATIENCE)  # three processes are started meanwhile
        phones = [api.call(1, mine, seconds=lasting), api.call(2, bare, seconds=lasting)]
        await until(lambda: len(mine.broker.registry.calls()) == 2)
        done = await move(1)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{call_sid(1)}: c1 has it now, before it was c0\n"
        for number, code, words in (
            (3, 3, "is not live"),
            (2, 4, "stays with c2: PUBLIC_URL is not set"),
        ):
            refused = await move(number)
            assert (refused.returncode, refused.stdout) == (code, "")
            assert refused.stderr.startswith(f"partyline move: {call_sid(number)} {words}")
        for phone in phones:
            await phone.hang_up()
        await until(lambda: not mine.calls.carried)


async def test_nothing_is_left_of_calls_that_moved():
    async with world() as (_, stack, run), patience():
        api, settings = await stack.enter_async_context(twilio())
        mine, api.target = await run(**settings), await run()
        idle = {task.get_name() for task in asyncio.all_tasks()}
        subscriptions = len(mine.broker.client._subs)
        phones = [api.call(number, mine, seconds=5) for number in (1, 2)]
        await asyncio.sleep(1)
        await asyncio.gather(*(mine.relocator.move(call) for call in mine.calls.carried))
        for phone in phones:
            await phone.over()
        await until(lambda: not mine.calls.carried and not api.target.calls.carried)
        assert len(mine.broker.client._subs) == subscriptions
        assert not mine.relocator._moves
        assert not mine.relocator._later
        left = {task.get_name() for task in asyncio.all_tasks()} - idle
        assert not [name for name in left if "CA" in name]


async def test_a_move_ends_with_its_process():
    async with world() as (_, stack, run), patience():
        api, settings = await stack.enter_async_context(twilio())
        mine = await run(**settings)
        phone = api.call(1, mine, seconds=20)
        await until(lambda: phone.call_sid in mine.broker.registry.calls())
        moving = asyncio.create_task(mine.relocator.move(mine.calls.find(phone.call_sid)))
        await until(lambda: api.begun)
        await mine.relocator.__aexit__()
        await mine.calls.__aexit__()
        with contextlib.suppress(MoveFailed, asyncio.CancelledError):
            await moving
        assert not [task for task in asyncio.all_tasks() if phone.call_sid in task.get_name()]
        await phone.hang_up()
