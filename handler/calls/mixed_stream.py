"""What is heard of a call at one time: chunks and losses of one media stream, or of two."""

import asyncio
import enum
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from handler.audio.counts import AudioCounts
from handler.audio.loss import Loss, Reason
from handler.audio.mixer import Chunk, Mixer
from handler.audio.mulaw import SAMPLES_PER_MS, TRACKS, Track, samples
from handler.calls.media_stream import End, MediaStream
from handler.errors import StreamRefused
from handler.twilio.messages import Frame

# Those of a call that wait for their turn: each that comes ends the one before, which then only has
# its tail to give. More than a few in the time that a claim may take is no telephony.
MAX_WAITING = 16
# How long a call with one track may expect the other's media stream, where no other is taken.
PAIR_SECONDS = 10.0
# How often a side may get another media stream while the other side goes on.
MAX_STREAMS = 64


class Activity(enum.Enum):
    """Whether there is a sign of life."""

    ACTIVE = enum.auto()
    SILENT = enum.auto()  # no frame, and no answer: another media stream may take over


@dataclass(frozen=True, slots=True)
class Tick:
    """
    What comes at one tick.

    Attributes:
        now: The loop's time.
        changed: The activity, if it is another than at the tick before.
        chunks: Audio that is ready.
        losses: Audio that found no place, or never came.
        over: Media streams that have ended since the tick before.
    """

    now: float
    changed: Activity | None
    chunks: list[Chunk]
    losses: list[Loss]
    over: tuple[MediaStream, ...] = ()


class MixedStream:
    """
    The media streams of a call that are heard together: one of both tracks, or one of each.

    Twilio sends both tracks on one websocket (``both_tracks``), or is told to send each on its own.
    Of two, either may begin later, end earlier, and be followed by another of its track; the whole
    ends when none is open, as the last one ended.

    Attributes:
        first: The media stream with which it began; its zero is that of all.
        offset: Where that zero lies on the call clock, in samples.
        end: How it ended; None while frames may come.
    """

    def __init__(self, first: MediaStream, *, mix_wait: float) -> None:
        self.first = first
        self.offset = 0
        self.end: End | None = None
        self._streams = [first]
        self._mixer = Mixer(wait=mix_wait)
        self._over = asyncio.Event()
        self._activity = Activity.ACTIVE
        self._ended: list[MediaStream] = []  # since the last tick
        self._last = first  # of those that have ended
        first.take = partial(self._take, first)

    @property
    def counts(self) -> AudioCounts:
        """What it carried so far."""
        return self._mixer.counts

    @property
    def live(self) -> list[MediaStream]:
        """The media streams of which frames may come."""
        return [stream for stream in self._streams if stream.end is None]

    @property
    def tracks(self) -> set[Track]:
        """The sides of which it was ever said that they are sent."""
        return {track for stream in self._streams for track in stream.tracks}

    def takes(self, stream: MediaStream, now: float) -> bool:
        """Whether a media stream is the other track of this call, or the next of one of the two."""
        others = [one for one in self.live if one.tracks != stream.tracks]
        same = [one for one in self.live if one.tracks == stream.tracks]
        return (
            len(stream.tracks) == 1
            and len(others) == 1
            and len(others[0].tracks) == 1
            and all(one.may_be_replaced(now) for one in same)
            and len(self._streams) < MAX_STREAMS
        )

    def is_half(self, now: float) -> bool:
        """Whether it is of one track, and so young that the other may be on its way."""
        young = now - self.first.began_at < PAIR_SECONDS
        return young and self.end is None and len(self.tracks) < len(TRACKS)

    def join(self, stream: MediaStream) -> None:
        """Take a media stream that :meth:`takes` says is ours."""
        [track] = stream.tracks
        began = samples(stream.began_at - self.first.began_at)
        former = self._carrier(track)
        if former is not None:
            former.finish(End.REPLACED)
        self._mixer.begin_anew(track, began, _missing_before(former))
        self._streams.append(stream)
        stream.take = partial(self._take, stream)

    def finish(self, end: End) -> None:
        """No more frames will come; the first reason given stands."""
        for stream in self.live:
            stream.finish(end)

    async def close(self, code: int, reason: str) -> None:
        """Close the websockets that were open to the end."""
        for stream in self._streams:
            if stream.end in (None, self.end):
                await stream.socket.close(code, reason)

    def may_be_replaced(self, now: float) -> bool:
        """Whether a media stream of the call may take the place of all that is here."""
        return all(stream.may_be_replaced(now) for stream in self.live)

    async def pump(self, interval: float, forward: Callable[[Tick], None]) -> None:
        """Forward what comes in, every ``interval`` seconds, until all of it is over."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self.end is None:
            due = max(due + interval, loop.time())
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._over.wait()
            forward(self.tick(loop.time()))
        self._miss_what_was_lost()
        # The tail: what one side still waited for the other to match.
        forward(self._collect(loop.time(), None, self._mixer.drain))
        for stream in self._streams:
            stream.let_go()

    def tick(self, now: float) -> Tick:
        """Return what is new at ``now``, by the loop's clock."""
        return self._collect(now, self._look(now), lambda: self._mixer.pop(now))

    def summary(self) -> dict[str, Any]:
        """Return what is logged of the audio once one of the media streams is over."""
        counts = self.counts
        return {
            "filled_ms": counts.filled_samples // SAMPLES_PER_MS,
            "late_ms": counts.late_samples // SAMPLES_PER_MS,
            "overlap_ms": counts.overlap_samples // SAMPLES_PER_MS,
            "slipped_samples": counts.slipped_samples,
            "leaps": counts.leaps,
            "restarts": counts.restarts,
            "refused_frames": counts.refused_frames,
        }

    def _take(self, stream: MediaStream, frame: Frame | None) -> None:
        """Take a frame of a media stream, or its end."""
        if frame is None:
            self._ended.append(stream)
            self._last = stream
            if not self.live:
                self.end = stream.end
                self._over.set()
        elif frame.track in stream.tracks or len(self._streams) == 1:
            self._mixer.feed(frame.track, frame.timestamp, frame.payload)
        else:  # it has a stream of its own
            stream.faults["frame-of-the-other-track"] += 1

    def _miss_what_was_lost(self) -> None:
        """Tell of each track that was lost and did not come back while the other went on."""
        for track in self.tracks:
            carrier = self._carrier(track)
            lost = carrier is not None and carrier.end in (End.LOST, End.REPLACED)
            if lost and carrier is not self._last:
                self._mixer.miss(track)

    def _carrier(self, track: Track) -> MediaStream | None:
        """Return the newest media stream of a track."""
        return next((one for one in reversed(self._streams) if track in one.tracks), None)

    def _look(self, now: float) -> Activity | None:
        """Find out whether there is a sign of life; returns what changed, if anything did."""
        for stream in self.live:
            stream.look(now)
        activity = Activity.SILENT if self.may_be_replaced(now) else Activity.ACTIVE
        changed = activity is not self._activity and self.end is None
        self._activity = activity
        return activity if changed else None

    def _collect(
        self, now: float, changed: Activity | None, pop: Callable[[], Chunk | None]
    ) -> Tick:
        chunks = []
        while (chunk := pop()) is not None:
            chunks.append(Chunk(chunk.start + self.offset, chunk.audio))
        losses = [loss.moved(self.offset) for loss in self._mixer.collect_losses()]
        over, self._ended = tuple(self._ended), []
        return Tick(now, changed, chunks, losses, over)


