"""clients/python/partyline_client/wire.py: JSON in, messages out."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.messages import CALL, ended, error, final, gap, interim, message, record, started
from support.sids import account_sid, stream_sid

from partyline_client.messages import (
    CallEnded,
    Calls,
    CallStarted,
    CaughtUp,
    Final,
    Gap,
    Interim,
    ListedCall,
    Message,
    Other,
    Refusal,
    Renewed,
    Word,
)
from partyline_client.wire import Unreadable, greeting, parse

HEAD: dict[str, Any] = {"call_sid": CALL, "epoch": "i7-1", "at": 1}
YES = Word(word="Yes.", start=1.0, end=1.5, confidence=0.9)
WHERE: dict[str, Any] = {"track": "inbound", "start": 1.0, "duration": 1.0}
SAID: dict[str, Any] = {**WHERE, "words": (YES,), "confidence": 0.9}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            final("Yes.", 2, speech_final=True),
            Final(**HEAD, **SAID, seq=2, transcript="Yes.", speech_final=True),
        ),
        (interim("Yes.", after=1), Interim(**HEAD, **SAID, after=1, transcript="Yes.")),
        (
            started(from_="+1", callerName="Ana", metadata={"order": "7"}),
            CallStarted(
                **HEAD,
                seq=1,
                started_at=1,
                account_sid=account_sid(1),
                stream_sid=stream_sid(1),
                from_="+1",
                to=None,
                direction="inbound",
                caller_name="Ana",
                metadata={"order": "7"},
            ),
        ),
        (
            gap(3, track="outbound"),
            Gap(**HEAD, seq=3, start=61.0, end=62.5, track="outbound", reason="media-lost"),
        ),
        (
            ended(4) | {"requestIds": ["a", "b"]},
            CallEnded(**HEAD, seq=4, duration=3, reason="completed", request_ids=("a", "b")),
        ),
        (error(4404, "no such call"), Refusal(code=4404, message="no such call", call_sid=CALL)),
        ({"type": "Token", "exp": 7}, Renewed(exp=7)),
        ({"type": "CaughtUp", "callSid": CALL, "seq": 4}, CaughtUp(call_sid=CALL, seq=4)),
        (
            {
                "type": "Calls",
                "calls": [
                    {"callSid": CALL, "from": "+1", "to": None, "direction": None}
                    | {"startedAt": 1, "state": "live"}
                ],
            },
            Calls(
                calls=(
                    ListedCall(
                        call_sid=CALL,
                        from_="+1",
                        to=None,
                        direction=None,
                        started_at=1,
                        state="live",
                    ),
                )
            ),
        ),
    ],
)
def test_a_message_is_read_whole(body, expected):
    assert message(body) == expected
    assert json.loads(message(body).wire) == body


@pytest.mark.parametrize(
    "change",
    [
        {"seq": True},
        {"seq": "2"},
        {"start": "1"},
        {"start": True},
        {"track": "both"},
        {"speech_final": 1},
        {"callSid": 7},
        {"channel": {}},
        {"channel": {"alternatives": []}},
        {"channel": {"alternatives": [{"transcript": "Yes.", "words": {}}]}},
        {"channel": {"alternatives": [{"transcript": "Yes.", "words": [7]}]}},
        {"channel": None},
    ],
)
def test_what_is_not_as_its_type_says_is_passed_on_as_it_came(change):
    body = final("Yes.", 2) | change
    read = message(body)
    assert isinstance(read, Other)
    assert json.loads(read.wire) == body
    assert read.type == "Results"


def test_a_record_that_is_not_understood_keeps_its_place():
    unknown = message(record("Translation", 7, text="Ja."))
    assert unknown == Other(type="Translation", call_sid=CALL, seq=7)
    incomplete = message({"type": "Gap", "callSid": CALL, "seq": 8})
    assert incomplete == Other(type="Gap", call_sid=CALL, seq=8)


def test_metadata_is_text():
    assert isinstance(message(started(metadata={"order": 7})), Other)
    assert isinstance(message(started(metadata=[])), Other)


@pytest.mark.parametrize("text", ["", "no", "[]", "7", "{}", '{"type":7}', "[" * 100_000])
def test_what_is_no_message_is_refused(text):
    with pytest.raises(Unreadable):
        parse(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(lambda value: {"type": "Results", "channel": {"alternatives": [value]}, "seq": value})
)
def test_whatever_a_message_holds_it_is_read(body):
    assert isinstance(message(body), Message)


def test_a_socket_begins_with_the_live_calls():
    assert greeting(f'["{CALL}"]') == (CALL,)
    assert greeting("[]") == ()


@pytest.mark.parametrize("text", ["{}", "hello", "4", "[4]"])
def test_what_begins_otherwise_is_no_service(text):
    with pytest.raises(Unreadable):
        greeting(text)
