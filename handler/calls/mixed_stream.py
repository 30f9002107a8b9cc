"""What is heard of a call at one time: chunks and losses of one media stream, or of two."""

import asyncio
import enum
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from handler.audio.counts import AudioCounts
from handler.audio.lateness import Lateness
from handler.audio.loss import Loss, Reason
from handler.audio.mixer import Chunk, Mixer
from handler.audio.mulaw import SAMPLES_PER_MS, TRACKS, Track, samples
from handler.calls.media_stream import End, MediaStream
from handler.calls.ticker import Ticker
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


class Tick(msgspec.Struct, frozen=True):
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
    ends when none is open, as the last one ended. A track that two of them have is heard of one,
    and of the other once that one has ended.

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
        self._carriers = dict.fromkeys(first.tracks, first)  # whose frames are heard
        self._mixer = Mixer(wait=mix_wait)
        self._lateness = Lateness()
        self._restarts = 0
        self._over: asyncio.Future[None] | None = None  # while it is pumped
        self._activity = Activity.ACTIVE
        self._ended: list[MediaStream] = []  # since the last tick
        self._last = first  # of those that have ended
        self._listen(first)

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

    @property
    def unstopped(self) -> tuple[str, ...]:
        """The media streams that Twilio has not stopped, nor others followed; be they lost."""
        over = End.STOPPED, End.REPLACED
        return tuple(one.stream_sid for one in self._streams if one.end not in over)

    def late(self, now: float) -> int:
        """How far what was forwarded lags behind what is said, in samples."""
        return self._lateness.at(now)

    def takes(self, stream: MediaStream, now: float) -> bool:
        """Whether a media stream brings a track that is missing while the other one goes on."""
        missing = self._missing(stream, now)
        others = [one for one in self.live if not set(one.tracks) & set(missing)]
        return len(missing) == 1 and len(others) > 0 and len(self._streams) < MAX_STREAMS

    def is_half(self, now: float) -> bool:
        """Whether it is of one track, and so young that the other may be on its way."""
        young = now - self.first.began_at < PAIR_SECONDS
        return young and self.end is None and len(self.tracks) < len(TRACKS)

    def join(self, stream: MediaStream) -> None:
        """Take a media stream that :meth:`takes` says is ours."""
        [track] = self._missing(stream, stream.began_at)
        former = self._carriers.get(track)
        for one in self.live:
            if track in one.tracks:
                _end(one, End.REPLACED)
        self._streams.append(stream)
        self._carry(track, stream, _missing_before(former))
        for one in self._streams:
            self._listen(one)

    def doubled(self, stream: MediaStream) -> tuple[Track, ...]:
        """Return the tracks of a media stream that are heard of another one."""
        return tuple(track for track in stream.tracks if self._carriers[track] is not stream)

    def finish(self, end: End) -> None:
        """No more frames will come; the first reason given stands."""
        for stream in self.live:
            _end(stream, end)

    async def close(self, code: int, reason: str) -> None:
        """Close the websockets that were open to the end."""
        for stream in self._streams:
            if stream.end in (None, self.end):
                await stream.socket.close(code, reason)

    def may_be_replaced(self, now: float) -> bool:
        """Whether a media stream of the call may take the place of all that is here."""
        return all(stream.may_be_replaced(now) for stream in self.live)

    def is_silent(self, now: float) -> bool:
        """Whether no frame has come for a while, of either track."""
        return all(stream.is_silent(now) for stream in self.live)

    def dead_since(self, now: float) -> float | None:
        """Return the loop time of its last frame if it gave no sign of life since, though asked."""
        since = [stream.dead_since(now) for stream in self.live]
        known = [at for at in since if at is not None]
        return max(known) if known and len(known) == len(since) else None

    async def pump(self, ticker: Ticker, forward: Callable[[Tick], None]) -> None:
        """Forward what comes in, at each turn of the ``ticker``, until all of it is over."""
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        if self.end is None:
            await ticker.run(lambda now: forward(self.tick(now)), self._over)
            forward(self.tick(loop.time()))
        self._miss_what_was_lost()
        # The tail: what one side still waited for the other to match.
        forward(self._collect(loop.time(), None, list(iter(self._mixer.drain, None))))
        for stream in self._streams:
            stream.let_go()

    def tick(self, now: float) -> Tick:
        """Return what is new at ``now``, by the loop's clock."""
        for stream in self.live:
            stream.socket.poll()
        return self._collect(now, self._look(now), self._mixer.pop_all(now))

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

    def _listen(self, stream: MediaStream) -> None:
        """Take the frames of a media stream, and note its end."""
        stream.take = self._take if len(self._streams) == 1 else partial(self._take_of, stream)
        stream.on_end = partial(self._note_end, stream)

    def _take(self, frames: list[Frame]) -> None:
        """Take frames, of whichever track."""
        feed = self._mixer.feed
        for frame in frames:
            feed(frame.track, frame.timestamp, frame.payload)

    def _take_of(self, stream: MediaStream, frames: list[Frame]) -> None:
        """Take what is to be heard of one media stream among several."""
        self._take([frame for frame in frames if self._hears(stream, frame)])

    def _hears(self, stream: MediaStream, frame: Frame) -> bool:
        """Whether a frame's track is heard of its media stream, which may take it over by that."""
        carrier = self._carriers.get(frame.track, stream)
        if carrier is stream:
            return True
        if frame.track not in stream.tracks:  # it has a stream of its own
            stream.faults["frame-of-the-other-track"] += 1
            return False
        if carrier.end is None or stream.end is not None:
            stream.faults["frame-of-a-doubled-track"] += 1
            return False
        self._carry(frame.track, stream, "media-lost", frame.timestamp * SAMPLES_PER_MS)
        return True

    def _note_end(self, stream: MediaStream) -> None:
        self._ended.append(stream)
        self._last = stream
        if not self.live:
            self.end = stream.end
            if self._over is not None and not self._over.done():
                self._over.set_result(None)

    def _carry(
        self, track: Track, stream: MediaStream, reason: Reason | None, first: int | None = None
    ) -> None:
        """Hear a track of another media stream; ``first`` as the mixer has it."""
        began = samples(stream.began_at - self.first.began_at)
        self._mixer.begin_anew(track, began, reason, first)
        self._carriers[track] = stream

    def _missing(self, stream: MediaStream, now: float) -> list[Track]:
        """Return which tracks of a media stream no other one sends."""
        alive = [one for one in self.live if not one.may_be_replaced(now)]
        return [track for track in stream.tracks if all(track not in one.tracks for one in alive)]

    def _miss_what_was_lost(self) -> None:
        """Tell of each track that was lost and did not come back while the other went on."""
        for track, carrier in self._carriers.items():
            if carrier.end in (End.LOST, End.REPLACED) and carrier is not self._last:
                self._mixer.miss(track)

    def _leave_dead_carriers(self, now: float) -> None:
        """End a media stream without a sign of life if another one sends its track, too."""
        for track, carrier in self._carriers.items():
            if carrier.end is None and carrier.may_be_replaced(now):
                others = [one for one in self.live if one is not carrier and track in one.tracks]
                if any(not one.may_be_replaced(now) for one in others):
                    carrier.finish(End.REPLACED)

    def _look(self, now: float) -> Activity | None:
        """Find out whether there is a sign of life; returns what changed, if anything did."""
        for stream in self.live:
            stream.look(now)
        if len(self._streams) > 1:
            self._leave_dead_carriers(now)
        activity = Activity.SILENT if self.may_be_replaced(now) else Activity.ACTIVE
        changed = activity is not self._activity and self.end is None
        self._activity = activity
        return activity if changed else None

    def _collect(self, now: float, changed: Activity | None, chunks: list[Chunk]) -> Tick:
        if chunks:
            self._note_lateness(chunks[-1].end, now)
        if self.offset:
            chunks = [Chunk(chunk.start + self.offset, chunk.audio) for chunk in chunks]
        losses = [loss.moved(self.offset) for loss in self._mixer.collect_losses()]
        over, self._ended = tuple(self._ended), []
        return Tick(now, changed, chunks, losses, over)

    def _note_lateness(self, position: int, now: float) -> None:
        """Note when audio came; where a clock began anew, positions do not follow those before."""
        if self.counts.restarts != self._restarts:
            self._restarts = self.counts.restarts
            self._lateness = Lateness()
        self._lateness.note(position, now)


