"""handler/cli/number_setup.py: what is changed of a number, and how it is told."""

import pytest
from support.sids import account_sid

from handler.cli import number_setup
from handler.forwarding import read_forward_to
from handler.twilio.resources import PhoneNumber

AC, NUMBER, PN = account_sid(1), "+15551230000", "PN" + "0" * 32
URL = "https://calls.example.com"


@pytest.mark.parametrize(
    ("public_url", "account", "voice", "status"),
    [
        (URL, None, f"{URL}/twilio/voice#rc=3&rp=all", f"{URL}/twilio/status#rc=3&rp=all"),
        ("wss://a.example:8443", None, "https://a.example:8443/twilio/voice#rc=3&rp=all", None),
        ("https://a.example/calls", None, "https://a.example/calls/twilio/voice", None),
        ("ws://127.0.0.1:9", None, "http://127.0.0.1:9/twilio/voice", None),
        (URL, AC, f"{URL}/twilio/{AC}/voice#rc=3&rp=all", f"{URL}/twilio/{AC}/status#rc=3&rp=all"),
    ],
)
def test_calls_and_what_becomes_of_them_come_to_our_webhooks(public_url, account, voice, status):
    wanted = number_setup.ours(public_url, account)
    assert wanted["VoiceUrl"].startswith(voice)
    assert wanted["VoiceUrl"].endswith("/voice#rc=3&rp=all")
    assert status in (None, wanted["StatusCallback"])
    assert (wanted["VoiceMethod"], wanted["StatusCallbackMethod"]) == ("POST", "POST")


def test_what_is_so_already_is_no_change_and_what_is_not_said_is_twilios_default():
    wanted = number_setup.ours(URL, None)
    number = PhoneNumber(
        PN, NUMBER, voice_url=wanted["VoiceUrl"], status_callback=wanted["StatusCallback"]
    )
    assert number_setup.plan(number, AC, wanted).changes == {}
    other = PhoneNumber(PN, NUMBER, voice_url=wanted["VoiceUrl"], voice_method="GET")
    found = number_setup.plan(other, AC, wanted)
    assert found.changes == {"VoiceMethod": "POST", "StatusCallback": wanted["StatusCallback"]}
    assert found.undoing == {"VoiceMethod": "GET", "StatusCallback": ""}


def test_what_is_and_what_will_be_is_told_line_by_line():
    number = PhoneNumber(
        PN,
        NUMBER,
        voice_url="https://user:pass@old.example/a?b=c",
        voice_method="GET",
        voice_fallback_url="https://b.example/\x1b[2J",
        trunk_sid="TK1",
    )
    wanted = {**number_setup.ours(URL, None), "TrunkSid": ""}
    assert number_setup.told(number_setup.plan(number, AC, wanted)).splitlines() == [
        f"{NUMBER} ({PN}) of {AC}",
        "  a call comes in    https://…@old.example/a?b=c",
        "                  → https://calls.example.com/twilio/voice#rc=3&rp=all",
        "    by               GET",
        "                  → POST",
        "  if that fails      https://b.example/\ufffd[2J",
        "  call status        nothing",
        "                  → https://calls.example.com/twilio/status#rc=3&rp=all",
        "    by               POST",
        "  SIP trunk          TK1",
        "                  → nothing",
    ]


@pytest.mark.parametrize(
    ("forward_to", "rings"),
    [
        ("+15551239999,sip:desk@example.com", "+15551239999, sip:desk@example.com"),
        ('{"+15550001111": "+15551239999"}', "nobody, as FORWARD_TO has it"),
        ("{}", "nobody, unless FORWARD_TO is set where the service runs"),
    ],
)
def test_who_rings_is_told_as_far_as_it_is_known(forward_to, rings):
    found = number_setup.ringing(read_forward_to(forward_to), NUMBER)
    assert found == rings
    wanted = number_setup.ours(URL, None)
    told = number_setup.told(number_setup.plan(PhoneNumber(PN, NUMBER), AC, wanted), found)
    assert told.endswith(f"  who rings          {rings}")


def test_what_others_have_changed_since_is_told_before_it_is_put_back():
    before = {"VoiceUrl": "https://theirs.example.com/", "StatusCallback": ""}
    back = number_setup.Plan(
        "+15550000001", "PN1", account_sid(1), before, {"VoiceUrl": "https://old.example.com/"}
    )
    left = {"VoiceUrl": "https://ours.example.com/", "StatusCallback": "x"}
    told = number_setup.changed_since(back, left)
    assert told.startswith("Changed since by others, and not as setup had left it: ")
    assert number_setup.changed_since(back, {"VoiceUrl": before["VoiceUrl"]}) == ""
