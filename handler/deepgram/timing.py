"""The times of a session with Deepgram, and what they decide. Pure."""

from dataclasses import dataclass, field

from handler.deepgram.retry import Backoff

KEEPALIVE = '{"type":"KeepAlive"}'
FINALIZE = '{"type":"Finalize"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """
    The times of a session, in seconds.

    Attributes:
        open: For a handshake, which takes some 0.3; subscribers are told of trouble within 5.
        keep_alive: Between KeepAlives. Deepgram closes what was silent for 10 (NET-0001) and
            advises 3 to 5.
        finalize: Without audio for so long, the last words are asked for. As long as the mixer
            waits for a path that stands still: it may have stopped in the midst of a word, which
            a Finalize would cut in two.
        stall: Audio flows for so long and nothing is said of it: the connection is dead.
            Deepgram says something about once a second, in silence too.
        replay_speed: Times real time. Deepgram throttles what comes faster.
        backoff: Between attempts.
    """

    open: float = 4.5
    keep_alive: float = 4.0
    finalize: float = 5.0
    stall: float = 4.0
    replay_speed: float = 1.25
    backoff: Backoff = field(default_factory=Backoff)


class Pause:
    """
    A time without audio: what is said into it, and when.

    The last words are asked for once, if audio came before the pause; what else is said keeps the
    connection open. Times are the loop's.

    Attributes:
        since: When it began.
    """

    def __init__(self, timing: Timing, since: float, *, after_audio: bool) -> None:
        self.since = since
        self._timing = timing
        self._said_at = since
        self._finalized = not after_audio

    @property
    def due(self) -> float:
        """When something is to be said."""
        keep_alive = self._said_at + self._timing.keep_alive
        if self._finalized:
            return keep_alive
        return min(keep_alive, self.since + self._timing.finalize)

    def go_on(self, now: float) -> str:
        """Return what is to be said, as it is due."""
        now = max(now, self.due)  # a timer may be early by what it rounds
        self._said_at = now
        if self._finalized or now < self.since + self._timing.finalize:
            return KEEPALIVE
        self._finalized = True
        return FINALIZE


@dataclass(slots=True)
class StallWatch:
    """
    Counts how long Deepgram has said nothing of what it is sent.

    Attributes:
        limit: Seconds after which the connection is given up.
        has_results: Something was said on the connection.
        sending: A message is on its way into the socket.
        flowing: Audio was sent since the last tick.
        unanswered: Seconds since the last results in which audio flowed, or was stuck.
    """

    limit: float
    has_results: bool = False
    sending: bool = False
    flowing: bool = False
    unanswered: float = 0.0

    @property
    def stalled(self) -> bool:
        """Whether the connection is dead."""
        return self.unanswered >= self.limit

    def note_results(self) -> None:
        """Deepgram has answered."""
        self.has_results = True
        self.unanswered = 0.0

    def tick(self, seconds: float, *, waiting: bool) -> None:
        """Count time, if audio flows, is stuck, or is ``waiting`` for the connection's end."""
        if self.flowing or self.sending or waiting:
            self.unanswered += seconds
        self.flowing = False