def _end(stream: MediaStream, end: End) -> None:
    """End a media stream whose peer has not: what has come by now is heard, and a stop in it."""
    stream.socket.poll()
    stream.finish(end)


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

    @property
    def sids(self) -> list[str]:
        """The media streams of which frames may come."""
        return [stream.stream_sid for stream in self.current.live]

    @property
    def track(self) -> str:
        """Which sides are sent now, as TwiML has it."""
        tracks = self.current.tracks
        return "both_tracks" if len(tracks) == len(TRACKS) else f"{min(tracks)}_track"

    @property
    def listed(self) -> dict[str, Any]:
        """What the call's entry in the registry says of those that are heard now."""
        return {"stream_sids": self.current.unstopped, "track": self.track}

    @property
    def late(self) -> int:
        """How far what is heard now lags behind what is said, in samples."""
        return self.current.late(asyncio.get_running_loop().time())

    @property
    def began_at(self) -> float:
        """Loop time at which that began which is heard now."""
        return self.current.first.began_at

    def attach(self, stream: MediaStream, now: float) -> tuple[Track, ...]:
        """
        Put a media stream beside the current one, or in its place.

        Returns which of its tracks are heard of another one.

        Raises:
            StreamRefused: its tracks are alive, or too many wait for their turn.
        """
        if not stream.takes_over and self.current.takes(stream, now):
            self.current.join(stream)
            return self.current.doubled(stream)
        if not stream.takes_over and not self.current.may_be_replaced(now):
            raise StreamRefused(_alive(stream, self.current))
        if len(self._waiting) >= MAX_WAITING:
            raise StreamRefused("too many media streams of this call")
        self.current.finish(End.REPLACED)
        self._earlier += self.current.counts
        self._tracks |= self.current.tracks
        self.current = MixedStream(stream, mix_wait=self._mix_wait)
        self._waiting.append(self.current)
        self._changed.set()
        return ()

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
    """Say why a media stream may not come in, and what to do if a side is not heard."""
    heard = {track for one in current.live for track in one.tracks}
    if not heard.issuperset(stream.tracks):
        return "too many media streams of this call"
    if len(heard) == len(TRACKS):
        return "a media stream of this call is alive, and both sides are heard"
    track = stream.tracks[0]
    return (
        f"a media stream of this call's {track} track is alive; for both sides, send one of "
        'track="both_tracks"'
    )
