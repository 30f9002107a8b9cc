"""handler/subscribers/transcript.py: what is written part by part is what it was in one."""

from functools import partial

import msgspec
import pytest

from handler.subscribers import captions
from handler.subscribers.speakers import speakers
from handler.subscribers.transcript import _write

NAME = partial(speakers, inbound=None, outbound=None)
WORD = {"word": "a", "start": 0.1, "end": 0.2}


def result(track: str, start: float, text: str, words: list[dict[str, object]]):
    channel = {"alternatives": [{"transcript": text, "words": words}]}
    said = {"track": track, "start": start, "duration": 1.0, "channel": channel}
    return {"type": "Results", "seq": int(start) + 1, "callSid": "CA", **said}


CALLS = {
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
    assert msgspec.json.decode(b"".join(parts)) == captions.document(CALLS[kind], NAME(None))
