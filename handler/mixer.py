"""Two mono tracks in, one two-channel stream out: placed by timestamp, released by the clock."""

from collections import deque
from dataclasses import dataclass

from handler.audio import SAMPLE_RATE, SAMPLES_PER_MS, TRACKS, Track, interleave
from handler.timeline import Dropped, Timeline

# A timestamp so far ahead of both tracks, or so far behind its own, leaps: it is believed once
# another frame bears it out. Ahead is the nearer one: there, silence would be sent for it.
LEAP_AHEAD = SAMPLE_RATE
LEAP_BACK = 10 * SAMPLE_RATE
# What lies so near to a frame that leaps bears it out, wherever the line is drawn.
NEIGHBOURHOOD = SAMPLE_RATE // 4
# A silence of both tracks is filled up to here, and skipped beyond.
MAX_FILL = 10 * SAMPLE_RATE
# What may be held when nobody pops. A burst after a stall stays far below.
MAX_PENDING = 60 * SAMPLE_RATE
# Both tracks stopped at once: the path stands still, and what one of them has ahead waits for the
# other's in the burst to come. After so many seconds it is taken for silence.
MAX_STALL = 5.0
# The longest chunk: a burst goes on in pieces, which a replay can pace and a buffer can drop.
MAX_CHUNK = SAMPLE_RATE


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


@dataclass(slots=True)
class _Leap:
    """A frame whose timestamp leaps, held until another one bears it out or refutes it."""

    timeline: Timeline
    start: int
    payload: bytes
    alone: bool = False  # the other track went on where it was


