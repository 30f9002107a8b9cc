"""The demo's own decisions; what it shows as a whole is tested with the system."""

import pytest
from starlette.responses import Response
from support.credentials import TOKEN_SECRET
from support.twiml_server import twiml_server

from rehearsal import demo
from rehearsal.demo import Demo
from rehearsal.errors import DemoFailed
from rehearsal.programs import Programs
from rehearsal.sample import CALLEE, CALLER
from rehearsal.twilio.account import Account
from rehearsal.twilio.behaviour import Behaviour
from rehearsal.twilio.stand_in import TwilioStandIn


async def test_settings_of_another_service_do_not_leak_in(tmp_path, monkeypatch):
    programs = Programs(tmp_path, {"TOKEN_SECRET": TOKEN_SECRET})
    monkeypatch.setenv("TOKEN_SECRET", "too short")
    monkeypatch.setenv("NATS_URL", "nats://elsewhere.example.com")
    assert (await Demo(programs, TwilioStandIn())._mint()).count(".") == 2
    del programs.environ["TOKEN_SECRET"]
    with pytest.raises(DemoFailed, match="no token could be made"):
        await Demo(programs, TwilioStandIn())._mint()


def test_the_line_that_says_ready_is_found_among_others():
    assert demo._ready('{"event": "ready", "url": "http://x"}') == {
        "event": "ready",
        "url": "http://x",
    }
    for other in ("", "[]", '"ready"', "ready", '{"event": "not ready"}'):
        assert demo._ready(other) is None


TWIML = '<Response><Start><Stream url="{url}" track="both_tracks"/></Start><Pause/></Response>'


@pytest.mark.parametrize(
    ("answer", "problems"),
    [
        (TWIML, []),
        ("<Response><Pause/></Response>", ["no media stream was asked for"]),
        (None, ["11200 HTTP retrieval failure: {place} answered HTTP 403 Forbidden"]),
    ],
)
async def test_a_call_comes_in_by_the_voice_webhook(tmp_path, answer, problems):
    account = Account(behaviour=Behaviour(speed=20))
    async with twiml_server(account.auth_token) as server, TwilioStandIn(account) as twilio:
        voice = f"{server.url}{demo.VOICE}"
        server.answers[demo.VOICE] = lambda _: (
            Response(status_code=403) if answer is None else answer.format(url=server.stream_url)
        )
        account.add_number(CALLEE, voice_url=voice)
        one = Demo(Programs(tmp_path, {}), twilio)
        call_sid, playing = one._call_in(b"\x10" * 800, b"\x20" * 800)
        assert await playing == [problem.format(place=voice) for problem in problems]
        [form] = server.forms(demo.VOICE)
    assert (form["CallSid"], form["From"], form["To"]) == (call_sid, CALLER, CALLEE)
    assert [start["callSid"] for start in server.started()] == [call_sid] * (answer == TWIML)
