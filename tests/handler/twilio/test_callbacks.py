"""handler/twilio/callbacks.py: status callbacks, of media streams and of calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import TwilioProtocolError
from handler.twilio.callbacks import (
    FINAL,
    KINDS,
    MAX_SEQUENCE,
    MAX_TEXT,
    STATUSES,
    STREAM_EVENTS,
    Callback,
    CallCallback,
    StreamCallback,
)
from handler.twilio.callbacks import read_callback as read_form_of_callback
from handler.twilio.forms import Form

ACCOUNT, CALL, STREAM, PARENT = (
    "AC" + "0" * 32,
    "CA" + "a1" * 16,
    "MZ" + "2" * 32,
    "CA" + "3" * 32,
)
# As the reference has them, with fields that say nothing to us.
OF_STREAM = {
    "AccountSid": ACCOUNT,
    "CallSid": CALL,
    "StreamSid": STREAM,
    "StreamName": "tr-1",
    "StreamEvent": "stream-started",
    "Timestamp": "2026-11-27T10:00:00.000Z",
}
OF_CALL = {
    "AccountSid": ACCOUNT,
    "ApiVersion": "2010-04-01",
    "CallSid": CALL,
    "CallStatus": "completed",
    "CallDuration": "12",
    "Duration": "1",
    "From": "",
    "SequenceNumber": "3",
    "Timestamp": "Fri, 27 Nov 2026 10:00:00 +0000",
}
SAID_AT = 1_795_773_600_000


def read_callback(fields: dict[str, str]) -> Callback:
    return read_form_of_callback(Form(tuple(fields.items())))


@pytest.mark.parametrize("event", STREAM_EVENTS)
def test_a_callback_of_a_stream_says_what_became_of_it(event):
    read = read_callback({**OF_STREAM, "StreamEvent": event, "CallStatus": "in-progress"})
    assert read == StreamCallback(ACCOUNT, CALL, STREAM, event)
    assert read.kind == event


def test_an_error_of_a_stream_is_told_in_twilios_words_and_bounded():
    failed = {**OF_STREAM, "StreamEvent": "stream-error", "StreamError": "x" * 60_000}
    assert read_callback(failed) == StreamCallback(
        ACCOUNT, CALL, STREAM, "stream-error", "x" * MAX_TEXT
    )


@pytest.mark.parametrize("status", STATUSES)
def test_a_callback_of_a_call_says_what_became_of_it(status):
    read = read_callback({**OF_CALL, "CallStatus": status})
    assert read == CallCallback(ACCOUNT, CALL, status, None, 3, SAID_AT)
    assert read.kind == f"call-{status}"
    assert read.is_final == (status in FINAL)


def test_a_child_leg_names_its_parent():
    child = read_callback({**OF_CALL, "ParentCallSid": PARENT})
    assert child == CallCallback(ACCOUNT, CALL, "completed", PARENT, 3, SAID_AT)
    assert read_callback({**OF_CALL, "ParentCallSid": ""}) == CallCallback(
        ACCOUNT, CALL, "completed", None, 3, SAID_AT
    )


def test_a_leg_is_not_its_own_parent():
    own = read_callback({**OF_CALL, "ParentCallSid": CALL})
    assert own == CallCallback(ACCOUNT, CALL, "completed", None, 3, SAID_AT)


@pytest.mark.parametrize(
    ("text", "sequence"),
    [
        ("0", 0),
        ("12", 12),
        ("9999999", MAX_SEQUENCE),
        *((text, None) for text in ("", "-1", "1e3", "\u0663", "1" * 60_000)),
    ],
)
def test_a_place_among_the_callbacks_is_a_number_or_not_known(text, sequence):
    read = read_callback({**OF_CALL, "SequenceNumber": text})
    assert read == CallCallback(ACCOUNT, CALL, "completed", None, sequence, SAID_AT)


@pytest.mark.parametrize("text", ["", "soon", "2026-11-27T10:00:00.000Z"])
def test_a_time_that_cannot_be_read_is_not_known(text):
    read = read_callback({**OF_CALL, "Timestamp": text})
    assert read == CallCallback(ACCOUNT, CALL, "completed", None, 3, None)


def test_words_that_twilio_may_add_end_nothing():
    status = read_callback({**OF_CALL, "CallStatus": "on-hold"})
    event = read_callback({**OF_STREAM, "StreamEvent": "stream-paused"})
    assert (status.kind, event.kind) == ("call-other", "stream-other")
    assert status == CallCallback(ACCOUNT, CALL, "other", None, 3, SAID_AT)
    assert not status.is_final


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "AccountSid is missing"),
        ({"AccountSid": "AC*"}, "AccountSid is 'AC*'"),
        ({**OF_CALL, "CallSid": ">"}, "CallSid is '>'"),
        ({**OF_CALL, "CallSid": CALL.upper()}, "CallSid is"),
        ({**OF_CALL, "CallSid": f"{CALL}\n{CALL}"}, "CallSid is"),
        ({**OF_CALL, "ParentCallSid": "CA1"}, "ParentCallSid is 'CA1'"),
        ({**OF_CALL, "ParentCallSid": "*" * 60_000}, "ParentCallSid is"),
        ({**OF_STREAM, "StreamSid": ""}, "StreamSid is missing"),
        ({**OF_CALL, "CallStatus": ""}, "neither StreamEvent nor CallStatus"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_name_of_the_field(fields, field):
    with pytest.raises(TwilioProtocolError) as caught:
        read_callback(fields)
    assert caught.value.kind == "unreadable"
    assert caught.value.detail.startswith(field)
    assert len(caught.value.detail) < 200


NAMES = st.sampled_from([*OF_STREAM, *OF_CALL, "ParentCallSid", "StreamError"])
VALUES = st.sampled_from([*OF_STREAM.values(), *OF_CALL.values(), PARENT]) | st.text()


@given(st.dictionaries(NAMES, VALUES))
def test_whatever_comes_is_read_or_refused(fields):
    for given_fields in (fields, OF_STREAM | fields, OF_CALL | fields):
        try:
            kind = read_callback(given_fields).kind
        except TwilioProtocolError as refused:
            kind = refused.kind
        assert kind in KINDS
