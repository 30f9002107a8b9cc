"""handler/twilio/tickets.py: what opens one stream, of one call, once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sids import account_sid, call_sid

from handler.errors import TicketRefused
from handler.parameters import MAX_PARAMETER
from handler.twilio import tickets
from handler.twilio.tickets import Scope, Ticket

SCOPE = Scope("stream", account_sid(1), call_sid(1))
TICKET = Ticket("stream", tickets.nonce_of(b"0123456789abcdef"), 1_800_000_060)
NOW = 1_800_000_000.0
WRITTEN = tickets.write("token", SCOPE, TICKET)


def defect(text: str, *, tokens=("token",), scope=SCOPE, now=NOW) -> str:
    with pytest.raises(TicketRefused) as caught:
        tickets.check(text, tokens, [scope], now)
    assert caught.value.close_code == 1008
    assert len(caught.value.reason.encode()) <= 123  # RFC 6455 section 5.5
    return caught.value.defect


@pytest.mark.parametrize("tokens", [("token",), ("new", "token"), ("token", "old")])
def test_a_ticket_is_good_for_its_call_until_it_ends(tokens):
    assert tickets.check(WRITTEN, tokens, [SCOPE], NOW) == TICKET
    assert tickets.check(WRITTEN, tokens, [SCOPE], TICKET.expiry - 0.1) == TICKET
    assert defect(WRITTEN, tokens=tokens, now=TICKET.expiry) == "expired"


def test_it_is_of_a_form_that_a_parameter_and_a_url_can_hold():
    assert WRITTEN.startswith("MDEyMzQ1Njc4OWFiY2RlZg.1800000060.")
    assert len("ticket") + len(WRITTEN) < MAX_PARAMETER
    assert all(part.replace("-", "").replace("_", "").isalnum() for part in WRITTEN.split("."))


@pytest.mark.parametrize(
    ("text", "now", "advice"),
    [
        (WRITTEN, TICKET.expiry, "clocks"),
        (f"{WRITTEN[:-3]}AAA", NOW, "TWILIO_AUTH_TOKEN"),
        ("ticket", NOW, "/twilio/voice"),
    ],
)
def test_each_defect_is_told_with_what_to_do_about_it(text, now, advice):
    with pytest.raises(TicketRefused, match=advice):
        tickets.check(text, ("token",), [SCOPE], now)


@pytest.mark.parametrize(
    "scope",
    [
        SCOPE._replace(call_sid=call_sid(2)),
        SCOPE._replace(account_sid=account_sid(2)),
        SCOPE._replace(purpose="successor"),
    ],
)
def test_it_opens_no_other_call_no_other_account_and_nothing_else(scope):
    assert defect(WRITTEN, scope=scope) == "not of this call"


def test_who_does_not_know_the_auth_token_makes_none():
    assert defect(WRITTEN, tokens=("another",)) == "not of this call"
    assert defect(WRITTEN, tokens=()) == "not of this call"


def test_what_it_says_cannot_be_changed():
    nonce, expiry, mac = WRITTEN.split(".")
    assert defect(f"{nonce}.{int(expiry) + 600}.{mac}") == "not of this call"
    assert defect(f"{nonce[::-1]}.{expiry}.{mac}") == "not of this call"
    assert defect(f"{nonce}.{expiry}.{mac[::-1]}") == "not of this call"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ticket",
        WRITTEN + " ",
        WRITTEN + "\n",
        WRITTEN + ".x",
        WRITTEN[1:],
        WRITTEN.replace("18", "٢٨"),
        WRITTEN.replace(".1", ".01"),
        WRITTEN.replace(".1", ".-1"),
        WRITTEN.replace("1800000060", "9" * 400),
        "*.1.>",
        "\ud800",
    ],
)
def test_what_is_no_ticket_is_malformed(text):
    assert defect(text) == "malformed"


@given(st.text())
def test_any_text_is_refused_and_no_worse(text):
    defect(text)


def test_whoever_is_asked_again_in_the_same_words_names_it_the_same():
    first = tickets.repeated_nonce("token", SCOPE, "7b1c")
    assert first == tickets.repeated_nonce("token", SCOPE, "7b1c")
    others = {
        tickets.repeated_nonce("token", SCOPE, "7b1d"),
        tickets.repeated_nonce("other", SCOPE, "7b1c"),
        tickets.repeated_nonce("token", SCOPE._replace(call_sid=call_sid(2)), "7b1c"),
        tickets.repeated_nonce("token", SCOPE, "\ud800"),
    }
    assert len(others - {first}) == 4
    repeated = tickets.write("token", SCOPE, Ticket("stream", first, TICKET.expiry))
    assert tickets.check(repeated, ("token",), [SCOPE], NOW).nonce == first
