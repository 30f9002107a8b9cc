"""Two mono tracks in, one two-channel stream out: placed by timestamp, released by the clock."""

from collections import deque
from dataclasses import dataclass, field

from handler.audio import SAMPLES_PER_MS, SILENCE, TRACKS, Track, interleave

# Twilio's steps are not an exact grid: 17 to 23 ms for 20 ms of audio. What begins within half a
# frame of its track's end continues it; a lost frame (20 ms) is still seen and filled.
TOLERANCE = 10 * SAMPLES_PER_MS
# Up to here a hole is filled with silence. A longer one is skipped when both tracks have it (the
# path stalled, or both sides are silent and suppressed), and refused when only one leaps.
MAX_FILL = 10_000 * SAMPLES_PER_MS
# Spans of our own silence that a late frame could have filled: kept to tell late from repeated.
MAX_FILLED_SPANS = 256


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    A piece of the mixed call.

    Attributes:
        start: Position of the first sample pair, in samples. From the mixer it counts from the
            start of the media stream; from the call on, from the zero of the call clock.
        audio: Two-channel mu-law, ``c0 c1 c0 c1 …``; always whole pairs, never empty.
    """

    start: int
    audio: bytes

    @property
    def end(self) -> int:
        """Position behind the last sample pair."""
        return self.start + len(self.audio) // 2


@dataclass(frozen=True, slots=True)
class Late:
    """Audio of one track that came after its place had been sent as silence: lost."""

    track: Track
    start: int
    end: int


@dataclass(slots=True)
class _Timeline:
    """One track: what is placed but not popped yet, from the mixer's position on."""

    pending: bytearray = field(default_factory=bytearray)
    # Spans inside `pending` that hold our silence, in order; a frame out of order may fill them.
    holes: list[tuple[int, int]] = field(default_factory=list)
    # Spans already sent as our silence.
    filled: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=MAX_FILLED_SPANS))
    # Where the track's own audio ended last. Only there may a frame be joined on within the
    # tolerance; behind our silence it is placed exactly.
    audio_end: int = -1


class Mixer:
    """
    Interleave the two tracks of one media stream.

    A track is a timeline that starts at timestamp 0, when the media stream does. Holes are
    silence, and what was popped is never moved. One side waits for the other for ``wait`` seconds
    at most; when neither sends, nothing is made up. No I/O and no clock of its own.
    """

    def __init__(self, *, wait: float = 0.2) -> None:
        self.wait = wait
        self.position = 0  # of the next sample pair to pop
        self.filled_samples = 0  # silence made up, both tracks
        self.late_samples = 0  # audio that came too late, both tracks
        self.refused_frames = 0  # leaps ahead that only one track made
        self._timelines = {track: _Timeline() for track in TRACKS}
        self._late: list[Late] = []
        # How far the leading track had come at recent pops: (time, position).
        self._marks: deque[tuple[float, int]] = deque()
        self._overdue = 0  # everything before this has waited long enough

    def feed(self, track: Track, timestamp: int, payload: bytes) -> None:
        """
        Put one frame on the timeline of its track.

        Args:
            track: The side of the call (``media.track``).
            timestamp: Offset of the first sample in ms (``media.timestamp``); the parser bounds it.
            payload: mu-law samples, one byte each; usually 160 of them (20 ms).

        Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
        """
        timeline = self._timelines[track]
        end = self.position + len(timeline.pending)
        start = timestamp * SAMPLES_PER_MS
        gap = start - end
        if end == timeline.audio_end and -TOLERANCE < gap < TOLERANCE:
            timeline.pending += payload
        elif gap < 0:
            self._place(track, timeline, start, payload)
        elif self._reachable(start):
            end = self.position + len(timeline.pending)  # a skip moves the position
            if start > end:
                timeline.holes.append((end, start))
                timeline.pending += SILENCE * (start - end)
                self.filled_samples += start - end
            timeline.pending += payload
        else:
            self.refused_frames += 1
            return
        timeline.audio_end = self.position + len(timeline.pending)

    def pop(self, now: float) -> Chunk | None:
        """
        Return the audio that is ready at ``now`` (seconds, any monotonic clock), if there is any.

        Ready is what both tracks have without a hole, and what one of them has had for longer than
        the wait.
        """
        timelines = self._timelines.values()
        lead = self.position + max(len(t.pending) for t in timelines)
        whole = min(t.holes[0][0] if t.holes else self.position + len(t.pending) for t in timelines)
        if not self._marks or self._marks[-1][1] < lead:
            self._marks.append((now, lead))
        while self._marks and self._marks[0][0] <= now - self.wait:
            self._overdue = self._marks.popleft()[1]
        return self._take(max(whole, min(self._overdue, lead)))

    def drain(self) -> Chunk | None:
        """Return all that is left, waiting for nobody: the tail at the end of the stream."""
        return self._take(self.position + max(len(t.pending) for t in self._timelines.values()))

    def take_late(self) -> list[Late]:
        """Return the late audio seen since the last call of this method, neighbours joined."""
        late, self._late = self._late, []
        return late

    def _reachable(self, start: int) -> bool:
        """Whether audio may begin at ``start``; skips there when the whole call has been silent."""
        lead = self.position + max(len(t.pending) for t in self._timelines.values())
        if start - lead <= MAX_FILL:
            return True
        if lead > self.position:
            return False  # the other track is in the present: this one leaps
        for timeline in self._timelines.values():
            timeline.filled.append((self.position, start))  # what comes for it now is late
        self.position = start
        return True

    def _place(self, track: Track, timeline: _Timeline, start: int, payload: bytes) -> None:
        """Put a frame that begins before its track's end: what was heard first stands."""
        end = start + len(payload)
        pending_end = self.position + len(timeline.pending)
        still_open: list[tuple[int, int]] = []
        for hole_start, hole_end in timeline.holes:
            low, high = max(hole_start, start, self.position), min(hole_end, end)
            if low >= high:
                still_open.append((hole_start, hole_end))
                continue
            at = low - self.position
            timeline.pending[at : at + high - low] = payload[low - start : high - start]
            self.filled_samples -= high - low
            if hole_start < low:
                still_open.append((hole_start, low))
            if high < hole_end:
                still_open.append((high, hole_end))
        timeline.holes = still_open
        for sent_start, sent_end in timeline.filled:
            self._note_late(track, max(sent_start, start), min(sent_end, end))
        if end > pending_end:
            timeline.pending += payload[pending_end - start :]

    def _note_late(self, track: Track, start: int, end: int) -> None:
        if start >= end:
            return
        self.late_samples += end - start
        last = self._late[-1] if self._late else None
        if last is not None and last.track is track and last.start <= start <= last.end + TOLERANCE:
            self._late[-1] = Late(track, last.start, max(last.end, end))
        else:
            self._late.append(Late(track, start, end))

    def _take(self, until: int) -> Chunk | None:
        count = until - self.position
        if count <= 0:
            return None
        start = self.position
        sides = []
        for timeline in self._timelines.values():
            side = bytes(timeline.pending[:count])
            del timeline.pending[:count]
            for hole_start, hole_end in timeline.holes:
                if hole_start < until:
                    timeline.filled.append((hole_start, min(hole_end, until)))
            timeline.holes = [(max(a, until), b) for a, b in timeline.holes if b > until]
            if missing := count - len(side):
                timeline.filled.append((until - missing, until))
                self.filled_samples += missing
                side += SILENCE * missing
            sides.append(side)
        self.position = until
        return Chunk(start, interleave(*sides))
