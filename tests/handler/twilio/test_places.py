"""handler/twilio/places.py: where Twilio comes to us."""

import pytest
from support.sids import account_sid

from handler.twilio import places
from rehearsal.twilio.overrides import Failure, read_overrides

AC, URL = account_sid(1), "https://calls.example.com"


@pytest.mark.parametrize(
    ("base", "account", "stream", "status"),
    [
        (URL, None, "wss://calls.example.com/twilio", f"{URL}/twilio/status"),
        (URL, AC, f"wss://calls.example.com/twilio/{AC}", f"{URL}/twilio/{AC}/status"),
        ("wss://h:8443/p/", None, "wss://h:8443/p/twilio", "https://h:8443/p/twilio/status"),
        ("http://127.0.0.1:9", None, "ws://127.0.0.1:9/twilio", "http://127.0.0.1:9/twilio/status"),
    ],
)
def test_streams_and_webhooks_are_under_the_base_url_each_with_its_scheme(
    base, account, stream, status
):
    assert places.stream_url(base, account) == stream
    assert places.webhook_url(base, places.STATUS, account) == status


@pytest.mark.parametrize("webhook", [places.VOICE, places.STATUS])
def test_what_is_answered_503_is_asked_again_at_each_address_that_twilio_is_told(webhook):
    told = places.webhook_setting(URL, webhook)
    assert told == f"{URL}/twilio/{webhook}#rc=3&rp=all"
    overrides = read_overrides(told)
    assert overrides.retries == 3
    assert Failure.BROKEN in overrides.retry_on


@pytest.mark.parametrize("account", [None, AC])
def test_each_path_that_is_written_is_one_that_is_let_in(account):
    assert places.STREAMS.fullmatch(places.path(account))
    for webhook in (places.VOICE, places.STATUS):
        assert places.WEBHOOKS.fullmatch(places.path(account, webhook))


@pytest.mark.parametrize(
    ("fragment", "asked_again"),
    [("", False), ("#rc=3", False), ("#rp=4xx", False), ("#rp=all", True), ("#rc=0&rp=all", False)],
)
def test_whether_a_full_container_is_asked_again_is_said_by_the_fragment(fragment, asked_again):
    assert places.is_asked_again(f"{URL}/twilio/voice{fragment}") is asked_again
