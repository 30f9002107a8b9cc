"""handler/calls/records.py: what becomes a record."""

import pytest
from support.sids import account_sid, call_sid, stream_sid

from broker.records import CallFacts
from handler.audio.mulaw import Track
from handler.calls.records import Utterances, call_facts, unread_parameters
from handler.deepgram.messages import Result
from handler.twilio.start import MediaFormat, StartDetails

CALL, ACCOUNT, STREAM = call_sid(1), account_sid(2), stream_sid(3)
IN, OUT = Track.INBOUND, Track.OUTBOUND


def result(text: str, *, final: bool = True, ends: bool = False, track: Track = IN) -> Result:
    return Result(track, 0.0, 1.0, final, ends, text, {"type": "Results"})


@pytest.mark.parametrize(
    ("results", "kept"),
    [
        pytest.param([result("so", final=False)], [False], id="an interim is none"),
        pytest.param(
            [result("so", final=False, ends=True)], [False], id="an interim that ends is none"
        ),
        pytest.param([result("so")], [True], id="a final with text is one"),
        pytest.param([result("")], [False], id="a final without text is none"),
        pytest.param([result("", ends=True)], [False], id="an end of nothing is none"),
        pytest.param(
            [result("so"), result("", ends=True), result("", ends=True)],
            [True, True, False],
            id="the first end after a text without one is, once",
        ),
        pytest.param(
            [result("so"), result(""), result("", ends=True)],
            [True, False, True],
            id="a final without text or end changes nothing",
        ),
        pytest.param(
            [result("so", ends=True), result("", ends=True)],
            [True, False],
            id="a text that ends leaves nothing to end",
        ),
        pytest.param(
            [result("so"), result("it is", ends=True), result("", ends=True)],
            [True, True, False],
            id="a later text may be the end",
        ),
        pytest.param(
            [result("so"), result("", ends=True, track=OUT), result("", ends=True)],
            [True, False, True],
            id="the other track ends its own",
        ),
    ],
)
def test_a_record_is_a_final_with_text_or_the_end_of_its_utterance(results, kept):
    utterances = Utterances()
    assert [utterances.is_record(result) for result in results] == kept


def start(parameters: dict[str, str]) -> StartDetails:
    return StartDetails(
        account_sid=ACCOUNT,
        call_sid=CALL,
        stream_sid=STREAM,
        media_format=MediaFormat(),
        custom_parameters=parameters,
    )


def facts(**parameters: str) -> CallFacts:
    return call_facts(start(parameters), received_at=1_800_000_000_123)


def test_the_facts_of_a_call_come_with_its_media_stream():
    given = {"from": "+15550100001", "to": "+15550100002", "direction": "inbound"}
    assert facts(**given) == CallFacts(
        call_sid=CALL,
        account_sid=ACCOUNT,
        stream_sid=STREAM,
        started_at=1_800_000_000_123,
        from_="+15550100001",
        to="+15550100002",
        direction="inbound",
    )


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("", None),
        ("{{From}}", None),  # a TwiML Bin that is no template
        ("+15550100001", "+15550100001"),
        (" 15550100001", "+15550100001"),  # a query string made the plus sign a blank
        ("anonymous", "anonymous"),
        ("sip:desk@example.com", "sip:desk@example.com"),
        (" not a number", " not a number"),
    ],
)
def test_a_number_is_what_was_given_if_it_was(given, number):
    read = facts(**{"from": given, "to": given})
    assert (read.from_, read.to) == (number, number)


@pytest.mark.parametrize(
    ("given", "direction"),
    [
        ({}, None),
        ({"direction": "{{Direction}}"}, None),
        ({"direction": "outbound-api"}, "outbound-api"),
    ],
)
def test_a_direction_is_what_was_given_if_it_was(given, direction):
    assert facts(**given).direction == direction


@pytest.mark.parametrize(
    ("from_", "to", "direction"),
    [
        ("From", "To", "Direction"),
        ("FROM", "TO", "DIRECTION"),
        ("Caller", "Called", "CallDirection"),
        ("from_number", "to-number", "call_direction"),
        ("callerNumber", "Called Number", "direction"),
        ("caller.id", "callee", "direction"),
    ],
)
def test_a_parameter_is_read_however_its_name_is_spelled(from_, to, direction):
    read = facts(**{from_: "+15550100001", to: "+15550100002", direction: "inbound"})
    assert (read.from_, read.to, read.direction) == ("+15550100001", "+15550100002", "inbound")


def test_of_two_spellings_the_plainest_that_says_something_counts():
    assert facts(Caller="+15550100002", From="+15550100001").from_ == "+15550100001"
    assert facts(From="", caller="+15550100002").from_ == "+15550100002"
    assert facts(**{"from": "{{From}}", "caller": "+15550100002"}).from_ == "+15550100002"
    assert facts(**{"From": "+15550100001", "from": "+15550100002"}).from_ == "+15550100001"


def test_parameters_that_say_nothing_to_us_are_named():
    given = start({"From": "a", "caller": "b", "ticket": "c", "to_city": "d", "Direction": "e"})
    assert unread_parameters(given) == ["ticket", "to_city"]
