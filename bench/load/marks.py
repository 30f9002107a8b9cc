"""
Marks in the audio: each frame says which it is, so that what arrives can be checked from itself.

The first twelve of a frame's 160 samples name its call, its track, its number and its timestamp.
What carries audio must hand mu-law on as it came, one track in each channel. Pure.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, fields

FRAME = 160  # samples of 20 ms
FRAME_MS = 20
MAGIC = b"MKR"
# magic, track, call, number, timestamp: twelve bytes, so that base64 of a mark ends at a letter
_MARK = struct.Struct("<3sBHHI")
MARK = _MARK.size
# Never silence (0xff, 0x7f), never the letter that a mark begins with.
FILLER = bytes(0x80 + (number * 37 + number // 7) % 0x7E for number in range(FRAME - MARK))

Arrived = Callable[[int, int, int], None]


def mark(call: int, track: int, number: int, timestamp: int) -> bytes:
    """Make the first samples of a frame."""
    return _MARK.pack(MAGIC, track, call, number, timestamp)


@dataclass
class Tally:
    """
    What became of frames.

    Attributes:
        received: Frames that arrived whole.
        misplaced: Not where their timestamp puts them, beside the first one of the connection.
        foreign: In another call's audio, or in the other track's channel.
        disordered: Behind one that is later, or twice.
        damaged: Changed behind their mark, or cut.
        silence: Samples that are no frame's.
    """

    received: int = 0
    misplaced: int = 0
    foreign: int = 0
    disordered: int = 0
    damaged: int = 0
    silence: int = 0

    def add(self, other: "Tally") -> None:
        for field in fields(self):
            name = field.name
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Ear:
    """Listens to the audio of one connection, two channels in turn, and finds the frames in it."""

    def __init__(self, arrived: Arrived = lambda *_: None) -> None:
        """
        Begin to listen.

        Args:
            arrived: Called for each frame with its call, track and number.
        """
        self.tally = Tally()
        self._arrived = arrived
        self._rest = [b"", b""]  # what may be the beginning of a frame
        self._position = [0, 0]  # of it, in samples
        self._newest = [-1, -1]
        self._call: int | None = None
        self._anchor: int | None = None  # sample of timestamp 0

    def hear(self, audio: bytes) -> None:
        """Take the next piece, of whatever length."""
        for channel in (0, 1):
            self._hear(channel, self._rest[channel] + audio[channel::2])

    def _hear(self, channel: int, samples: bytes) -> None:
        at, tally = 0, self.tally
        while (found := samples.find(MAGIC, at)) >= 0 and len(samples) - found >= FRAME:
            tally.silence += found - at
            _, track, call, number, timestamp = _MARK.unpack_from(samples, found)
            self._check(channel, self._position[channel] + found, track, call, number, timestamp)
            if samples[found + MARK : found + FRAME] == FILLER:
                tally.received += 1
                self._arrived(call, track, number)
                at = found + FRAME
            else:
                tally.damaged += 1
                at = found + MARK
        if found < 0:  # no mark, but one may have begun
            found = max(at, len(samples) - len(MAGIC) + 1)
        tally.silence += found - at
        self._rest[channel] = samples[found:]
        self._position[channel] += found

    def _check(
        self, channel: int, position: int, track: int, call: int, number: int, timestamp: int
    ) -> None:
        tally, anchor = self.tally, position - timestamp * FRAME // FRAME_MS
        if self._call is None or self._anchor is None:
            self._call, self._anchor = call, anchor
        if call != self._call or track != channel:
            tally.foreign += 1
        elif anchor != self._anchor:
            tally.misplaced += 1
        if number <= self._newest[channel]:
            tally.disordered += 1
        else:
            self._newest[channel] = number
