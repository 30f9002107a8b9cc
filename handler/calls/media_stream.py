"""One media stream of a call: its frames come in, chunks and losses come out on the call clock."""

import asyncio
import enum
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from handler.audio.counts import AudioCounts
from handler.audio.loss import Loss
from handler.audio.mixer import Chunk, Mixer
from handler.audio.mulaw import SAMPLES_PER_MS
from handler.errors import StreamRefused
from handler.twilio.messages import Frame

# A second media stream may take a call over only if the current one was silent for so long: the
# websocket's signature is the same for every call and could be replayed.
TAKEOVER_SECONDS = 5.0
# Media streams of a call that wait for their turn: each that comes ends the one before, which then
# only has its tail to give. More than a few in the time that a claim may take is no telephony.
MAX_WAITING = 16

CloseSocket = Callable[[int, str], Coroutine[Any, Any, None]]


class End(enum.Enum):
    """How a media stream ended."""

    STOPPED = "completed"  # Twilio said stop: the call, or its streaming, is over
    LOST = "stream-lost"  # the socket broke without it
    REPLACED = "replaced"  # another media stream of the call took over
    DRAINED = "drained"  # this process is leaving


class Activity(enum.Enum):
    """Whether frames come."""

    ACTIVE = enum.auto()
    SILENT = enum.auto()  # for TAKEOVER_SECONDS: another media stream may take over


@dataclass(frozen=True, slots=True)
class Tick:
    """
    What a media stream brings at one tick.

    Attributes:
        now: The loop's time.
        changed: The activity, if it is another than at the tick before.
        chunks: Audio that is ready.
        losses: Audio that found no place.
    """

    now: float
    changed: Activity | None
    chunks: list[Chunk]
    losses: list[Loss]


class MediaStream:
    """
    One Twilio websocket of a call.

    Attributes:
        stream_sid: Twilio's name for it.
        received_at: Unix time in ms at which its ``start`` came in.
        close: Closes the websocket with a code and a reason.
        faults: What was wrong with messages, by kind.
        offset: Where its zero lies on the call clock, in samples.
        end: How it ended; None while frames may come.
    """

    def __init__(
        self,
        stream_sid: str,
        received_at: int,
        close: CloseSocket,
        *,
        now: float,
        mix_wait: float,
    ) -> None:
        self.stream_sid = stream_sid
        self.received_at = received_at
        self.close = close
        self.faults: Counter[str] = Counter()
        self.offset = 0
        self.end: End | None = None
        self._mixer = Mixer(wait=mix_wait)
        self._over = asyncio.Event()
        self._activity = Activity.ACTIVE
        self._last_frames = 0
        self._last_frame_at = now  # to the tick

    @property
    def counts(self) -> AudioCounts:
        """What it carried so far."""
        return self._mixer.counts

    def feed(self, frame: Frame) -> None:
        """Take one frame. Never waits: whoever drives this must keep reading."""
        self._mixer.feed(frame.track, frame.timestamp, frame.payload)

    def finish(self, end: End) -> None:
        """No more frames will come; the first reason given stands."""
        if self.end is None:
            self.end = end
            self._over.set()

    def may_be_replaced(self, now: float) -> bool:
        """Whether another media stream of the call may take over."""
        return self.end is not None or now - self._last_frame_at >= TAKEOVER_SECONDS

    async def pump(self, interval: float, forward: Callable[[Tick], None]) -> None:
        """Forward what comes in, every ``interval`` seconds, until the media stream is over."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self.end is None:
            due = max(due + interval, loop.time())
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._over.wait()
            forward(self.tick(loop.time()))
        # The tail: what one side still waited for the other to match.
        forward(self._collect(loop.time(), None, self._mixer.drain))

    def tick(self, now: float) -> Tick:
        """Return what is new at ``now``, by the loop's clock."""
        return self._collect(now, self._note_activity(now), lambda: self._mixer.pop(now))

    def summary(self) -> dict[str, Any]:
        """Return what is logged of it once it is over."""
        counts = self.counts
        return {
            "stream_sid": self.stream_sid,
            "end": self.end.value if self.end else None,
            "frames": counts.frames,
            "filled_ms": counts.filled_samples // SAMPLES_PER_MS,
            "late_ms": counts.late_samples // SAMPLES_PER_MS,
            "overlap_ms": counts.overlap_samples // SAMPLES_PER_MS,
            "slipped_samples": counts.slipped_samples,
            "leaps": counts.leaps,
            "restarts": counts.restarts,
            "refused_frames": counts.refused_frames,
            "faults": dict(self.faults),
        }

    def _note_activity(self, now: float) -> Activity | None:
        """Find out whether frames come; returns what changed, if anything did."""
        if self.counts.frames != self._last_frames:
            self._last_frames, self._last_frame_at = self.counts.frames, now
            activity = Activity.ACTIVE
        elif now - self._last_frame_at >= TAKEOVER_SECONDS:
            activity = Activity.SILENT
        else:
            return None
        changed = activity is not self._activity
        self._activity = activity
        return activity if changed else None

    def _collect(
        self, now: float, changed: Activity | None, pop: Callable[[], Chunk | None]
    ) -> Tick:
        chunks = []
        while (chunk := pop()) is not None:
            chunks.append(Chunk(chunk.start + self.offset, chunk.audio))
        losses = [loss.moved(self.offset) for loss in self._mixer.collect_losses()]
        return Tick(now, changed, chunks, losses)


class StreamQueue:
    """The media streams of one call, one after the other: the current one is the newest."""

    def __init__(self, first: MediaStream) -> None:
        self.current = first
        self._waiting = deque([first])  # those that were not popped yet
        self._earlier = AudioCounts()  # of all before the current one
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def counts(self) -> AudioCounts:
        """What they carried so far."""
        return self._earlier + self.current.counts

    def attach(self, stream: MediaStream, now: float) -> None:
        """
        Put a media stream in the place of the current one.

        Raises:
            StreamRefused: the current one is alive, or too many wait for their turn.
        """
        if not self.current.may_be_replaced(now):
            raise StreamRefused("a media stream of this call is alive")
        if len(self._waiting) >= MAX_WAITING:
            raise StreamRefused("too many media streams of this call")
        self.current.finish(End.REPLACED)
        self._earlier += self.current.counts
        self.current = stream
        self._waiting.append(stream)
        self._changed.set()

    def close(self) -> None:
        """No other will be attached."""
        self._closed = True
        self._changed.set()

    def pop(self) -> MediaStream:
        """Return the next one, which is there: the first, or the one that replaced the last."""
        return self._waiting.popleft()

    async def next(self, seconds: float) -> MediaStream | None:
        """Wait for the next one; None if none comes within ``seconds``, or before the close."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._waiting and not self._closed:
                    self._changed.clear()
                    await self._changed.wait()
        return self._waiting.popleft() if self._waiting else None
