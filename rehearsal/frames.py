"""The frames of a call, and what may become of them on their way. Pure."""

import heapq
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle

from rehearsal.audio import SAMPLE_RATE, amplitude

FRAME_MS = 20
BYTES_PER_MS = SAMPLE_RATE // 1000
# Silence suppression: what counts as silent, of 32767, and for how long sound goes on being sent.
SILENT = 500
HANGOVER_MS = 200


@dataclass(frozen=True, slots=True)
class Stall:
    """
    Frames are held back, and then come in a burst.

    Attributes:
        start: In seconds of the call.
        seconds: How long nothing comes.
        track: ``inbound`` or ``outbound``; None for both, as when the path stands still.
    """

    start: float
    seconds: float
    track: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """
    How the frames of a call are made and sent.

    Attributes:
        outbound_delay: How many seconds after inbound the other track begins: the phone rings.
        first_timestamp_ms: Of the first frame; never 0 on the wire.
        jitter_ms: How far timestamps stray from the grid, either way.
        frame_ms: Sizes of the frames, taken in turn; Twilio's are 20, and others occur.
        lost: The share of frames that never come.
        stalls: When frames are held back.
        suppress_silence: Send nothing while a side is silent, as some carriers do.
        seed: Of the jitter and the losses, so that a call can be repeated.
    """

    outbound_delay: float = 0.0
    first_timestamp_ms: int = 155
    jitter_ms: int = 2
    frame_ms: tuple[int, ...] = (FRAME_MS,)
    lost: float = 0.0
    stalls: tuple[Stall, ...] = ()
    suppress_silence: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """
    What one media message holds.

    Attributes:
        at: When it is sent, in seconds of the call: once its last sample was heard.
        track: ``inbound`` or ``outbound``.
        timestamp: Of its first sample, in ms, as on the wire.
        payload: mu-law samples.
    """

    at: float
    track: str
    timestamp: int
    payload: bytes


def schedule(inbound: bytes, outbound: bytes, course: Course) -> Iterator[Frame]:
    """Yield the frames of a call in the order of sending; an empty track never sends."""
    delay = round(course.outbound_delay * 1000 / FRAME_MS) * FRAME_MS
    frames = heapq.merge(
        _of_track("inbound", inbound, 0, course),
        _of_track("outbound", outbound, delay, course),
        key=lambda frame: frame.at,
    )
    return _stalled(frames, course.stalls) if course.stalls else frames


def _of_track(name: str, audio: bytes, begins: int, course: Course) -> Iterator[Frame]:
    chance = random.Random(f"{course.seed} {name}")  # noqa: S311  seeded, to be repeatable
    sizes = cycle(course.frame_ms)
    position, loud_until = 0, begins
    while position < len(audio):
        elapsed = begins + position // BYTES_PER_MS
        size = next(sizes)
        payload = audio[position : position + size * BYTES_PER_MS]
        position += len(payload)
        stray = chance.randint(-course.jitter_ms, course.jitter_ms)
        timestamp = max(1, course.first_timestamp_ms + elapsed + stray)
        if course.suppress_silence:
            if amplitude(payload) > SILENT:
                loud_until = elapsed + size + HANGOVER_MS
            if elapsed >= loud_until:
                continue
        if chance.random() >= course.lost:
            yield Frame((elapsed + size) / 1000, name, timestamp, payload)


def _stalled(frames: Iterable[Frame], stalls: tuple[Stall, ...]) -> Iterator[Frame]:
    def sent(frame: Frame) -> Frame:
        for stall in stalls:
            end = stall.start + stall.seconds
            if stall.track in (None, frame.track) and stall.start <= frame.at < end:
                frame = replace(frame, at=end)
        return frame

    return iter(sorted(map(sent, frames), key=lambda frame: frame.at))
