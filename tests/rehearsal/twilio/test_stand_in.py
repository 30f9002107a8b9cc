"""The stand-in as a whole: several accounts, what it keeps, and how it ends."""

from dataclasses import replace

import pytest
from support.timing import until
from support.twilio_sdk import CALLED, CALLER, OTHER, Sdk

from rehearsal.errors import RestError
from rehearsal.twilio import account as account_module
from rehearsal.twilio import stand_in
from rehearsal.twilio.account import Account
from rehearsal.twilio.delivery import Delivery
from rehearsal.twilio.legs import Status
from rehearsal.twilio.stand_in import TwilioStandIn

RING = {"timeout": 1}  # seconds of the call
WAITING = '<Response><Start><Stream url="{url}"/></Start><Pause length="3600"/></Response>'


async def test_at_its_end_everybody_hangs_up_and_streams_stop(account, server):
    server.answers["/voice"] = lambda _: WAITING.format(url=server.stream_url)
    async with TwilioStandIn(account) as twilio:
        account.add_number(
            CALLED, voice_url=f"{server.url}/voice", status_callback=f"{server.url}/status"
        )
        calls = [twilio.call(CALLED, CALLER) for _ in range(3)]
        await server.begun(3)
    assert [call.leg.status for call in calls] == [Status.COMPLETED] * 3
    await server.stopped(3)
    assert len(server.forms("/status")) == 3


async def test_callbacks_that_come_too_late_do_not_keep_it(account, server, monkeypatch):
    monkeypatch.setattr(stand_in, "END_SECONDS", 0.1)
    account.behaviour = replace(account.behaviour, delivery=Delivery(delay=3600))
    async with TwilioStandIn(account) as twilio:
        account.add_number(CALLED, status_callback=f"{server.url}/status")
        call = twilio.call(CALLED, CALLER)
        await call.over.wait()
    assert server.forms("/status") == []


async def test_what_goes_wrong_beside_it_leaves_as_it_is_and_a_defect_of_a_call_in_a_group(
    account, server
):
    with pytest.raises(LookupError):
        async with TwilioStandIn(account):
            raise LookupError

    async def defective() -> None:
        raise ZeroDivisionError

    with pytest.raises(BaseExceptionGroup) as caught:
        async with TwilioStandIn(account) as twilio:
            await twilio._spawn(defective(), "defective")
    assert caught.group_contains(ZeroDivisionError)


async def test_accounts_know_nothing_of_each_other(account, server):
    other = Account()
    async with TwilioStandIn(account, other) as twilio:
        account.add_number(CALLED)
        other.add_number(OTHER)
        with Sdk(twilio.url, other.sid, other.auth_token) as sdk:
            [number] = await sdk.do(lambda client: client.incoming_phone_numbers.list())
        assert number.phone_number == OTHER
        assert twilio.account is account
        with pytest.raises(RestError, match=r"^HTTP 404 20404: the account has no number \+1"):
            twilio.call(OTHER, CALLER)


async def test_of_calls_that_are_over_the_newest_are_kept(twilio, account, monkeypatch):
    monkeypatch.setattr(account_module, "MAX_CALLS", 3)
    calls = []
    for _ in range(6):
        calls.append(twilio.call(CALLED, CALLER))
        await calls[-1].over.wait()
    assert list(account.calls.values()) == calls[2:]  # the last came before its end


async def test_two_legs_of_one_call_end_together(twilio, account, server, sdk, sound):
    account.behaviour = replace(account.behaviour, recordings=(sound.noise(0.2), b"\x10" * 160))
    server.answers["/voice"] = lambda _: WAITING.format(url=server.stream_url)
    twiml = '<Response><Pause length="3600"/></Response>'
    await sdk.do(lambda client: client.calls.create(CALLED, OTHER, twiml=twiml))
    await until(lambda: len(account.calls) == 2)
    for call in list(account.calls.values()):
        await call.over.wait()
    assert {call.leg.status for call in account.calls.values()} == {Status.COMPLETED}


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("no-answer", Status.NO_ANSWER), ("busy", Status.BUSY), ("failed", Status.FAILED)],
)
async def test_a_call_that_is_made_may_not_be_answered(
    account, server, twilio, sdk, outcome, status
):
    callees = {OTHER: replace(account.behaviour.callee(OTHER), outcome=Status(outcome))}
    account.behaviour = replace(account.behaviour, callees=callees)
    made = await sdk.do(
        lambda client: client.calls.create(
            OTHER,
            CALLED,
            url=f"{server.url}/voice",
            status_callback=f"{server.url}/status",
            **RING,
        )
    )
    [form] = await server.told("/status", 1)
    assert form["CallStatus"] == outcome
    assert server.forms("/voice") == []
    assert account.calls[made.sid].leg.status is status


async def test_a_call_that_rings_may_be_cancelled(account, twilio, sdk):
    callees = {OTHER: replace(account.behaviour.callee(OTHER), ring_seconds=3600)}
    account.behaviour = replace(account.behaviour, callees=callees, speed=1)
    create = {"twiml": "<Response/>", "to": OTHER, "from_": CALLED}
    made = await sdk.do(lambda client: client.calls.create(**create))
    await sdk.do(lambda client: client.calls(made.sid).update(status="canceled"))
    await account.calls[made.sid].over.wait()
    assert account.calls[made.sid].leg.status is Status.CANCELED