class Mixer:
    """
    Interleave the two tracks of one media stream.

    A track is a timeline that starts at timestamp 0, when the media stream does. Holes are
    silence, and what was popped is never moved. One side waits for the other for ``wait`` seconds
    at most; while neither sends, nothing is made up. No I/O and no clock of its own.
    """

    def __init__(self, *, wait: float = 0.2) -> None:
        self.wait = wait
        self.refused_frames = 0  # their timestamps fit nowhere
        self.leaps = 0  # that were believed
        self._timelines = {track: Timeline(track) for track in TRACKS}
        # What to add to a track's timestamps, in samples: not 0 once they began anew.
        self._shifts = dict.fromkeys(TRACKS, 0)
        # Behind the newest frame of each track, by its timestamps.
        self._nexts = dict.fromkeys(TRACKS, 0)
        self._lead = 0  # how far the leading track has come
        self._leap: _Leap | None = None
        self._before_leap: deque[Chunk] = deque()
        # The time that counts for the wait: that of pop(), without the time of stalls.
        self._clock = 0.0
        self._then: float | None = None
        self._marked = 0
        # How far the leading track had come at recent pops: (clock, position).
        self._marks: deque[tuple[float, int]] = deque()
        self._overdue = 0  # everything before this has waited long enough

    @property
    def filled_samples(self) -> int:
        """Silence that was made up, both tracks."""
        return sum(timeline.filled_samples for timeline in self._timelines.values())

    @property
    def late_samples(self) -> int:
        """Audio that came after its place had been popped as silence, both tracks."""
        return sum(timeline.late_samples for timeline in self._timelines.values())

    @property
    def overlap_samples(self) -> int:
        """Audio whose place held audio already, both tracks."""
        return sum(timeline.overlap_samples for timeline in self._timelines.values())

    @property
    def slipped_samples(self) -> int:
        """Samples left out or repeated because clock and audio drift apart, both tracks."""
        return sum(timeline.slipped_samples for timeline in self._timelines.values())

    def feed(self, track: Track, timestamp: int, payload: bytes) -> None:
        """
        Put one frame on the timeline of its track.

        Args:
            track: The side of the call (``media.track``).
            timestamp: Offset of the first sample in ms (``media.timestamp``); the parser bounds it.
            payload: mu-law samples, one byte each, at least one; usually 160 of them (20 ms).

        Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
        """
        start = timestamp * SAMPLES_PER_MS + self._shifts[track]
        leaps = start > self._lead + LEAP_AHEAD or start < self._nexts[track] - LEAP_BACK
        if leaps or self._leap is not None:
            self._judge(track, start, payload, leaps=leaps)
        else:
            self._place(self._timelines[track], start, payload)

    def pop(self, now: float) -> Chunk | None:
        """
        Return the next audio that is ready at ``now`` (seconds, any monotonic clock), if any is.

        Ready is what both tracks have without a hole, and what one of them has had for longer than
        the wait. There may be more: ask until there is none.
        """
        self._advance(now)
        while self._marks and self._marks[0][0] <= self._clock - self.wait:
            self._overdue = self._marks.popleft()[1]
        whole = min([timeline.whole_until for timeline in self._timelines.values()])
        return self._take(max(whole, min(self._overdue, self._lead)))

    def drain(self) -> Chunk | None:
        """Return the next audio of all that is left, waiting for nobody: the stream has ended."""
        if (leap := self._leap) is not None:
            self._leap = None
            if self._lead < leap.start <= self._lead + MAX_FILL and not leap.alone:
                self._believe(leap)
            else:
                self._refuse(leap.timeline, leap.payload)
        return self._take(self._lead)

    def take_dropped(self) -> list[Dropped]:
        """Return what was dropped since the last call of this method."""
        dropped: list[Dropped] = []
        for timeline in self._timelines.values():
            if timeline.dropped:
                dropped += timeline.dropped
                timeline.dropped = []
        return dropped

    def _place(self, timeline: Timeline, start: int, payload: bytes) -> None:
        if start > timeline.position + MAX_PENDING:
            self._refuse(timeline, payload)
            return
        self._lead = max(self._lead, timeline.place(start, payload))
        self._nexts[timeline.track] = start + len(payload)

    def _advance(self, now: float) -> None:
        """Let the clock of the wait run, but not while both tracks stand still."""
        elapsed = 0.0 if self._then is None else now - self._then
        in_step = all(timeline.ends_in_audio for timeline in self._timelines.values())
        if self._lead > self._marked:
            # A burst may be half read: of the time before it little counts.
            self._clock += min(elapsed, self.wait / 2) if in_step else elapsed
            self._marks.append((self._clock, self._lead))
            self._marked = self._lead
        elif not in_step or elapsed >= MAX_STALL:
            self._clock += elapsed
        else:
            return
        self._then = now

    def _take(self, until: int) -> Chunk | None:
        if self._before_leap:
            return self._before_leap.popleft()
        return self._take_placed(until)

    def _take_placed(self, until: int) -> Chunk | None:
        timelines = self._timelines.values()
        position = self._timelines[Track.INBOUND].position
        until = min(until, position + MAX_CHUNK)
        if until <= position:
            return None
        return Chunk(position, interleave(*[timeline.take(until) for timeline in timelines]))

    # A single wrong timestamp must not move the call, and a clock that was really set must not
    # silence it: so a frame that leaps is held until the next one, 10 or 20 ms later.

    def _judge(self, track: Track, start: int, payload: bytes, *, leaps: bool) -> None:
        """Take a frame that leaps, or one that comes while such a frame is held."""
        timeline, held = self._timelines[track], self._leap
        near = LEAP_AHEAD if leaps else NEIGHBOURHOOD
        if held is not None and abs(start - held.start) <= near:
            self._leap = None
            if held.timeline is not timeline:
                held.alone = False  # the other track leaps with it
            self._place(timeline, start + self._believe(held), payload)
        elif leaps:
            if held is not None:
                self._refuse(held.timeline, held.payload)
            self._leap = _Leap(timeline, start, payload)
        else:
            if held is not None and held.timeline is timeline:
                self._leap = None
                self._refuse(timeline, held.payload)
            elif held is not None:
                held.alone = True
            self._place(timeline, start, payload)

    def _believe(self, leap: _Leap) -> int:
        """Go along with a leap and place its frame; returns by how much its clock was shifted."""
        self.leaps += 1
        shift = 0
        too_far = leap.start > self._lead + MAX_FILL
        if leap.start < self._lead or (too_far and leap.alone):
            # The timestamps began anew, of one track or of both: they go on where the call is.
            shift = self._lead - leap.start
            for track in [leap.timeline.track] if leap.alone else TRACKS:
                self._shifts[track] += shift
        elif too_far and not self._before_leap:
            # Both sides were silent for long, or nothing came through.
            while (chunk := self._take_placed(self._lead)) is not None:
                self._before_leap.append(chunk)
            for timeline in self._timelines.values():
                timeline.skip(leap.start)
            self._lead = leap.start
        self._place(leap.timeline, leap.start + shift, leap.payload)
        return shift

    def _refuse(self, timeline: Timeline, payload: bytes) -> None:
        """Drop a frame whose timestamp fits nowhere, and say so where it was expected."""
        self.refused_frames += 1
        timeline.drop(timeline.end, timeline.end + len(payload), "media-lost")
