"""handler/subscribers/admission.py: who is let in, and what ends a admission."""

import asyncio
import contextlib
import dataclasses
import time

import pytest
from structlog.testing import capture_logs
from support.timing import UNIT, patience

from handler.errors import AtCapacity, EndCode, SubscriberError, TooSlow
from handler.refusals import LINES
from handler.subscribers import admission
from handler.subscribers.admission import LEAST_SUBSCRIBERS, Admission
from handler.tokens.grants import EVERYTHING


@pytest.fixture
def subscribers(make_subscribers):
    return make_subscribers(max_subscribers=2)


def lasting(seconds: float):
    return dataclasses.replace(EVERYTHING, expires=time.time() + seconds)


def admitted(subscribers, bearer: str = "somebody"):
    return subscribers.admitted(dataclasses.replace(EVERYTHING, bearer=bearer))


async def test_all_that_a_bearer_says_is_heard_but_no_faster_than_is_cheap(
    make_subscribers, monkeypatch
):
    monkeypatch.setattr(admission, "HEARD_AT_ONCE", 5)
    monkeypatch.setattr(admission, "HEARD_A_SECOND", 1000.0)
    subscribers = make_subscribers()
    heard = []

    async def say(bearer: str | None, count: int) -> None:
        for _ in range(count):
            await subscribers.wait_to_be_heard(bearer)
            heard.append(bearer)

    with admitted(subscribers, "many"):
        async with patience(), asyncio.TaskGroup() as tasks:
            for _ in range(10):
                tasks.create_task(say("many", 2))
            tasks.create_task(say("few", 2))
            tasks.create_task(say(None, 2))
    assert heard.count("many") == 20
    assert heard.index("few") < 15  # others do not wait with them
    assert "many" not in subscribers._said


async def ended(admission: Admission) -> EndCode:
    async with patience():
        with pytest.raises(SubscriberError) as caught:
            async with admission:
                await asyncio.Event().wait()
    return caught.value.code


async def test_no_more_are_let_in_than_there_is_room_for(subscribers):
    with admitted(subscribers):
        with admitted(subscribers), pytest.raises(AtCapacity), admitted(subscribers):
            pass
        with admitted(subscribers):
            assert subscribers.places.taken == 2
    assert subscribers.places.taken == 0
    subscribers.leaving.set()
    with pytest.raises(AtCapacity), admitted(subscribers):
        pass


async def test_those_who_share_a_sub_have_a_share_of_the_places(make_subscribers):
    subscribers = make_subscribers(max_subscribers=100, max_share=20)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(admitted(subscribers, "a"))
        with pytest.raises(SubscriberError) as caught, admitted(subscribers, "a"):
            pass
        assert caught.value.code == EndCode.TOO_MUCH
        assert "another sub" in caught.value.reason
        with admitted(subscribers, "b"):
            assert subscribers.places.taken == 21
    with admitted(subscribers, "a"):
        assert subscribers.places.taken == 1


async def test_a_share_is_no_smaller_than_some_tabs_need(make_subscribers):
    subscribers = make_subscribers(max_subscribers=20, max_share=1)
    assert subscribers.places.each == LEAST_SUBSCRIBERS
    assert make_subscribers(max_subscribers=3).places.each == 3


async def test_without_tokens_there_are_no_shares(make_subscribers):
    subscribers = make_subscribers(max_subscribers=100)
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(subscribers.admitted(EVERYTHING))
        with pytest.raises(AtCapacity), subscribers.admitted(EVERYTHING):
            pass


@pytest.mark.parametrize("seconds", [-5.0, 0.05])
async def test_an_admission_ends_with_its_token(subscribers, seconds):
    assert await ended(Admission(subscribers, lasting(seconds))) == EndCode.TOKEN


async def test_an_admission_ends_with_the_process(subscribers):
    admission = Admission(subscribers, EVERYTHING)
    asyncio.get_running_loop().call_later(0.05, subscribers.leaving.set)
    assert await ended(admission) == EndCode.LEAVING


async def test_a_fresh_token_prolongs_an_admission_or_shortens_it(subscribers):
    admission = Admission(subscribers, lasting(0.2 * UNIT))
    watching = asyncio.create_task(ended(admission))
    await asyncio.sleep(0)
    admission.renew(lasting(600))
    done, _ = await asyncio.wait({watching}, timeout=0.5 * UNIT)
    assert not done
    admission.renew(lasting(0.05))
    assert await watching == EndCode.TOKEN
    assert admission.grant.expires < time.time()


@pytest.mark.parametrize("leaving", [False, True])
async def test_a_token_that_is_renewed_at_the_very_end_changes_nothing(subscribers, leaving):
    """Whatever comes first in that turn of the loop."""
    loop = asyncio.get_running_loop()
    admission = Admission(subscribers, lasting(600))
    watching = asyncio.create_task(ended(admission))
    await asyncio.sleep(0)
    if leaving:
        subscribers.leaving.set()
    else:
        admission.renew(lasting(0))
    for _ in range(10):  # before, at and after the end
        loop.call_soon(admission.renew, lasting(0))
        await asyncio.sleep(0)
    assert await watching == (EndCode.LEAVING if leaving else EndCode.TOKEN)


async def test_those_who_are_too_slow_again_and_again_fill_no_log(subscribers):
    admission = Admission(subscribers, EVERYTHING)
    with capture_logs() as lines:
        for number in range(3 * LINES):
            admission.note_end(TooSlow(number))
    assert 0 < len(lines) <= LINES
    assert {line["event"] for line in lines} == {"subscriber cut off: too slow"}
    assert subscribers.too_slow == 3 * LINES


async def test_those_who_are_too_slow_are_counted(subscribers):
    admission = Admission(subscribers, EVERYTHING)
    admission.note_end(TooSlow(7))
    admission.note_end(SubscriberError(EndCode.TOKEN, "token expired"))
    assert subscribers.too_slow == 1
