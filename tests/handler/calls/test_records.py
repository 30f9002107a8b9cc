"""handler/calls/records.py: what becomes a record."""

from dataclasses import replace
from typing import Any

import pytest
from support.sids import account_sid, call_sid, stream_sid

from broker.records import CallFacts
from handler.audio.mulaw import Track
from handler.calls.records import Utterances, call_facts, spoken_until
from handler.deepgram.messages import Result
from handler.parameters import Parameters
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


def body(*words: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Results", "channel": {"alternatives": [{"words": list(words)}, {}]}}


@pytest.mark.parametrize(
    ("told", "until"),
    [
        (body({"end": 0.4}, {"end": 0.75}), 0.75),
        (body({"end": 1}), 1.0),
        (body(), None),
        ({"type": "Results"}, None),
    ],
)
def test_speech_ends_with_the_last_word_not_with_the_silence_after_it(told, until):
    assert spoken_until(replace_body(result("so"), told)) == until


def replace_body(one: Result, told: dict[str, Any]) -> Result:
    return Result(one.track, one.start, one.end, one.is_final, one.speech_final, "so", told)


def test_the_facts_of_a_call_come_with_its_media_stream():
    start = StartDetails(
        account_sid=ACCOUNT, call_sid=CALL, stream_sid=STREAM, media_format=MediaFormat()
    )
    told: dict[str, Any] = {
        "from_": "+15550100001",
        "to": "+15550100002",
        "direction": "inbound",
        "caller_name": "Ana",
        "callee_name": "Ben",
        "metadata": {"order": "7"},
    }
    facts = CallFacts(
        call_sid=CALL,
        account_sid=ACCOUNT,
        stream_sid=STREAM,
        started_at=1_800_000_000_123,
        **told,
    )
    parameters = Parameters(unread=("x",), **told)
    assert call_facts(start, parameters, 1_800_000_000_123) == facts
    # What it says of options stands over what the call had.
    for given, before, options in ((None, "b", "b"), ("a", "b", "a"), ("a", None, "a")):
        found = call_facts(start, replace(parameters, options=given), 1_800_000_000_123, before)
        assert found == replace(facts, options=options)


def test_an_utterance_that_began_elsewhere_ends_here():
    """A call that moves in mid-utterance: its end is never missing."""
    there, here = Utterances(), Utterances()
    assert there.is_record(result("Well"))
    here.go_on(there.open)
    assert here.open == ("inbound",)
    assert here.is_record(result("", ends=True))
    assert here.open == ()
