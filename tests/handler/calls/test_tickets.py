"""handler/calls/tickets.py: who is let in, in any container, and while NATS is away."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.brokers import kill_server
from support.sids import account_sid, call_sid, stream_sid
from support.timing import patience, until

from broker.broker import Broker
from broker.entries import CallStatus
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from broker.subjects import Address
from handler.calls import tickets as shell
from handler.calls.tickets import Tickets
from handler.config import Settings
from handler.errors import TICKET_ADVICE, TicketRefused
from handler.twilio import tickets
from handler.twilio.accounts import Account
from handler.twilio.start import MediaFormat, StartDetails
from handler.twilio.tickets import STREAM, Scope, Ticket

pytestmark = pytest.mark.usefixtures("slow_nats")

ACCOUNT = Account(auth_tokens=("token", "old"))
SCOPE = Scope(STREAM, account_sid(1), call_sid(1))


@contextlib.asynccontextmanager
async def containers(*servers: str, **settings: Any) -> AsyncIterator[list[Tickets]]:
    """Open the tickets of processes, each with a broker of its own."""
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for number, server in enumerate(servers):
            broker_settings = BrokerSettings(servers=(server,), instance=f"i{number}")
            broker = await stack.enter_async_context(Broker(broker_settings))
            if "127.0.0.1:1" not in server:
                async with patience():
                    await broker.wait_ready()
            made = Tickets(Settings(**settings), broker)
            found.append(await stack.enter_async_context(made))
        yield found


def start(ticket: str | None = None, call: int = 1, **changes: Any) -> StartDetails:
    parameters = {} if ticket is None else {"ticket": ticket}
    facts = {
        "account_sid": account_sid(1),
        "call_sid": call_sid(call),
        "stream_sid": stream_sid(1),
        "media_format": MediaFormat(),
        "custom_parameters": parameters,
    }
    return StartDetails(**{**facts, **changes})


async def refusal(
    tickets: Tickets, details: StartDetails, account: Account = ACCOUNT
) -> str | None:
    """What is wrong with the ticket of a stream; None if it is let in."""
    try:
        await tickets.admit(details, account)
    except TicketRefused as exc:
        return exc.defect
    return None


async def test_a_ticket_opens_one_stream_of_its_call_in_whichever_container():
    async with EmbeddedServer() as nats, containers(nats.url, nats.url) as (one, other):
        ticket = await one.issue(ACCOUNT, SCOPE, None)
        assert await refusal(other, start(ticket, call=2)) == "not of this call"
        assert await refusal(other, start(ticket)) is None
        assert await refusal(one, start(ticket)) == "spent"
        assert await refusal(other, start(ticket)) == "spent"
        assert (one.issued, one.refused, other.refused) == (1, 1, 2)


async def test_of_many_streams_that_come_at_once_with_one_ticket_one_is_let_in():
    async with EmbeddedServer() as nats, containers(nats.url, nats.url) as both:
        for token in (None, "again"):
            ticket = await both[0].issue(ACCOUNT, SCOPE, token)
            found = await asyncio.gather(*(refusal(one, start(ticket)) for one in both * 5))
            assert sorted(map(str, found)) == ["None"] + 9 * ["spent"]


async def test_whoever_asks_again_gets_the_same_ticket_from_whichever_container():
    async with EmbeddedServer() as nats, containers(nats.url, nats.url) as (one, other):
        asked = (one, other) * 5
        made = await asyncio.gather(*(each.issue(ACCOUNT, SCOPE, "again") for each in asked))
        made += [await other.issue(ACCOUNT, SCOPE, "again")]
        assert len(set(made)) == 1
        assert await refusal(one, start(made[0])) is None
        assert await other.issue(ACCOUNT, SCOPE, "again") == made[0]
        assert await one.issue(ACCOUNT, SCOPE, "another") != made[0]
        assert await one.issue(ACCOUNT, SCOPE._replace(call_sid=call_sid(2)), "again") != made[0]
        assert await one.issue(ACCOUNT, SCOPE, None) != await one.issue(ACCOUNT, SCOPE, None)


async def test_whoever_asks_again_when_it_has_ended_gets_a_new_one(monkeypatch):
    async with EmbeddedServer() as nats, containers(nats.url, nats.url) as (one, other):
        monkeypatch.setattr(shell, "TICKET_SECONDS", -1)
        await one.issue(ACCOUNT, SCOPE, "again")
        monkeypatch.undo()
        for each in (one, other):
            assert await refusal(each, start(await each.issue(ACCOUNT, SCOPE, "again"))) is None


def test_each_thing_that_is_wrong_with_a_ticket_has_advice_of_its_own_that_a_close_frame_holds():
    reasons = [TicketRefused(defect).reason for defect in TICKET_ADVICE]
    assert all(len(reason.encode()) <= 120 for reason in reasons)
    assert len(set(TICKET_ADVICE.values())) == len(reasons)
    assert "clocks" in TicketRefused("expired").reason


@pytest.mark.parametrize("required", [None, True, False])
async def test_a_ticket_that_is_given_is_checked_whether_one_is_needed_or_not(required):
    over = tickets.write("token", SCOPE, Ticket("stream", "a" * 22, int(time.time()) - 1))
    foreign = tickets.write("another", SCOPE, Ticket("stream", "a" * 22, int(time.time()) + 60))
    async with containers("nats://127.0.0.1:1", require_ticket=required) as (one,):
        assert await refusal(one, start(over)) == "expired"
        assert await refusal(one, start(foreign)) == "not of this call"
        for text in ("", "x", foreign + "x"):
            assert await refusal(one, start(text)) == "malformed"
        assert await refusal(one, start(custom_parameters={"TICKET": "x"})) == "malformed"
        unread = start(unusable=("customParameters.ticket",))  # it was an object, or too long
        assert await refusal(one, unread) == "malformed"
        assert await refusal(one, start()) == ("missing" if required else None)


async def test_while_nats_is_away_a_ticket_is_made_at_once_and_spent_once_here():
    async with containers("nats://127.0.0.1:1", "nats://127.0.0.1:1") as (one, other):
        with capture_logs() as lines:
            made = await asyncio.gather(*(one.issue(ACCOUNT, SCOPE, "again") for _ in range(5)))
            assert len(set(made)) == 1
            found = await asyncio.gather(*(refusal(one, start(made[0])) for _ in range(5)))
        assert sorted(map(str, found)) == ["None"] + 4 * ["spent"]
        assert await refusal(other, start(made[0])) is None  # it cannot know, and loses no call
        told = [line["event"] for line in lines if line["event"] != "nats"]  # of the connection
        assert told == ["tickets are checked by this process alone while NATS is away"]


async def test_nats_that_goes_away_and_comes_back_is_told_each_time():
    async with EmbeddedServer() as nats, containers(nats.url) as (one,):
        spent = await one.issue(ACCOUNT, SCOPE, None)
        assert await refusal(one, start(spent)) is None
        await kill_server(nats)
        await until(lambda: not one._broker.connected)
        with capture_logs() as lines:
            assert await refusal(one, start(spent)) == "spent"
            assert await refusal(one, start(await one.issue(ACCOUNT, SCOPE, "again"))) is None
        told = [line["event"] for line in lines if line["event"].startswith("tickets")]
        assert told == ["tickets are checked by this process alone while NATS is away"]


async def test_once_a_call_was_answered_streams_need_a_ticket_in_all_containers():
    async with EmbeddedServer() as nats, containers(nats.url, nats.url) as (one, other):
        assert await refusal(one, start()) is None
        with capture_logs() as lines:
            one.note_use()
            one.note_use()
        assert [line["event"] for line in lines] == ["media streams need a ticket from now on"]
        assert await refusal(one, start()) == "missing"
        await until(lambda: other.required)
        assert await refusal(other, start()) == "missing"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Account(auth_tokens=("old",)), Account(auth_tokens=("new", "old"))),  # in mid-rotation
        (Account(), Account()),  # --insecure
    ],
)
async def test_whichever_auth_token_made_it_a_ticket_is_good(one, other):
    async with containers("nats://127.0.0.1:1") as (here,):
        ticket = await here.issue(one, SCOPE, None)
        assert await refusal(here, start(ticket), other) is None


async def test_where_the_setting_says_so_use_changes_nothing():
    async with containers("nats://127.0.0.1:1", require_ticket=False) as (one,):
        one.note_use()
        assert not one.required


async def test_what_is_remembered_has_a_bound(monkeypatch):
    monkeypatch.setattr(shell, "MAX_REMEMBERED", 3)
    memory = shell._Memory()
    later = int(time.time()) + 60
    memory.setdefault("over", later - 61)
    for name in "abcd":
        memory.setdefault(name, later)
    assert memory.setdefault("d", later + 1) == later
    assert [name for name in ("over", *"abcd") if memory.get(name)] == ["c", "d"]


async def test_what_was_seen_of_a_call_opens_nothing_once_twilio_has_said_that_it_is_over():
    async with EmbeddedServer() as nats, containers(nats.url, nats.url) as (one, other):
        early = await one.issue(ACCOUNT, SCOPE, None)
        assert not await other.is_over(SCOPE.call_sid, SCOPE.account_sid)
        for sid in (account_sid(2), SCOPE.account_sid):  # the first is not of the call's account
            assert not await other.is_over(SCOPE.call_sid, SCOPE.account_sid)
            await one._broker.statuses.put(CallStatus(sid, SCOPE.call_sid, "completed"))
        assert await other.is_over(SCOPE.call_sid, SCOPE.account_sid)
        assert await refusal(other, start(early)) == shell.OVER


@pytest.mark.parametrize(("seconds", "over"), [(shell.ENDED_SECONDS + 60, True), (60, False)])
async def test_a_call_on_hold_may_go_on_and_one_that_ended_long_ago_may_not(seconds, over):
    async with EmbeddedServer() as nats, containers(nats.url) as (one,):
        broker = one._broker
        address = Address(SCOPE.account_sid, SCOPE.call_sid, "event", "call")
        at = round((time.time() - seconds) * 1000)
        record = json.dumps({"type": "CallEnded", "at": at}).encode()
        await broker.js.publish(broker.subjects.ingested(address), record)
        assert await one.is_over(SCOPE.call_sid, SCOPE.account_sid) is over
        assert await refusal(one, start(await one.issue(ACCOUNT, SCOPE, None))) == (
            shell.OVER if over else None
        )


async def test_a_container_that_has_just_begun_asks_whether_streams_need_a_ticket():
    """What the others know comes to it a moment later; a stream may come before that."""
    async with EmbeddedServer() as nats, containers(nats.url, nats.url) as (one, other):
        await one._broker.tickets.require(ttl=60)
        await until(lambda: one.required)
        registry = other._broker.registry
        registry._view.tickets_required = registry.fresh = False
        assert await refusal(other, start()) == "missing"
