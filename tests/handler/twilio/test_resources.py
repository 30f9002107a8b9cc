"""handler/twilio/resources.py: what the REST API is told, and what it says."""

import json

import pytest
from support.sids import account_sid, call_sid, stream_sid

from handler.errors import TwilioApiError
from handler.twilio import resources
from handler.twilio.resources import CallResource, PhoneNumber, Stream


def test_a_form_says_what_is_given_and_nothing_else():
    assert resources.stream_form("wss://a.example/t") == [
        ("Url", "wss://a.example/t"),
        ("Track", "both_tracks"),
    ]
    assert resources.stream_form(
        "wss://a.example/t",
        name="n",
        track="inbound_track",
        status_callback="https://a.example/s",
        parameters={"a": "1", "b": ""},
    )[1:] == [
        ("Track", "inbound_track"),
        ("Name", "n"),
        ("StatusCallback", "https://a.example/s"),
        ("StatusCallbackMethod", "POST"),
        ("Parameter1.Name", "a"),
        ("Parameter1.Value", "1"),
        ("Parameter2.Name", "b"),
        ("Parameter2.Value", ""),
    ]


def test_a_form_holds_99_parameters_and_no_more():
    named = {str(number): "" for number in range(100)}
    with pytest.raises(ValueError, match="at most 99"):
        resources.stream_form("wss://a.example/t", parameters=named)
    del named["0"]
    assert len(resources.stream_form("wss://a.example/t", parameters=named)) == 2 + 2 * 99


def test_what_is_not_known_is_left_alone_and_null_is_nothing():
    stream = {"sid": stream_sid(1), "status": "stopped", "name": None, "new": [{"a": 1}]}
    read = resources.read(json.dumps(stream).encode(), Stream)
    assert (read.sid, read.status, read.name, read.call_sid) == (
        stream_sid(1),
        "stopped",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("status", "over"),
    [("in-progress", False), ("ringing", False), ("completed", True), ("no-answer", True)],
)
def test_a_call_that_is_over_is_known_by_its_status(status, over):
    call = {"sid": call_sid(1), "status": status, "from": "a", "to": None, "duration": "12"}
    read = resources.read(json.dumps(call).encode(), CallResource)
    assert (read.over, read.from_number, read.to_number) == (over, "a", None)


@pytest.mark.parametrize(
    ("said", "ended_at"), [("Fri, 27 Nov 2026 10:00:00 +0000", 1_795_773_600_000), (None, None)]
)
def test_when_a_call_ended_is_known_if_it_has(said, ended_at):
    call = {"sid": call_sid(1), "status": "completed", "end_time": said}
    assert resources.read(json.dumps(call).encode(), CallResource).ended_at == ended_at


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"\xff", b'{"sid":1}', b"[" * 100_000])
def test_what_is_something_else_is_an_error_in_words(answer):
    with pytest.raises(TwilioApiError, match="what came is no Stream: is TWILIO_API_URL"):
        resources.read(answer, Stream)
    with pytest.raises(TwilioApiError, match="no list of numbers"):
        resources.read_numbers(answer)


def test_numbers_are_read_from_their_list():
    number = {"sid": "PN1", "account_sid": account_sid(1), "phone_number": "+15551230000"}
    answer = json.dumps({"incoming_phone_numbers": [number], "next_page_uri": None}).encode()
    assert resources.read_numbers(answer) == [
        PhoneNumber("PN1", "+15551230000", account_sid=account_sid(1))
    ]


@pytest.mark.parametrize(
    ("status", "answer", "code", "words"),
    [
        (400, {"code": 21220, "message": "not in-progress"}, 21220, "not in-progress"),
        (404, {"code": 20404}, 20404, "Twilio knows no such thing in this account"),
        (
            404,
            {"message": "no\x1b[2J"},
            None,
            "Twilio knows no such thing in this account (no\ufffd[2J)",
        ),
        (429, {"title": "Busy", "detail": "slow", "code": "x"}, None, "too many requests at once"),
        (418, {"title": "Tea", "detail": "pot"}, None, "Tea: pot"),
        (500, None, None, "no reason is given"),
        (500, [], None, "no reason is given"),
    ],
)
def test_a_refusal_is_told_in_twilios_words_and_ours(status, answer, code, words):
    error = resources.refusal(status, json.dumps(answer).encode())
    assert (error.status, error.code, error.retry) == (status, code, False)
    assert error.message.startswith(words)
    assert str(error).startswith(f"Twilio's API: HTTP {status}")


@pytest.mark.parametrize("answer", [b"<html>", b"\xff", b"[" * 100_000])
def test_a_refusal_that_cannot_be_read_is_one(answer):
    error = resources.refusal(503, answer, retry=True, retry_after=3.0)
    assert (error.status, error.retry, error.retry_after) == (503, True, 3.0)


def test_twilios_words_are_cut_where_nobody_reads_on():
    answer = json.dumps({"message": "a" * 10_000}).encode()
    assert len(resources.refusal(418, answer).message) == resources.MAX_WORDS
