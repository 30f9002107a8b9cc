"""handler/subscribers/admission.py: who is let in, and what ends a stay."""

import asyncio
import dataclasses
import time

import pytest

from broker.broker import Broker
from broker.settings import BrokerSettings
from handler.config import Settings
from handler.errors import AtCapacity, EndCode, SubscriberError, TooSlow
from handler.subscribers.access import Access
from handler.subscribers.admission import Stay, Subscribers
from handler.subscribers.calls_list import CallsList
from handler.tokens.tokens import EVERYTHING


@pytest.fixture
def subscribers() -> Subscribers:
    """Those of a process that has not reached NATS."""
    settings = Settings(max_subscribers=2)
    broker = Broker(BrokerSettings(servers=("nats://127.0.0.1:1",), instance="tests"))
    lists = CallsList(broker.registry)
    return Subscribers(settings, broker, lists, Access(settings), asyncio.Event())


def lasting(seconds: float):
    return dataclasses.replace(EVERYTHING, expires=time.time() + seconds)


async def ended(stay: Stay) -> EndCode:
    async with asyncio.timeout(10):
        with pytest.raises(SubscriberError) as caught:
            await stay.watch()
    return caught.value.code


async def test_no_more_are_let_in_than_there_is_room_for(subscribers):
    with subscribers.admitted():
        with subscribers.admitted(), pytest.raises(AtCapacity), subscribers.admitted():
            pass
        with subscribers.admitted():
            assert subscribers.open == 2
    assert subscribers.open == 0
    subscribers.leaving.set()
    with pytest.raises(AtCapacity), subscribers.admitted():
        pass


@pytest.mark.parametrize("seconds", [-5.0, 0.05])
async def test_a_stay_ends_with_its_token(subscribers, seconds):
    assert await ended(Stay(subscribers, lasting(seconds))) == EndCode.TOKEN


async def test_a_stay_ends_with_the_process(subscribers):
    stay = Stay(subscribers, EVERYTHING)
    asyncio.get_running_loop().call_later(0.05, subscribers.leaving.set)
    assert await ended(stay) == EndCode.LEAVING


async def test_a_fresh_token_prolongs_a_stay_or_shortens_it(subscribers):
    stay = Stay(subscribers, lasting(0.2))
    watching = asyncio.create_task(ended(stay))
    await asyncio.sleep(0)
    stay.renew(lasting(600))
    done, _ = await asyncio.wait({watching}, timeout=0.5)
    assert not done
    stay.renew(lasting(0.05))
    assert await watching == EndCode.TOKEN
    assert stay.grant.expires < time.time()


def test_those_who_are_too_slow_are_counted(subscribers):
    stay = Stay(subscribers, EVERYTHING)
    stay.note_end(TooSlow(7))
    stay.note_end(SubscriberError(EndCode.TOKEN, "token expired"))
    assert subscribers.too_slow == 1
