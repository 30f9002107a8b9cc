"""What the tests of the stand-in for Twilio share."""

from collections.abc import AsyncIterator, Iterator

import pytest
from support.twilio_sdk import CALLED, Sdk
from support.twiml_server import TwimlServer, twiml_server

from rehearsal.twilio.account import Account
from rehearsal.twilio.behaviour import Behaviour
from rehearsal.twilio.stand_in import TwilioStandIn


@pytest.fixture
def account() -> Account:
    return Account(behaviour=Behaviour(speed=20, keep_frames=True))


@pytest.fixture
async def server(account: Account) -> AsyncIterator[TwimlServer]:
    async with twiml_server(account.auth_token) as running:
        yield running


@pytest.fixture
async def twilio(account: Account, server: TwimlServer) -> AsyncIterator[TwilioStandIn]:
    async with TwilioStandIn(account) as running:
        account.add_number(CALLED, voice_url=f"{server.url}/voice")
        yield running


@pytest.fixture
def sdk(account: Account, twilio: TwilioStandIn) -> Iterator[Sdk]:
    with Sdk(twilio.url, account.sid, account.auth_token) as client:
        yield client
