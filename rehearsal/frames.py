"""The frames of a call, and what may become of them on their way. Pure."""

import heapq
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count, cycle
from typing import TypeAlias

from rehearsal.audio import SAMPLE_RATE, amplitude

INBOUND, OUTBOUND = "inbound", "outbound"
FRAME_MS = 20
BYTES_PER_MS = SAMPLE_RATE // 1000
# Silence suppression: what counts as silent, of 32767, and for how long sound goes on being sent.
SILENT = 500
HANGOVER_MS = 200


# Returns so many samples of a track from a position on: fewer at its end; None: it sends nothing.
Read: TypeAlias = Callable[[int, int], bytes | None]


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
        noise: The share of samples that are one step louder or quieter, as if coded once more.
        cut: How many samples the frames lie off those of another stream of the same call.
        seed: Of the jitter, the losses and the noise, so that a call can be repeated.
    """

    outbound_delay: float = 0.0
    first_timestamp_ms: int = 155
    jitter_ms: int = 2
    frame_ms: tuple[int, ...] = (FRAME_MS,)
    lost: float = 0.0
    stalls: tuple[Stall, ...] = ()
    suppress_silence: bool = False
    noise: float = 0.0
    cut: int = 0
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
    tracks = [
        _of_track(INBOUND, recorded(inbound), 0, course),
        _of_track(OUTBOUND, recorded(outbound), delay, course),
    ]
    return (frame for frame in _merged(tracks, course) if frame.payload)


def live(reads: Mapping[str, Read], course: Course) -> Iterator[Frame]:
    """
    Yield the frames of tracks that go on for as long as their audio does, in the order of sending.

    A frame without a payload is not sent: it comes where nothing is, so that whoever waits for the
    time of each frame reads no audio before it is there. Each track is read one frame ahead.
    """
    tracks = [_of_track(name, read, 0, course) for name, read in reads.items()]
    return _merged(tracks, course)


def recorded(audio: bytes) -> Read:
    """Read what is known from beginning to end."""
    return lambda position, size: audio[position : position + size]


def _merged(tracks: list[Iterator[Frame]], course: Course) -> Iterator[Frame]:
    frames = heapq.merge(*tracks, key=lambda frame: frame.at)
    return _stalled(frames, course.stalls) if course.stalls else frames


def _of_track(name: str, read: Read, begins: int, course: Course) -> Iterator[Frame]:
    chance = random.Random(f"{course.seed} {name}")  # noqa: S311  seeded, to be repeatable
    noise = random.Random(f"{course.seed} {name} noise")  # noqa: S311  likewise
    sizes = cycle(course.frame_ms)
    position, loud_until = 0, begins
    while True:
        elapsed = begins + position // BYTES_PER_MS
        size = next(sizes)
        payload = read(position, size * BYTES_PER_MS)
        if payload == b"":
            return
        position += size * BYTES_PER_MS
        stray = chance.randint(-course.jitter_ms, course.jitter_ms)
        timestamp = max(1, course.first_timestamp_ms + elapsed + stray)
        sent = payload is not None
        if course.suppress_silence and payload is not None:
            if amplitude(payload) > SILENT:
                loud_until = elapsed + size + HANGOVER_MS
            sent = elapsed < loud_until
        # Of what is not sent nothing can be lost.
        if not sent or payload is None or chance.random() < course.lost:
            payload = b""
        elif course.noise:
            payload = _coded_again(payload, course.noise, noise)
        yield Frame((elapsed + size) / 1000, name, timestamp, payload)


def _coded_again(payload: bytes, share: float, noise: random.Random) -> bytes:
    """Change the last bit of some samples, which is one step of mu-law."""
    return bytes(code ^ (noise.random() < share) for code in payload)


def _stalled(frames: Iterable[Frame], stalls: tuple[Stall, ...]) -> Iterator[Frame]:
    """Hold frames back; in the place of one that is held comes one without a payload."""
    held: list[tuple[float, int, Frame]] = []
    order = count()
    for frame in frames:
        while held and held[0][0] <= frame.at:
            yield heapq.heappop(held)[2]
        sent = _sent(frame, stalls)
        if sent.at > frame.at:
            heapq.heappush(held, (sent.at, next(order), sent))
            yield replace(frame, payload=b"")
        else:
            yield frame
    while held:
        yield heapq.heappop(held)[2]


def _sent(frame: Frame, stalls: tuple[Stall, ...]) -> Frame:
    for stall in stalls:
        end = stall.start + stall.seconds
        if stall.track in (None, frame.track) and stall.start <= frame.at < end:
            frame = replace(frame, at=end)
    return frame
