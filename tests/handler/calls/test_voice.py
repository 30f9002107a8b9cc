"""handler/calls/voice.py: Twilio asks what to do with a call."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import httpx
import pytest
from starlette.applications import Starlette
from starlette.datastructures import MultiDict
from structlog.testing import capture_logs
from support.sids import account_sid, call_sid
from support.timing import patience
from twilio.request_validator import RequestValidator

from broker.broker import Broker
from broker.entries import CallStatus
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from handler.calls.live_calls import LiveCalls
from handler.calls.tickets import Tickets
from handler.calls.voice import VoiceWebhook
from handler.config import Settings
from handler.forwarding import read_forward_to
from handler.twilio import tickets
from handler.twilio.accounts import Account, Accounts
from handler.twilio.tickets import STREAM, Scope
from handler.twilio.webhooks import FORM, Webhooks

pytestmark = pytest.mark.usefixtures("slow_nats")

BASE = "https://calls.example.com"
CALL = {
    "AccountSid": account_sid(1),
    "CallSid": call_sid(1),
    "From": "+15550100001",
    "To": "+15550001111",
    "Direction": "inbound",
    "CallStatus": "ringing",
    "CallerCity": "",
}

Fields = dict[str, str] | list[tuple[str, str]]


class Container:
    """One process's voice webhook, without NATS unless it is named."""

    def __init__(self, broker: Broker, calls: LiveCalls, tickets: Tickets, app: Starlette) -> None:
        self.broker = broker
        self.calls = calls
        self.tickets = tickets
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://10.0.0.7:8080"
        )

    async def ask(
        self,
        form: Fields,
        path: str = "/twilio/voice",
        **headers: str,
    ) -> httpx.Response:
        """Ask as Twilio does."""
        fields = list(form.items()) if isinstance(form, dict) else form
        signed = MultiDict(fields)
        signature = RequestValidator("token").compute_signature(f"{BASE}{path}", signed)
        sent = {"X-Twilio-Signature": signature, "Content-Type": FORM, **headers}
        return await self.client.post(path, content=urlencode(fields), headers=sent)

    async def response(
        self, form: Fields, path: str = "/twilio/voice", **headers: str
    ) -> ET.Element:
        """Ask, and read the TwiML."""
        answer = await self.ask(form, path, **headers)
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            "text/xml; charset=utf-8",
        )
        return ET.fromstring(answer.content)  # noqa: S314  our own


@contextlib.asynccontextmanager
async def container(
    servers: tuple[str, ...] = ("nats://127.0.0.1:1",), **changes: Any
) -> AsyncIterator[Container]:
    settings = Settings(public_url=BASE, **changes)
    broker_settings = BrokerSettings(servers=servers, instance="i1")
    async with (
        Broker(broker_settings) as broker,
        LiveCalls(settings, broker) as calls,
        Tickets(settings, broker) as made,
    ):
        accounts = Accounts(Account(sid=account_sid(1), auth_tokens=("token", "old")))
        voice = VoiceWebhook(settings, calls, made)
        app = Starlette(routes=Webhooks(settings, accounts).routes("voice", voice.answer))
        one = Container(broker, calls, made, app)
        async with one.client:
            yield one


def parameters(response: ET.Element) -> dict[str, str]:
    found = [(each.attrib["name"], each.attrib["value"]) for each in response.iter("Parameter")]
    assert len(dict(found)) == len(found)
    return dict(found)


