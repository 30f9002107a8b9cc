"""What the callers of bench.moves say is what the stand-in for Twilio says."""

import base64

from bench.load.marks import FRAME, FRAME_MS
from bench.load.voices import FIRST_TIMESTAMP, Pairs, payloads, talk
from bench.load.wire import TEXT, Frames
from rehearsal.audio import SAMPLE_RATE
from rehearsal.frames import Frame
from rehearsal.twilio import Messages, Options


def test_media_messages_are_those_of_the_stand_in_for_twilio():
    options = Options()
    messages = Messages(options)
    messages.start()
    pairs = Pairs(options.stream_sid, 1)
    sides = [talk(seed, 2) for seed in (1, 2)]
    for number, pair in enumerate(zip(*map(payloads, sides), strict=False)):
        timestamp = FIRST_TIMESTAMP + number * FRAME_MS
        expected = [
            messages.media(Frame(0.0, track, timestamp, base64.b64decode(payload)))
            for track, payload in zip(("inbound", "outbound"), pair, strict=True)
        ]
        assert list(Frames().feed(pairs.media(pair))) == [
            (TEXT, message.encode()) for message in expected
        ]


def test_a_side_is_made_of_words_and_pauses_and_is_the_same_each_time():
    side = talk(3, 10)
    assert side == talk(3, 10) != talk(4, 10)
    assert 10 * SAMPLE_RATE - 2 * SAMPLE_RATE < len(side) < 12 * SAMPLE_RATE
    assert 0.2 < side.count(0xFF) / len(side) < 0.8
    assert b"".join(base64.b64decode(one) for one in payloads(side)) == side
    assert len(payloads(side)) == -(-len(side) // FRAME)
