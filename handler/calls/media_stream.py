"""One media stream of a call: a websocket of Twilio's, its end, and who may replace it."""

import asyncio
import enum
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, Self

from handler.audio.mulaw import TRACKS, Track
from handler.twilio.messages import Frame

# Another media stream may take the place of one that is silent for so long and does not answer: the
# websocket's signature is the same for every call, and whoever knows it could take calls over. One
# that is silent and answers may just have nothing to say.
TAKEOVER_SECONDS = 5.0
# A socket is asked for a sign of life once it is silent for so long, and then as often; it counts
# as gone if it owes one for so long.
ASK_SECONDS = TAKEOVER_SECONDS / 2


class StreamSocket(Protocol):
    """The websocket of a media stream."""

    @property
    def unanswered_since(self) -> float | None:
        """Loop time of the ping that the peer has not answered; None if it owes no answer."""

    def ping(self) -> None:
        """Ask the peer for a sign of life, unless it owes one."""

    def poll(self) -> None:
        """
        Take what has come in.

        From the first time on, a socket that can be read so is read at these times only, until
        :meth:`release`.
        """

    def release(self) -> None:
        """
        Let what comes be read by itself again: nobody polls any more.

        Else nobody would find out that it has ended, and it would stay open for good.
        """

    async def close(self, code: int, reason: str) -> None:
        """Close it, if it is open."""


class End(enum.Enum):
    """How a media stream ended."""

    STOPPED = "completed"  # Twilio said stop: the call, or its streaming, is over
    LOST = "stream-lost"  # the socket broke without it
    REPLACED = "replaced"  # another media stream of the call took over
    DRAINED = "drained"  # this process is leaving
    MOVED = "moved"  # another media stream, in whichever container, has the call


class Received(NamedTuple):
    """When a ``start`` came in: Unix time in ms, and the loop's time."""

    at: int
    loop_time: float

    @classmethod
    def now(cls) -> Self:
        return cls(time.time_ns() // 1_000_000, asyncio.get_running_loop().time())


class MediaStream:
    """
    One Twilio websocket of a call.

    Attributes:
        stream_sid: Twilio's name for it.
        tracks: The sides that it carries.
        received_at: Unix time in ms at which its ``start`` came in.
        began_at: The same as the loop's time.
        socket: Its websocket.
        takes_over: Whether we have asked for it, as those that the call had were dead.
        faults: What was wrong with messages, by kind.
        frames: How many came.
        end: How it ended; None while frames may come.
        take: Takes its frames.
        on_end: Called once, when it has ended.
    """

    def __init__(
        self,
        stream_sid: str,
        received_at: int,
        socket: StreamSocket,
        *,
        now: float,
        tracks: tuple[Track, ...] = TRACKS,
        takes_over: bool = False,
    ) -> None:
        self.stream_sid = stream_sid
        self.tracks = tracks
        self.received_at = received_at
        self.began_at = now
        self.socket = socket
        self.takes_over = takes_over
        self.faults: Counter[str] = Counter()
        self.frames = 0
        self.end: End | None = None
        self.take: Callable[[list[Frame]], None] = _nobody
        self.on_end: Callable[[], None] = _nobody
        self._last_frames = 0
        self._last_frame_at = now  # to the look
        self._asked_at = now

    def feed(self, frames: list[Frame]) -> None:
        """Take frames, in order. Never waits: whoever drives this must keep reading."""
        self.frames += len(frames)
        self.take(frames)

    def finish(self, end: End) -> None:
        """No more frames will come; the first reason given stands."""
        if self.end is None:
            self.end = end
            self.on_end()

    def let_go(self) -> None:
        """
        Hold nobody who takes its frames: what came is forwarded, and its socket may end by itself.

        A call that is held by what it holds would stay in memory until the collector comes.
        """
        self.take = self.on_end = _nobody
        self.socket.release()

    def look(self, now: float) -> None:
        """Note whether frames came since the last look; a socket that is silent is asked."""
        if self.frames != self._last_frames:
            self._last_frames, self._last_frame_at = self.frames, now
        elif now - max(self._last_frame_at, self._asked_at) >= ASK_SECONDS:
            self._asked_at = now
            self.socket.ping()

    def is_silent(self, now: float) -> bool:
        """Whether no frame has come for a while; it may have nothing to say."""
        return now - self._last_frame_at >= TAKEOVER_SECONDS

    def may_be_replaced(self, now: float) -> bool:
        """Whether it is over, or silent and without a sign of life."""
        if self.end is not None:
            return True
        asked = self.socket.unanswered_since
        return self.is_silent(now) and asked is not None and now - asked >= ASK_SECONDS

    def dead_since(self, now: float) -> float | None:
        """Return the loop time of its last frame if it gave no sign of life since, though asked."""
        asked = bool(self.socket.unanswered_since)  # under a server without pings it is 0
        return self._last_frame_at if asked and self.may_be_replaced(now) else None

    def summary(self) -> dict[str, Any]:
        """Return what is logged of it once it is over."""
        return {
            "stream_sid": self.stream_sid,
            "end": self.end.value if self.end else None,
            "tracks": list(self.tracks),
            "frames": self.frames,
            "faults": dict(self.faults),
        }


def _nobody(*_: object) -> None:
    """Take what nobody takes yet, or any more."""
