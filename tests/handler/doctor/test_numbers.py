"""handler/doctor/numbers.py: does a number lead its calls here?"""

from functools import partial

import pytest
from support.sids import account_sid

from handler.doctor.numbers import Ours, judge
from handler.findings import Finding, Findings
from handler.twilio.resources import PhoneNumber

URL = "https://calls.example.com"
AC, OTHER = account_sid(1), account_sid(2)


Number = partial(
    PhoneNumber,
    sid="PN1",
    phone_number="+15550001111",
    voice_url=f"{URL}/twilio/voice#rc=3&rp=all",
    voice_method="POST",
    status_callback=f"{URL}/twilio/status#rc=3&rp=all",
    status_callback_method="POST",
)


def judged(number: PhoneNumber | None, public_url: str = URL, **ours: object) -> Finding:
    findings = Findings(("n",))
    judge(findings, "n", number, Ours(public_url, AC, **ours))  # type: ignore[arg-type]
    return findings.all[0]


@pytest.mark.parametrize(
    ("number", "public_url"),
    [
        (Number(), URL),
        (Number(), "wss://CALLS.example.com:443"),
        (Number(voice_method=None, status_callback_method=None), URL),
        (
            Number(
                voice_url=f"{URL}/twilio/{AC}/voice#rp=5xx,rt",
                status_callback=f"{URL}/twilio/{AC}/status/#rp=all",
            ),
            URL,
        ),
        (
            Number(
                voice_url=f"{URL}/a/twilio/voice#rc=3&rp=all",
                status_callback=f"{URL}/a/twilio/status#rc=3&rp=all",
            ),
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
        (
            Number(trunk_sid="TK1"),
            "the trunk TK1 overrides",
            "take the number off the trunk: `partyline setup --clear`",
        ),
        (
            Number(voice_application_sid="AP1"),
            "the TwiML application AP1 overrides",
            "set the application's voice URL, or take it off the number: `partyline setup --clear`",
        ),
        (Number(voice_url=None), "its calls go nowhere", "`partyline setup` points it here"),
        (
            Number(voice_url="https://demo.twilio.com/welcome/voice/"),
            "its calls go to https://demo",
            "`",
        ),
        (Number(voice_url=f"{URL}/twilio"), "its calls go to https://calls", "`partyline setup`"),
        (Number(voice_url="https://[::1"), "its calls go to https://[::1", "`partyline setup`"),
        (
            Number(voice_url=f"{URL}/twilio/{OTHER}/voice#rc=3&rp=all"),
            f"its calls go to {URL}/twilio/{OTHER}/voice",
            f"`partyline setup` points it here: {URL}/twilio/voice#rc=3&rp=all",
        ),
        (
            Number(status_callback=f"{URL}/twilio/{OTHER}/status"),
            "its status goes to https://calls",
            f"`partyline setup` points it here: {URL}/twilio/status#rc=3&rp=all",
        ),
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
        (Number(status_callback=None), "calls come here, their status goes nowhere"),
        (Number(status_callback="https://crm.example.com/s"), "calls come here, their status goes"),
        (Number(voice_url=f"{URL}/twilio/voice"), "Twilio does not ask again"),
        (Number(status_callback=f"{URL}/twilio/status#rc=3"), "Twilio does not ask again"),
        (Number(voice_url=f"{URL}/twilio/voice#rc=0&rp=all"), "Twilio does not ask again"),
    ],
)
def test_one_that_may_do_is_doubted(number, said):
    found = judged(number)
    assert found.verdict == "warning"
    assert found.said.startswith(said)


def test_one_whose_account_is_named_must_come_by_a_path_that_names_it():
    assert judged(Number(), named=AC).verdict == "failed"
    its = Number(
        voice_url=f"{URL}/twilio/{AC}/voice#rc=3&rp=all",
        status_callback=f"{URL}/twilio/{AC}/status#rc=3&rp=all",
    )
    assert judged(its, named=AC).verdict == "ok"


def test_one_at_which_nobody_rings_is_doubted_with_all_else_that_is():
    found = judged(Number(status_callback=None), rings=False)
    assert found.verdict == "warning"
    assert "nobody rings" in found.said
    assert "status goes nowhere" in found.said
    assert "FORWARD_TO" in found.advice
