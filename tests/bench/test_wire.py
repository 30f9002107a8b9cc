"""What the load says is what the stand-in for Twilio says, and what websockets says."""

import json

import pytest
from websockets.frames import Frame as WebSocketFrame
from websockets.frames import Opcode

from bench.load.marks import FILLER, FRAME_MS, mark
from bench.load.wire import BINARY, PING, TEXT, Frames, Stream, accept, ask, frame
from rehearsal.frames import Frame
from rehearsal.twilio import Messages, Options


def unpacked(data: bytes) -> list[tuple[int, bytes]]:
    return list(Frames().feed(data))


def test_media_messages_are_those_of_the_stand_in_for_twilio():
    options = Options(shared_chunks=False)
    messages = Messages(options)
    messages.start()
    stream = Stream(3, options.stream_sid, 1)
    for number in range(3):
        for index, track in enumerate(("inbound", "outbound")):
            timestamp = 60 + number * FRAME_MS
            payload = mark(3, index, number, timestamp) + FILLER
            expected = messages.media(Frame(0.0, track, timestamp, payload))
            [(opcode, said)] = unpacked(stream.media(index, number, timestamp))
            assert (opcode, said.decode()) == (TEXT, expected)
    assert json.loads(stream.stop(options)) == json.loads(messages.stop())


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("mask", [None, 5])
def test_frames_come_back_from_bytes_in_any_pieces(length, mask):
    payloads = [(BINARY, bytes(length)), (TEXT, b"x" * length), (PING, b"")]
    data = b"".join(frame(opcode, payload, mask) for opcode, payload in payloads)
    assert unpacked(data) == payloads
    frames = Frames()
    assert [got for at in range(0, len(data), 97) for got in frames.feed(data[at : at + 97])] == (
        payloads
    )


def test_a_server_frame_is_that_of_websockets():
    for payload in (b"short", b"x" * 200, b"x" * 70_000):
        expected = WebSocketFrame(Opcode.BINARY, payload).serialize(mask=False)
        assert frame(BINARY, payload) == expected


def test_a_message_in_several_frames_is_refused():
    first = WebSocketFrame(Opcode.TEXT, b"a", fin=False).serialize(mask=True)
    with pytest.raises(ValueError, match="several frames"):
        unpacked(first)


def test_a_handshake_is_answered_and_something_else_is_not():
    asked = ask("/twilio", "host", {"x-name": "value"})
    assert b"\r\nx-name: value\r\n" in asked
    answer = accept(asked.removesuffix(b"\r\n\r\n"))
    assert answer is not None
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    assert accept(ask("/", "host", {}, websocket=False)) is None
