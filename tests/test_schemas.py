"""docs/schemas: they are schemas, and they refuse what is wrong."""

import copy
import json
from dataclasses import replace
from typing import Literal

import pytest
from jsonschema import Draft202012Validator, ValidationError
from support.schemas import DIRECTORY, VALIDATORS, check

from broker.records import CallFacts, Record, encode_interim, encode_record, recogniser

FACTS = CallFacts(
    call_sid="CA" + "0" * 32,
    account_sid="AC" + "0" * 32,
    stream_sid="MZ" + "0" * 32,
    started_at=1_795_341_600_000,
)
RESULTS = {
    "type": "Results",
    "channel_index": [0, 2],
    "start": 3.2,
    "duration": 1.04,
    "is_final": True,
    "channel": {"alternatives": [{"transcript": "Yes.", "confidence": 0.9, "words": []}]},
    "metadata": {"request_id": "1", "model_info": {}, "model_uuid": "2"},
}


def record(kind: Literal["final", "event"], track: str, body: dict) -> dict:
    encoded = encode_record(
        Record(kind, track, body), call_sid=FACTS.call_sid, seq=1, epoch="i-1", at=1
    )
    return json.loads(encoded)


@pytest.mark.parametrize("path", sorted(DIRECTORY.glob("*.json")), ids=lambda path: path.stem)
def test_each_is_a_schema_that_describes_itself(path):
    schema = json.loads(path.read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == path.stem
    assert schema["properties"]["type"] == {"const": path.stem}
    assert schema["description"].endswith(".")


def test_what_we_publish_fits():
    check(json.loads(json.dumps(record("event", "call", FACTS.started().body))))
    named = replace(FACTS, caller_name="Ana", callee_name="Ben", metadata={"order": "7"})
    check(record("event", "call", named.started().body))
    check(record("event", "call", recogniser("up", "an option is not used").body))
    check(record("event", "call", FACTS.resumed().body))
    check(record("final", "inbound", RESULTS))
    interim = encode_interim(
        {**RESULTS, "is_final": False},
        call_sid=FACTS.call_sid,
        track="inbound",
        epoch="i-1",
        after=3,
        at=1,
    )
    check(json.loads(interim))


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0},
        {"callSid": "CA*"},
        {"start": -1},
        {"is_final": False},
        {"track": "both"},
        {"channel": {"alternatives": []}},
        {"after": 3},
        {"v": 2},
    ],
)
def test_what_is_wrong_does_not(change):
    message = copy.deepcopy(record("final", "inbound", RESULTS)) | change
    with pytest.raises(ValidationError):
        VALIDATORS["Results"].validate(message)


def test_an_event_has_no_other_keys():
    with pytest.raises(ValidationError):
        check(record("event", "call", FACTS.resumed().body | {"more": 1}))
