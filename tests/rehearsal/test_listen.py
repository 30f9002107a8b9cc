"""Deepgram's side of a connection, without the socket."""

import hashlib
import json
import random

import pytest

from rehearsal.listen import Listen
from rehearsal.query import parse_query
from rehearsal.scripted import Line, Scripted, names

AUDIO = "model=nova-3&encoding=mulaw&sample_rate=8000"
CALL = (
    f"{AUDIO}&channels=2&multichannel=true&interim_results=true&endpointing=300&smart_format=true"
)
SILENCE = b"\xff"


def sound(seconds: float, seed: int = 1) -> bytes:
    source = random.Random(seed)
    return bytes(source.randrange(1, 127) for _ in range(int(seconds * 8000)))


def interleaved(one: bytes, two: bytes) -> bytes:
    return bytes(byte for pair in zip(one, two, strict=True) for byte in pair)


def listen(query: str = CALL, script=None) -> Listen:
    return Listen(parse_query(query), Scripted(script), "a-request")


def parsed(said: list[str]) -> list[dict]:
    return [json.loads(text) for text in said]


def finals(messages: list[dict], channel: int = 0) -> list[dict]:
    return [
        message
        for message in messages
        if message["type"] == "Results"
        and message["is_final"]
        and message["channel_index"][0] == channel
    ]


def transcript(message: dict) -> str:
    return message["channel"]["alternatives"][0]["transcript"]


CLOSE = '{"type":"CloseStream"}'


def test_results_have_the_fields_of_the_service_in_its_order():
    line = Line(1, 0.5, 1.0, "Yes, please.")
    connection = listen(script=[line])
    said = connection.audio(bytes(16_000))
    final = next(text for text in said if '"is_final":true' in text and "Yes" in text)
    model = '{"name":"nova-3","version":"rehearsal","arch":"rehearsal"}'
    uuid = json.loads(final)["metadata"]["model_uuid"]
    assert final == (
        '{"type":"Results","channel_index":[1,2],"duration":1.0,"start":0.0,"is_final":true,'
        '"speech_final":true,"channel":{"alternatives":[{"transcript":"Yes, please.",'
        '"confidence":0.99,"words":['
        '{"word":"yes","start":0.5,"end":0.75,"confidence":0.99,"punctuated_word":"Yes,"},'
        '{"word":"please","start":0.75,"end":1.0,"confidence":0.99,"punctuated_word":"please."}'
        f']}}]}},"metadata":{{"request_id":"a-request","model_info":{model},'
        f'"model_uuid":"{uuid}"}},"from_finalize":false}}'
    )


def test_words_are_bare_where_no_punctuation_was_asked_for():
    connection = listen(f"{AUDIO}&endpointing=300", [Line(0, 0.0, 0.5, "Yes, please.")])
    [final] = finals(parsed(connection.audio(bytes(8000))))[:1]
    assert transcript(final) == "yes please"
    assert "punctuated_word" not in final["channel"]["alternatives"][0]["words"][0]


def test_finals_of_each_channel_tile_from_0_to_the_last_byte():
    one = sound(2.2) + SILENCE * 12_345
    two = SILENCE * 9000 + sound(1.0, seed=2)
    two += SILENCE * (len(one) - len(two))
    connection = listen()
    messages = parsed(connection.audio(interleaved(one, two)) + connection.text(CLOSE))
    for channel, audio in enumerate((one, two)):
        spans = [(m["start"], m["duration"]) for m in finals(messages, channel)]
        assert spans[0][0] == 0
        ends = [start + duration for start, duration in spans]
        assert ends[:-1] == pytest.approx([start for start, _ in spans[1:]], abs=1e-9)
        assert ends[-1] == pytest.approx(len(audio) / 8000, abs=1e-9)
        said = " ".join(transcript(m) for m in finals(messages, channel)).split()
        assert said == names(audio)


def test_what_is_said_of_a_channel_does_not_depend_on_the_sizes_of_the_messages():
    one = sound(1.3) + SILENCE * 20_000 + sound(0.7, seed=4) + SILENCE * 999
    two = SILENCE * 5001 + sound(2.0, seed=3)
    two += SILENCE * (len(one) - len(two))
    audio = interleaved(one, two)
    query = f"{CALL}&vad_events=true&utterance_end_ms=1000"

    def by_channel(sizes) -> list[list[str]]:
        connection = listen(query)
        said, at = [], 0
        while at < len(audio):
            size = sizes()
            said += connection.audio(audio[at : at + size])
            at += size
        said += connection.text(CLOSE)
        said.pop()  # Metadata
        return [
            [m for m in said if f'"channel_index":[{n}' in m or f'"channel":[{n}' in m]
            for n in (0, 1)
        ]

    whole = by_channel(lambda: len(audio))
    assert len(whole[0]) > 10
    for seed in range(20):
        source = random.Random(seed)
        # Odd sizes too: a pair of samples may be split over two messages.
        assert by_channel(lambda source=source: source.randrange(1, 4000)) == whole


