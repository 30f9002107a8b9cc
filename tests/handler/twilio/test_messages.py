"""handler/twilio/messages.py: media-stream messages."""

import base64
import json
import random

import pytest

from handler.audio.mulaw import Track
from handler.errors import TwilioProtocolError, UnusableStart
from handler.twilio import messages

SIDS = {"accountSid": "AC" + "0" * 32, "streamSid": "MZ" + "1" * 32, "callSid": "CA" + "2" * 32}
START = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        **SIDS,
        "tracks": ["inbound", "outbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"from": "+15551230000"},
    },
    "streamSid": SIDS["streamSid"],
}
MEDIA = {
    "event": "media",
    "sequenceNumber": "2",
    "media": {"track": "inbound", "chunk": "1", "timestamp": "155", "payload": "//8="},
    "streamSid": SIDS["streamSid"],
}


def parse(message: object) -> messages.Message:
    return messages.parse(json.dumps(message))


def changed(message: dict, part: str, **fields: object) -> dict:
    return {**message, part: {**message[part], **fields}}


def test_media_holds_track_time_and_samples():
    assert parse(MEDIA) == messages.Media(messages.Frame(Track.INBOUND, 155, b"\xff\xff"))


def test_start_holds_the_facts_of_the_call():
    start = parse(START).start
    assert (start.account_sid, start.stream_sid, start.call_sid) == tuple(SIDS.values())
    assert start.custom_parameters == {"from": "+15551230000"}


def test_connected_and_stop_are_read():
    assert parse({"event": "connected", "protocol": "Call"}) == messages.Connected()
    assert parse({"event": "stop", "sequenceNumber": "9", "stop": {}}) == messages.Stop()


def test_an_unknown_event_is_named():
    assert parse({"event": "dtmf", "dtmf": {"digit": "1"}}) == messages.Other("dtmf")


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ([], "no-event"),
        ({"event": 5}, "no-event"),
        ({}, "no-event"),
        ({"event": "e" * 65}, "no-event"),
        (changed(MEDIA, "media", timestamp="-1"), "bad-media"),
        (changed(MEDIA, "media", timestamp="1.5"), "bad-media"),
        (changed(MEDIA, "media", timestamp="86400001"), "bad-media"),
        (changed(MEDIA, "media", track="inbound_track"), "bad-media"),
        (changed(MEDIA, "media", payload="//8"), "bad-media"),
        (changed(MEDIA, "media", payload=base64.b64encode(bytes(16_001)).decode()), "bad-media"),
        (changed(START, "start", callSid="CA" + "2" * 31), "bad-start"),
        ({"event": "start"}, "bad-start"),
    ],
)
def test_a_wrong_message_is_refused_with_its_kind(message, kind):
    with pytest.raises(TwilioProtocolError) as caught:
        parse(message)
    assert caught.value.kind == kind


def test_a_start_with_a_number_beyond_any_bound_is_refused_as_a_start():
    start = json.dumps(changed(START, "start", customParameters={"n": 0}))
    with pytest.raises(UnusableStart, match="start is not to be read: Integer value out of range"):
        messages.parse(start.replace('"n": 0', f'"n": {"9" * 5000}'))


@pytest.mark.parametrize("text", ["", "{", "nonsense", '"\ud800"'])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(TwilioProtocolError) as caught:
        messages.parse(text)
    assert caught.value.kind == "not-json"


@pytest.mark.parametrize(
    ("escaped", "read"),
    [
        (r"a\ud83d", "a\ufffd"),  # a name that was cut in the midst of a picture
        (r"\ud83dabcdefgh", "\ufffdabcdefgh"),
        (r"\uDE00", "\ufffd"),
        (r"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\\ud83d \ud83d", "\\ud83d \ufffd"),
    ],
)
@pytest.mark.parametrize("form", [str, str.encode])
def test_half_a_character_in_a_parameter_is_no_reason_not_to_hear_the_call(escaped, read, form):
    start = json.dumps(changed(START, "start", customParameters={"name": "NAME"}))
    message = messages.parse(form(start.replace("NAME", escaped)))
    assert isinstance(message, messages.Start)
    assert message.start.custom_parameters == {"name": read}


def test_deep_nesting_is_refused():
    with pytest.raises(TwilioProtocolError):
        messages.parse("[" * 100_000)
    with pytest.raises(TwilioProtocolError):
        messages.parse('{"event":"media","media":' + '{"a":' * 100_000)


@pytest.mark.proof
def test_no_mutation_of_a_message_raises_anything_else(rounds):
    samples = [json.dumps(message) for message in (START, MEDIA, {"event": "stop"})]
    outcomes: set[type] = set()
    for seed in rounds(sample=3000, full=300_000):
        source = random.Random(seed)
        text = list(source.choice(samples))
        for _ in range(source.randrange(1, 6)):
            at = source.randrange(len(text))
            text[at : at + source.randrange(4)] = source.choices('{}[]",:\\0-9eE\ud800\0', k=2)
        try:
            outcomes.add(type(messages.parse("".join(text))))
        except TwilioProtocolError as exc:
            outcomes.add(type(exc))
    assert outcomes >= {messages.Start, messages.Media, messages.Other, TwilioProtocolError}