async def test_the_call_is_forked_to_us_its_caller_told_and_then_connected():
    async with container(forward_to=read_forward_to("+15551230000,sip:desk@example.com")) as one:
        response = await one.response(CALL)
    assert [verb.tag for verb in response] == ["Start", "Say", "Dial"]
    (stream,) = response[0]
    assert stream.attrib == {
        "url": "wss://calls.example.com/twilio",
        "name": f"partyline-{parameters(response)['ticket'][:8]}",
        "track": "both_tracks",
        "statusCallback": "https://calls.example.com/twilio/status#rc=3&rp=all",
    }
    told = parameters(response)
    scope = Scope(STREAM, account_sid(1), call_sid(1))
    assert tickets.check(told.pop("ticket"), ("token",), [scope], time.time()).expiry
    assert told == {"from": "+15550100001", "to": "+15550001111", "direction": "inbound"}
    assert response[1].text == "This call may be monitored or recorded."
    assert [(noun.tag, noun.text) for noun in response[2]] == [
        ("Number", "+15551230000"),
        ("Sip", "sip:desk@example.com"),
    ]
    for noun in response[2]:
        assert noun.attrib == {
            "statusCallback": "https://calls.example.com/twilio/status#rc=3&rp=all",
            "statusCallbackEvent": "initiated ringing answered completed",
        }


async def test_the_path_of_an_account_leads_to_the_same_account():
    path = f"/twilio/{account_sid(1)}"
    async with container() as one:
        response = await one.response(CALL, f"{path}/voice")
    (stream,) = response[0]
    assert stream.attrib["url"] == f"wss://calls.example.com{path}"
    assert stream.attrib["statusCallback"] == f"{BASE}{path}/status#rc=3&rp=all"


async def test_each_number_has_its_own_way():
    numbers = {
        "+15550001111": (
            '{"dial": "+15551230000", "options": "language=de", "notice": "Guten Tag.", '
            '"metadata": {"tenant": "7"}, "calleeName": "Sales"}'
        ),
        "sip:desk@example.com": '{"notice": "none"}',
    }
    forward_to = ", ".join(f'"{number}": {entry}' for number, entry in numbers.items())
    async with container(forward_to=read_forward_to(f"{{{forward_to}}}")) as one:
        north = await one.response(CALL)
        sip = await one.response({**CALL, "To": "sip:desk@EXAMPLE.com;transport=tls"})
        other = await one.response({**CALL, "To": "+15550009999"})
    assert north.findtext("Say") == "Guten Tag."
    assert north.findtext("Dial/Number") == "+15551230000"
    told = parameters(north)
    assert (told["options"], told["calleeName"], told["tenant"]) == ("language=de", "Sales", "7")
    assert [verb.tag for verb in sip] == ["Start", "Pause"]
    assert [verb.tag for verb in other] == ["Start", "Say", "Pause"]


@pytest.mark.parametrize(
    "call",
    [
        {**CALL, "To": "+15551230000"},
        {**CALL, "From": "+15551230000"},
        {**CALL, "To": "sip:DESK@example.com", "Called": "+15551230000"},
    ],
)
async def test_nobody_who_is_in_the_call_already_is_rung_for_it_for_ever(call):
    places = "+15551230000,sip:desk@example.com"
    async with container(forward_to=read_forward_to(places)) as one:
        with capture_logs() as lines:
            response = await one.response(call)
    assert [noun.text for noun in response.findall("Dial/*")] == ["sip:desk@example.com"]
    assert any(line["event"] == "not rung: in the call already" for line in lines)


async def test_no_more_calls_are_answered_at_once_than_there_are_places(monkeypatch):
    calls = [{**CALL, "CallSid": call_sid(number)} for number in range(10)]
    async with container(max_calls=2) as one:
        statuses = [each.status_code for each in await asyncio.gather(*map(one.ask, calls))]
        assert sorted(statuses) == [200] * 2 + [503] * 8
        for call, status in zip(calls, statuses, strict=True):  # whoever has a place may ask again
            assert (await one.ask(call)).status_code == status
        monkeypatch.setattr("handler.calls.promised_places.KEPT_SECONDS", 0.0)
        for call in calls[:2]:  # and nobody came for it
            await one.ask(call)
        assert (await one.ask(calls[9])).status_code == 200


