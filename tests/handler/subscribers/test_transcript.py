"""handler/subscribers/transcript.py: what is written part by part is what it was in one."""

import tracemalloc
import zlib
from functools import partial

import msgspec
import pytest

from handler.subscribers import captions
from handler.subscribers.speakers import speakers_of
from handler.subscribers.transcript import _write

NAME = partial(speakers_of, inbound=None, outbound=None)
WORD = {"word": "a", "start": 0.1, "end": 0.2}


def result(track: str, start: float, text: str, words: list[dict[str, object]]):
    channel = {"alternatives": [{"transcript": text, "words": words}]}
    said = {"track": track, "start": start, "duration": 1.0, "channel": channel}
    return {"type": "Results", "seq": int(start) + 1, "callSid": "CA", **said}


STARTED = {
    "type": "CallStarted",
    "seq": 1,
    "callSid": "CA",
    "direction": "outbound-api",
    "callerName": "<Ana>",
    "calleeName": "Ben",
    "metadata": {"order": "7"},
}
CALLS = {
    "named": [STARTED, result("inbound", 2.0, "one", []), result("outbound", 4.0, "two", [])],
    "nothing": [],
    "nothing said": [{"type": "CallStarted", "seq": 1, "callSid": "CA", "direction": "inbound"}],
    "turns": [
        result("inbound", 0.0, "one", [WORD, WORD]),
        result("inbound", 1.0, "two", []),
        result("inbound", 2.0, "three", [WORD]),
        result("outbound", 3.0, "four", []),
    ],
    "text that looks like the document": [
        result("inbound", 0.0, '"turns":[]', [WORD | {"word": '"turns":[]'}]),
        result("outbound", 1.0, '"words":[]}', [WORD | {"word": "]}"}]),
    ],
}


@pytest.mark.parametrize("kind", CALLS)
def test_a_document_in_parts_is_the_document(kind):
    payloads = [msgspec.json.encode(record) for record in CALLS[kind]]
    parts = _write(payloads, "json", NAME, expired=False)
    text = b"".join(map(zlib.decompress, parts))
    assert msgspec.json.decode(text) == captions.document(
        CALLS[kind], NAME(STARTED if kind == "named" else {})
    )


@pytest.mark.parametrize(
    ("form", "most"), [("json", 1.6), ("txt", 1.1), ("srt", 1.1), ("vtt", 1.1)]
)
def test_a_long_transcript_takes_little_more_memory_than_its_records(form, most):
    """Beside calls many may be asked for; what waits for its reader is a tenth of what is sent."""
    words = [WORD | {"word": f"word{number}", "confidence": 0.99} for number in range(12)]
    text = " ".join(str(word["word"]) for word in words)
    tracemalloc.start()
    try:
        payloads = [
            msgspec.json.encode(result("inbound", float(number), text, words))
            for number in range(1000)
        ]
        size, _ = tracemalloc.get_traced_memory()
        parts = _write(payloads, form, NAME, expired=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size * most
    assert sum(map(len, parts)) < size / 10


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        ("txt", ["[00:02] Ben: one", "[00:04] <Ana>: two"]),
        ("vtt", ["<v Ben>one", "<v &lt;Ana&gt;>two"]),
        ("srt", ["Ben: one", "\u2039Ana\u203a: two"]),
    ],
)
def test_the_sides_have_the_names_that_the_call_gives_them(form, lines):
    payloads = [msgspec.json.encode(record) for record in CALLS["named"]]
    text = b"".join(map(zlib.decompress, _write(payloads, form, NAME, expired=False))).decode()
    assert [line for line in text.splitlines() if "one" in line or "two" in line] == lines


def test_a_document_says_what_an_application_said_of_the_call():
    document = captions.document(CALLS["named"], NAME(STARTED))
    assert document["metadata"] == {"order": "7"}
    assert (document["callerName"], document["calleeName"]) == ("<Ana>", "Ben")
    assert document["speakers"] == {"inbound": "Ben", "outbound": "<Ana>"}
    assert not {"callerName", "calleeName", "metadata"} & captions.document([], NAME({})).keys()
