"""handler/calls/outcome.py: whether a call is over by Twilio's own word, on a real NATS."""

import asyncio
import contextlib
import time

from support.sids import account_sid, call_sid
from support.timing import LOOK, patience

from broker.broker import Broker
from broker.entries import CallStatus
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from handler.calls.outcome import ASK_SECONDS, Outcome, final_status

OVER = CallStatus(account_sid(1), call_sid(1), "completed")
FOREIGN = CallStatus(account_sid(2), call_sid(1), "busy")


@contextlib.asynccontextmanager
async def broker_of(url: str):
    async with Broker(BrokerSettings(servers=(url,), instance="i1")) as broker:
        yield broker


@contextlib.asynccontextmanager
async def nats():
    async with patience(), EmbeddedServer() as server, broker_of(server.url) as broker:
        await broker.wait_ready()
        yield broker


def outcome_of(broker) -> Outcome:
    return Outcome(broker.statuses, account_sid(1), call_sid(1))


async def test_the_first_status_of_its_own_account_is_heard_once():
    heard: list[str] = []
    async with nats() as broker:
        outcome = outcome_of(broker)
        with outcome.watched(heard.append):
            await broker.statuses.put(FOREIGN)
            assert (outcome.status, heard) == (None, [])
            for status in (OVER, CallStatus(account_sid(1), call_sid(1), "failed")):
                await broker.statuses.put(status)
        assert (outcome.status, heard) == ("completed", ["completed"])


async def test_a_status_that_came_before_it_was_watched_is_found_by_asking():
    heard: list[str] = []
    async with nats() as broker:
        await broker.statuses.put(OVER)
        outcome = outcome_of(broker)
        with outcome.watched(heard.append):
            assert heard == []
            await outcome.keep_asking()
        assert (outcome.status, heard) == ("completed", ["completed"])


async def test_who_asks_while_nats_is_away_asks_again(monkeypatch):
    monkeypatch.setattr("handler.calls.outcome.ASK_SECONDS", LOOK)
    async with patience(), broker_of("nats://127.0.0.1:1") as broker:
        outcome = outcome_of(broker)
        with outcome.watched(lambda _: None):
            asking = asyncio.create_task(outcome.keep_asking())
            await asyncio.sleep(5 * LOOK)
            assert not asking.done()
            await broker.statuses.put(OVER)
            await asking
        assert outcome.status == "completed"


async def test_it_is_asked_now_and_then():
    async with broker_of("nats://127.0.0.1:1") as broker:
        outcome = outcome_of(broker)
        asked = [outcome.may_ask(now) for now in (5.0, 5.1, 4.9 + ASK_SECONDS, 5.0 + ASK_SECONDS)]
        assert asked == [True, False, False, True]


def test_a_call_is_over_when_twilio_says_and_no_later_than_now():
    def at(said: int | None) -> int:
        return final_status(account_sid(1), call_sid(1), "completed", said).at

    before = int(time.time() * 1000)
    assert at(before - 5000) == before - 5000
    for now in at(None), at(before + 3_600_000):
        assert before <= now <= time.time() * 1000 + 1