async def test_a_webhook_that_was_seen_gets_no_ticket_once_its_call_is_over_and_keeps_no_place():
    async with EmbeddedServer() as nats, container(servers=(nats.url,), max_calls=1) as one:
        async with patience():
            await one.broker.wait_ready()
        assert (await one.ask(CALL)).status_code == 200
        await one.broker.statuses.put(CallStatus(account_sid(1), call_sid(1), "completed"))
        answer = await one.ask(CALL, **{"I-Twilio-Idempotency-Token": "another"})
        assert (answer.status_code, answer.text) == (410, "the call is over\n")
        assert (await one.ask({**CALL, "CallSid": call_sid(2)})).status_code == 200


async def test_asked_again_with_the_same_words_it_says_the_same():
    async with container() as one:
        token = {"I-Twilio-Idempotency-Token": "7b1c"}
        first, again = [(await one.ask(CALL, **token)).content for _ in range(2)]
        other = (await one.ask(CALL)).content
    assert first == again != other


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"From": "anonymous"}, {"from": "anonymous"}),
        ({"From": ""}, {}),
        ({"From": None, "Caller": "client:ann"}, {"from": "client:ann"}),
        ({"To": "sip:a&b@example.com"}, {"to": "sip:a&b@example.com"}),
        ({"To": None, "Direction": None}, {"to": None, "direction": None}),
        ({"From": '"/></Stream></Start><Dial>+1900</Dial>'}, None),
        ({"From": "+1555\x00\x1b[2J"}, {"from": "+1555\ufffd\ufffd[2J"}),
        ({"From": "1" * 600}, {"from": None}),
        ({"CallerName": "ANN & Ünï"}, {"callerName": "ANN & Ünï"}),
        ({"Ticket": "x", "ticket": "y"}, {}),
    ],
    ids=str,
)
async def test_whatever_a_webhook_says_the_answer_is_one_that_twilio_reads(form, told):
    merged = {name: value for name, value in {**CALL, **form}.items() if value is not None}
    async with container() as one:
        response = await one.response(merged)
    assert [verb.tag for verb in response] == ["Start", "Say", "Pause"]
    found = parameters(response)
    expected = {"from": form.get("From")} if told is None else told
    for name, value in expected.items():
        assert found.get(name) == value


async def test_of_a_parameter_that_comes_twice_the_first_counts():
    async with container() as one:
        response = await one.response([*CALL.items(), ("From", "+15550109999"), ("To", "x")])
    assert parameters(response)["from"] == "+15550100001"


@pytest.mark.parametrize(
    "form",
    [
        {name: value for name, value in CALL.items() if name != "CallSid"},
        {**CALL, "CallSid": "*"},
        {**CALL, "CallSid": ""},
        [*CALL.items(), ("CallSid", call_sid(2))],
    ],
    ids=["missing", "wild", "blank", "two"],
)
async def test_without_a_call_there_is_no_answer(form):
    async with container() as one:
        with capture_logs() as lines:
            answer = await one.ask(form)
    assert (answer.status_code, answer.headers["content-type"]) == (
        400,
        "text/plain; charset=utf-8",
    )
    assert "CallSid must be there once" in answer.text
    assert [line["reason"] for line in lines if line["event"] == "webhook refused"]


@pytest.mark.parametrize(
    ("on_fly", "headers"), [(False, set()), (True, {("fly-replay", "elsewhere=true")})]
)
async def test_a_container_without_room_lets_twilio_ask_again_elsewhere(on_fly, headers):
    async with container(on_fly=on_fly) as one:
        one.calls.draining = True
        answer = await one.ask(CALL, **{"I-Twilio-Idempotency-Token": "7b1c"})
        assert (answer.status_code, answer.text) == (503, "no room here: draining; ask again\n")
        assert headers <= set(answer.headers.items())
        assert one.tickets.issued == 0
        one.calls.draining = False
        await one.response(CALL, **{"I-Twilio-Idempotency-Token": "7b1c"})  # it has asked again


async def test_once_a_call_was_answered_tickets_are_needed_but_not_for_a_probe():
    async with container() as one:
        await one.response({**CALL, "PartylineProbe": "1"})
        assert not one.tickets.required
        await one.ask({**CALL, "CallSid": "*"})
        assert not one.tickets.required
        await one.response(CALL)
        assert one.tickets.required
