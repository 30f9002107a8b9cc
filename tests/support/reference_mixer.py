"""
A mixer that is slow and obvious: every sample is put into a dictionary, at its place.

It knows no clock. What it makes of frames is what a call should sound like if all of them came in
time; what came too late is what the caller says was late. Nothing here is shared with the service.
"""

from collections.abc import Iterable
from dataclasses import dataclass

RATE = 8  # samples in a millisecond
SILENCE = 0xFF
# A frame that begins this near its track's end continues it: half a frame of 20 ms, and of a
# shorter one four fifths.
NEAR = 80


@dataclass(frozen=True)
class Heard:
    """One frame, as it was sent."""

    track: str
    timestamp: int
    payload: bytes


def mix(frames: Iterable[Heard], late: Iterable[tuple[str, int, int]] = ()) -> bytes:
    """
    Return the two-channel audio of a media stream, from its timestamp 0 to its last sample.

    Args:
        frames: In the order in which they were sent.
        late: What was told as lost: track, first sample, sample behind the last.
    """
    tracks: dict[str, dict[int, int]] = {"inbound": {}, "outbound": {}}
    ends = dict.fromkeys(tracks, -NEAR)
    before: dict[str, tuple[int, int]] = {}
    for frame in frames:
        samples = tracks[frame.track]
        place = frame.timestamp * RATE
        if before.get(frame.track) == (place, len(frame.payload)):
            continue  # sent twice
        before[frame.track] = (place, len(frame.payload))
        if abs(place - ends[frame.track]) < min(NEAR, len(frame.payload) * 4 // 5):
            place = ends[frame.track]
        for number, sample in enumerate(frame.payload):
            samples.setdefault(place + number, sample)  # what was heard first stands
        ends[frame.track] = max(ends[frame.track], place + len(frame.payload))
    for track, first, behind in late:
        for place in range(first, behind):
            tracks[track].pop(place, None)
    length = max(ends.values(), default=0)
    audio = bytearray()
    for place in range(length):
        audio.append(tracks["inbound"].get(place, SILENCE))
        audio.append(tracks["outbound"].get(place, SILENCE))
    return bytes(audio)