def test_something_is_said_each_second_of_silence_with_interims():
    messages = parsed(listen(f"{AUDIO}&interim_results=true").audio(SILENCE * 40_000))
    assert [message["start"] + message["duration"] for message in messages] == [1, 2, 3, 4, 5]
    assert all(transcript(message) == "" for message in messages)


def test_interims_come_only_when_asked_for():
    audio = sound(3.0)
    finals = parsed(listen(AUDIO).audio(audio))
    assert finals
    assert all(m["is_final"] for m in finals)
    interims = [
        m for m in parsed(listen(f"{AUDIO}&interim_results=true").audio(audio)) if not m["is_final"]
    ]
    assert interims
    assert not any(m["speech_final"] for m in interims)


def test_events_come_only_when_asked_for():
    audio = sound(0.5) + SILENCE * 20_000
    plain = {m["type"] for m in parsed(listen(AUDIO).audio(audio))}
    assert plain == {"Results"}
    asked = f"{AUDIO}&vad_events=true&utterance_end_ms=1000&interim_results=true"
    messages = parsed(listen(asked).audio(audio))
    events = [m for m in messages if m["type"] != "Results"]
    assert events == [
        {"type": "SpeechStarted", "channel": [0, 1], "timestamp": 0.0},
        {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 0.5},
    ]


def test_keepalive_is_not_answered_and_is_matched_exactly():
    connection = listen()
    assert connection.text('{"type":"KeepAlive"}') == []
    assert connection.text('{"type": "KeepAlive", "more": 1}') == []
    [error] = parsed(connection.text('{"type":"KeepAlive "}'))
    assert error == {
        "type": "Error",
        "variant": "SchemaError",
        "description": "Could not deserialize last text message: unknown variant `KeepAlive `, "
        "expected one of `CloseStream`, `Configure`, `Sync`, `KeepAlive`, `Finalize`",
        "message": '{"type":"KeepAlive "}',
    }
    assert connection.seconds == 0


@pytest.mark.parametrize("text", ["", "hello", "[]", "null", "{}", '{"type":7}', "[" * 100_000])
def test_what_is_no_message_is_an_error_and_the_stream_goes_on(text):
    connection = listen()
    [error] = parsed(connection.text(text))
    assert (error["variant"], error["message"]) == ("SchemaError", text[:1000])
    assert not connection.closing
    assert connection.audio(SILENCE * 16_000)


def test_finalize_ends_what_is_open_on_one_channel_or_on_all():
    connection = listen()
    connection.audio(interleaved(sound(0.3), sound(0.3, seed=2)))
    [one] = parsed(connection.text('{"type":"Finalize","channel":1}'))
    assert one["channel_index"] == [1, 2]
    assert transcript(one) == names(sound(0.3, seed=2))[0]
    [other] = parsed(connection.text('{"type":"Finalize"}'))
    assert other["channel_index"] == [0, 2]
    for message in (one, other):
        assert (message["from_finalize"], message["speech_final"]) == (True, True)
    assert connection.text('{"type":"Finalize"}') == []
    [more] = finals(parsed(connection.audio(SILENCE * 16_000)))
    assert more["start"] == 0.3
    assert not more["from_finalize"]


@pytest.mark.parametrize("end", [CLOSE, b""])
def test_the_end_is_the_last_finals_and_then_the_summary(end):
    connection = listen()
    audio = interleaved(sound(0.3), SILENCE * 2400)
    assert not [m for m in parsed(connection.audio(audio)) if m["is_final"]]
    first, second, summary = parsed(connection.receive(end))
    assert (transcript(first), transcript(second)) == (names(sound(0.3))[0], "")
    assert connection.closing
    uuid = first["metadata"]["model_uuid"]
    assert list(summary.items()) == [
        ("type", "Metadata"),
        ("transaction_key", "deprecated"),
        ("request_id", "a-request"),
        ("sha256", hashlib.sha256(audio).hexdigest()),
        ("created", "1970-01-01T00:00:00.000Z"),
        ("duration", 0.3),
        ("channels", 2),
        ("models", [uuid]),
        ("model_info", {uuid: first["metadata"]["model_info"]}),
    ]


def test_without_audio_the_summary_names_no_model():
    [summary] = parsed(listen().text(CLOSE))
    assert (summary["duration"], summary["channels"]) == (0, 0)
    assert "models" not in summary


def test_after_a_timeout_the_summary_is_incomplete():
    assert json.loads(listen().metadata(complete=False))["sha256"] == "incomplete"


def test_configure_is_acknowledged():
    [answer] = parsed(listen().text('{"type":"Configure","keyterms":["Partyline"]}'))
    assert answer == {"type": "ConfigureSuccess", "request_id": "a-request"}