def _missing_before(former: MediaStream | None) -> Reason | None:
    """Return why nothing came of a track before a media stream; None if it is its first."""
    if former is None:
        return None
    return "paused" if former.end is End.STOPPED else "media-lost"


class StreamQueue:
    """The mixed streams of one call, one after the other: the current one is the newest."""

    def __init__(self, first: MediaStream, *, mix_wait: float) -> None:
        self._mix_wait = mix_wait
        self.current = MixedStream(first, mix_wait=mix_wait)
        self._waiting = deque([self.current])  # those that were not popped yet
        self._earlier = AudioCounts()  # of all before the current one
        self._tracks: set[Track] = set()  # likewise
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def counts(self) -> AudioCounts:
        """What they carried so far."""
        return self._earlier + self.current.counts

    @property
    def tracks(self) -> set[Track]:
        """The sides of which it was ever said that they are sent."""
        return self._tracks | self.current.tracks

    def attach(self, stream: MediaStream, now: float) -> None:
        """
        Put a media stream beside the current one, or in its place.

        Raises:
            StreamRefused: its tracks are alive, or too many wait for their turn.
        """
        if self.current.takes(stream, now):
            self.current.join(stream)
            return
        if not self.current.may_be_replaced(now):
            raise StreamRefused(_alive(stream, self.current))
        if len(self._waiting) >= MAX_WAITING:
            raise StreamRefused("too many media streams of this call")
        self.current.finish(End.REPLACED)
        self._earlier += self.current.counts
        self._tracks |= self.current.tracks
        self.current = MixedStream(stream, mix_wait=self._mix_wait)
        self._waiting.append(self.current)
        self._changed.set()

    def close(self) -> None:
        """No other will be attached."""
        self._closed = True
        self._changed.set()

    def pop(self) -> MixedStream:
        """Return the next one, which is there: the first, or the one that replaced the last."""
        return self._waiting.popleft()

    async def next(self, seconds: float) -> MixedStream | None:
        """Wait for the next one; None if none comes within ``seconds``, or before the close."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._waiting and not self._closed:
                    self._changed.clear()
                    await self._changed.wait()
        return self._waiting.popleft() if self._waiting else None


def _alive(stream: MediaStream, current: MixedStream) -> str:
    """Say why a media stream may not come in."""
    if len(stream.tracks) == 1 and any(one.tracks == stream.tracks for one in current.live):
        return f"a media stream of this call's {stream.tracks[0]} track is alive"
    return "a media stream of this call is alive"
