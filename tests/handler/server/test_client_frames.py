"""handler/server/client_frames.py: a client's frames, found in bytes as they come."""

import random

import pytest
from support.raw_websocket import wire
from websockets.frames import Frame, Opcode

from handler.server.client_frames import ends_in_pieces, frame_end, plain_texts

MANY = 1000


def text(payload: bytes) -> Frame:
    return Frame(Opcode.TEXT, payload)


TEXTS = [b"", b"a", b"b" * 125, b"c" * 126, b'{"event":"media"}' * 30, b"d" * 65_535]
WHOLE = wire(*[text(payload) for payload in TEXTS])


def test_plain_texts_are_what_was_sent():
    assert plain_texts(WHOLE, 0, MANY) == (TEXTS, len(WHOLE))
    assert plain_texts(bytearray(WHOLE), 0, MANY) == (TEXTS, len(WHOLE))


def test_no_more_than_asked_for_are_cut_out_and_the_rest_is_found_where_they_end():
    first, end = plain_texts(WHOLE, 0, 2)
    rest, whole = plain_texts(WHOLE, end, MANY)
    assert (first + rest, whole) == (TEXTS, len(WHOLE))


@pytest.mark.parametrize("payload", [b"", b"a", b"c" * 126, b"e" * 300])
def test_one_that_is_not_there_to_its_end_is_left(payload):
    before, sent = wire(text(b"before")), wire(text(payload))
    for end in range(len(sent)):
        data = before + sent[:end]
        assert plain_texts(data, 0, MANY) == ([b"before"], len(before))


OTHERS = {
    "a ping": wire(Frame(Opcode.PING, b"x")),
    "an end": wire(Frame(Opcode.CLOSE, b"\x03\xe8")),
    "a binary message": wire(Frame(Opcode.BINARY, b"x")),
    "the first piece of a text": wire(Frame(Opcode.TEXT, b"x", fin=False)),
    "a later piece": wire(Frame(Opcode.CONT, b"x")),
    "a text that is not ASCII": wire(text("é".encode())),
    "a text that is no text": wire(text(b"\xff")),
    "a text without a mask": text(b"x" * 10).serialize(mask=False),
    "a long text without a mask": text(b"x" * 300).serialize(mask=False),
    "a text with a bit of an extension": b"\xc1" + wire(text(b"x"))[1:],
    "a text longer than two bytes can tell": wire(text(b"x" * 70_000)),
    "a length told longer than need be": b"\x81\xfe\x00\x05" + bytes(4) + b"abcde",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_not_plain_is_left_with_all_that_follows(kind):
    before, other = wire(text(b"before")), OTHERS[kind]
    data = before + other + wire(text(b"behind"))
    assert plain_texts(data, 0, MANY) == ([b"before"], len(before))
    assert plain_texts(data, len(before), MANY) == ([], len(before))
    assert frame_end(data, len(before)) == len(before) + len(other)


def test_the_end_of_a_frame_is_known_once_its_head_is_there():
    for payload, head in ((b"x" * 5, 2), (b"x" * 200, 4), (b"x" * 70_000, 10)):
        sent = wire(text(payload))
        ends = [frame_end(sent[:size], 0) for size in range(head + 1)]
        assert ends == [None] * head + [len(sent)]


def test_a_message_is_in_pieces_from_its_first_frame_to_its_last_whatever_lies_between():
    pieces = False
    heard = []
    for opcode, fin in (
        (Opcode.TEXT, True),
        (Opcode.TEXT, False),
        (Opcode.PING, True),
        (Opcode.CONT, False),
        (Opcode.CONT, True),
        (Opcode.PONG, True),
    ):
        pieces = ends_in_pieces(Frame(opcode, b"", fin=fin).serialize(mask=True)[0], before=pieces)
        heard.append(pieces)
    assert heard == [False, True, True, True, False, False]


def test_whatever_comes_no_byte_is_read_that_is_not_there():
    chance = random.Random(7)
    for _ in range(3000):
        data = chance.randbytes(chance.randrange(40))
        data = b"\x81" + data if chance.random() < 0.5 else data
        texts, at = plain_texts(data, 0, MANY)
        assert 0 <= at <= len(data)
        assert (at > 0) == bool(texts)
        frame_end(data, at)
