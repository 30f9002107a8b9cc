"""handler/server/frames.py: payloads as they go out on a wire."""

import gc
import json
import weakref

import pytest
from websockets.frames import Opcode
from websockets.protocol import CLIENT, OPEN, Protocol

from handler.server.frames import RecentFrames, SharedMessage, chunk, event, text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_a_text_frame_is_what_a_client_reads(size):
    payload = b"x" * size
    client = Protocol(CLIENT, state=OPEN)
    client.receive_data(text_frame(payload))
    [frame] = client.events_received()
    assert (frame.opcode, frame.fin, frame.data) == (Opcode.TEXT, True, payload)


def test_an_event_of_a_record_has_an_id_and_one_of_an_interim_has_none():
    assert event(7, b'{"a":1}') == b'id: 7\ndata: {"a":1}\n\n'
    assert event(None, b"{}") == b"data: {}\n\n"


@pytest.mark.parametrize("text", ["\u2028", "\u2029", "\x85", "\\\u2028", "é\u2028…\u2026\x85ą"])
def test_an_event_is_one_line_for_who_splits_at_any_line_end_and_says_the_same(text):
    """Not only for those who know that a line of an event stream ends at CR or LF alone."""
    made = event(7, json.dumps({"text": text}, ensure_ascii=False).encode()).decode()
    assert made.splitlines() == made.removesuffix("\n").split("\n")
    assert json.loads(made.splitlines()[1].removeprefix("data: ")) == {"text": text}


def test_a_frame_is_made_once_for_all_who_get_it():
    made = []

    def make(payload: bytes) -> bytes:
        made.append(payload)
        return text_frame(payload)

    frames = RecentFrames(make)
    assert frames.of(b"one") is frames.of(b"one")
    frames.of(b"two")
    assert made == [b"one", b"two"]


def test_recent_frames_are_bounded_in_bytes_and_the_oldest_go_first():
    made = []

    def make(payload: bytes) -> bytes:
        made.append(payload)
        return payload

    frames = RecentFrames(make, max_bytes=40)  # two of ten bytes and their payloads
    for letter in b"abcab":
        frames.of(bytes([letter]) * 10)
        assert frames.bytes <= 40
    assert [payload[:1] for payload in made] == [b"a", b"b", b"c", b"a", b"b"]
    frames.of(b"a" * 10)
    assert len(made) == 5


def test_a_frame_that_is_larger_than_all_there_is_room_for_is_not_kept():
    frames = RecentFrames(text_frame, max_bytes=1000)
    assert frames.of(b"x" * 5000) == text_frame(b"x" * 5000)
    assert frames.bytes == 0


def test_the_frames_of_a_shared_message_are_made_once_and_go_with_it():
    message = SharedMessage(b'{"type":"Calls","calls":[]}')
    assert message.frame is message.frame
    assert message.event is message.event
    assert message.frame == text_frame(message.payload)
    assert message.event == event(None, message.payload)
    gone = weakref.ref(message)
    del message
    gc.collect()
    assert gone() is None


def test_a_chunk_says_how_long_it_is():
    assert chunk(b"data: 1234567\n\n") == b"f\r\ndata: 1234567\n\n\r\n"
