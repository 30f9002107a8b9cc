"""
What the callers of ``bench.moves`` say, made once for all streams that carry it. Pure.

All streams of a call have the same samples. Both sides of 20 ms go in one write: that is half of
what they would cost the load, HAProxy and whoever reads them, and no move depends on it.
"""

import base64
import random
from collections.abc import Sequence

from bench.load.marks import FRAME, FRAME_MS
from bench.load.wire import TEXT, TRACKS, frame
from rehearsal.audio import SAMPLE_RATE

FIRST_TIMESTAMP = 60  # ms: real streams begin at some tens


def talk(seed: int, seconds: float) -> bytes:
    """Return a side of a call, mu-law: words of 200 to 400 ms with pauses of 50 to 800 ms."""
    chance = random.Random(seed)  # noqa: S311  no secret
    audio = bytearray(b"\xff" * SAMPLE_RATE)
    while len(audio) < (seconds - 0.5) * SAMPLE_RATE:
        audio += bytes(chance.choices(range(0x20, 0x60), k=chance.randrange(1600, 3200)))
        audio += b"\xff" * chance.randrange(400, 6400)
    return bytes(audio) + b"\xff" * SAMPLE_RATE


def payloads(audio: bytes) -> list[bytes]:
    """Return what each frame of a side holds, as it goes over the wire."""
    return [base64.b64encode(audio[at : at + FRAME]) for at in range(0, len(audio), FRAME)]


class Pairs:
    """The media messages of one stream, those of both tracks together."""

    def __init__(self, stream_sid: str, sequence: int) -> None:
        """
        Prepare a stream.

        Args:
            stream_sid: Its name.
            sequence: How many numbered messages it has sent.
        """
        self.sequence = sequence
        self._number = 0
        self._messages = tuple(
            b'{"event":"media","sequenceNumber":"%d","media":{"track":"'
            + track.encode()
            + b'","chunk":"%d","timestamp":"%d","payload":"%b"},"streamSid":"'
            + stream_sid.encode()
            + b'"}'
            for track in TRACKS
        )

    def media(self, pair: Sequence[bytes]) -> bytes:
        """Make the frames of a websocket that carry the next frame of each track."""
        made = b""
        timestamp = FIRST_TIMESTAMP + self._number * FRAME_MS
        for message, payload in zip(self._messages, pair, strict=True):
            self.sequence += 1
            text = message % (self.sequence, self.sequence - 1, timestamp, payload)
            made += frame(TEXT, text, self.sequence)
        self._number += 1
        return made
