"""What a handshake with Deepgram may ask for."""

import pytest

from rehearsal.errors import Refusal
from rehearsal.query import parse_query

AUDIO = "model=nova-3&encoding=mulaw&sample_rate=8000"


def test_a_query_is_read_in_any_order_and_with_old_booleans():
    options = parse_query(
        "utterance_end_ms=1000&sample_rate=8000&interim_results=True&encoding=mulaw&endpointing=false"
        "&unknown=1&keyterm=a&keyterm=b&model=nova-3-medical"
    )
    assert options.interim_results
    assert (options.model, options.channels) == ("nova-3-medical", 1)
    assert (options.endpointing, options.utterance_end_ms) == (None, 1000)
    assert not options.vad_events


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("utterance_end_ms=999", "Invalid 'utterance_end_ms' value of '999'."),
        ("utterance_end_ms=0", "Invalid 'utterance_end_ms' value of '0'."),
        ("endpointing=-1", "Invalid 'endpointing' value of '-1'."),
        ("interim_results=yes", "Invalid 'interim_results' value of 'yes'."),
        ("interim_results=%0d%0aevil%e2%82%ac", "Invalid 'interim_results' value of 'evil'."),
        ("keywords=a", "Keywords are not supported for Nova-3. Please use `keyterm` instead."),
        ("model=nova-2&keyterm=a", "Keyterm prompting is supported for Nova-3 only."),
        ("diarize=true&diarize_model=v1", "`diarize` and `diarize_model` cannot be used together."),
        ("channels=3", "this stand-in takes one channel or two."),
        ("channels=2", "this stand-in takes channels=2 with multichannel=true only."),
        ("sample_rate=", "this stand-in takes encoding=mulaw&sample_rate=8000 only."),
    ],
)
def test_a_bad_query_is_refused_with_400(query, message):
    with pytest.raises(Refusal) as caught:
        parse_query(f"{AUDIO}&{query}")
    assert (caught.value.status, caught.value.message) == (400, message)
