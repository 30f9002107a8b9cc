"""handler/doctor/numbers.py: does a number lead its calls here?"""

from dataclasses import dataclass

import pytest

from handler.doctor.numbers import judge
from handler.findings import Finding, Findings

URL = "https://calls.example.com"


@dataclass(frozen=True)
class Number:
    voice_url: str | None = f"{URL}/twilio/voice#rc=3&rp=all"
    voice_method: str | None = "POST"
    status_callback: str | None = f"{URL}/twilio/status"
    status_callback_method: str | None = "POST"
    voice_application_sid: str | None = None
    trunk_sid: str | None = None


def judged(number: Number | None, public_url: str = URL) -> Finding:
    findings = Findings(("n",))
    judge(findings, "n", number, public_url)
    return findings.all[0]


@pytest.mark.parametrize(
    ("number", "public_url"),
    [
        (Number(), URL),
        (Number(), "wss://CALLS.example.com:443"),
        (Number(voice_method=None, status_callback_method=None), URL),
        (
            Number(
                voice_url=f"{URL}/twilio/AC0/voice", status_callback=f"{URL}/twilio/AC0/status/"
            ),
            URL,
        ),
        (
            Number(voice_url=f"{URL}/a/twilio/voice", status_callback=f"{URL}/a/twilio/status"),
            f"{URL}/a",
        ),
    ],
)
def test_one_that_leads_here_is_in_order_however_it_is_spelled(number, public_url):
    assert judged(number, public_url).verdict == "ok"


@pytest.mark.parametrize(
    ("number", "said", "advice"),
    [
        (None, "the account has no such number", "write it as +15551230000"),
        (Number(trunk_sid="TK1"), "the trunk TK1 overrides", "take the number off the trunk"),
        (Number(voice_application_sid="AP1"), "the TwiML application AP1 overrides", "set the"),
        (Number(voice_url=None), "its calls go to nowhere", "`partyline setup` points it here"),
        (
            Number(voice_url="https://demo.twilio.com/welcome/voice/"),
            "its calls go to https://demo",
            "`",
        ),
        (Number(voice_url=f"{URL}/twilio"), "its calls go to https://calls", "`partyline setup`"),
        (Number(voice_url="https://[::1"), "its calls go to https://[::1", "`partyline setup`"),
        (Number(voice_method="GET"), "its voice URL is asked by GET", "by POST"),
        (Number(status_callback_method="GET"), "its status is told by GET", "by POST"),
    ],
)
def test_one_that_does_not_lead_here_fails_with_what_to_do(number, said, advice):
    found = judged(number)
    assert found.verdict == "failed"
    assert found.said.startswith(said)
    assert found.advice.startswith(advice)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (Number(voice_url="https://handler.twilio.com/twiml/EH1"), "a TwiML Bin answers its calls"),
        (Number(status_callback=None), "calls come here, their status goes to nowhere"),
    ],
)
def test_one_that_may_do_is_doubted(number, said):
    found = judged(number)
    assert found.verdict == "warning"
    assert found.said.startswith(said)
