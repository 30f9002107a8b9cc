"""Two mono tracks in, one two-channel stream out: placed by timestamp, released by the clock."""

from collections import deque
from dataclasses import dataclass, field

import msgspec

from handler.audio.counts import AudioCounts
from handler.audio.loss import Loss, Reason
from handler.audio.mulaw import SAMPLE_RATE, SAMPLES_PER_MS, TRACKS, Track, interleave
from handler.audio.timeline import TOLERANCE, Timeline
from handler.audio.wait import Wait

# A timestamp so far ahead of both tracks leaps. It is believed once another frame bears it out.
LEAP = SAMPLE_RATE // 4
# A track whose timestamps went back so far, or that comes late and does not catch up while the
# call goes on so far, has a clock of its own: it goes on where the call is.
BACK = SAMPLE_RATE // 4
BEHIND = SAMPLE_RATE
# Some frames may be sent twice. As many as these, each behind the other, that lie where audio was,
# are other audio by a clock that was set back.
IN_A_ROW = 4
# A silence of both tracks is filled up to here, and skipped beyond.
MAX_FILL = 10 * SAMPLE_RATE
# What may be held when nobody pops. A burst after a stall stays far below.
MAX_PENDING = 60 * SAMPLE_RATE
# The longest chunk: a burst goes on in pieces, which a replay can pace and a buffer can drop.
MAX_CHUNK = SAMPLE_RATE


class Chunk(msgspec.Struct, frozen=True, gc=False):
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
        """Position after the last sample pair."""
        return self.start + len(self.audio) // 2


@dataclass(slots=True)
class _Leap:
    """A frame whose timestamp leaps, held until another one bears it out or refutes it."""

    timeline: Timeline
    start: int
    payload: bytes
    alone: bool = False  # the other track went on where it was


@dataclass(slots=True)
class _Behind:
    """
    A run of frames of one track that found no place: late, or where audio was.

    Attributes:
        lead: Where the call was when it began.
        lag: How far behind that the first of them lay.
        back: Whether the track's own timestamps had gone back.
        samples: How much came since.
        losses: What was late of it; if the track began anew, it belongs elsewhere, and is not late.
        frames: How many of its last frames came in a row and lay where audio was.
        taken: How much of these lay there; from ``taken_from`` to ``taken_until``.
    """

    lead: int
    lag: int
    back: bool
    samples: int = 0
    losses: list[Loss] = field(default_factory=list)
    frames: int = 0
    taken: int = 0
    taken_from: int = 0
    taken_until: int = 0

    @property
    def is_set_back(self) -> bool:
        """Whether what lay where audio was is no repetition, and so was never heard."""
        return self.taken > TOLERANCE if self.back else self.frames >= IN_A_ROW

    def note_taken(self, start: int, end: int, taken: int, *, in_a_row: bool) -> None:
        """Note a frame of which something lay where audio was, between ``start`` and ``end``."""
        if self.frames == 0 or not (in_a_row or self.back):
            self.frames, self.taken, self.taken_from, self.taken_until = 0, 0, start, end
        self.frames += 1
        self.taken += taken
        self.taken_from = min(self.taken_from, start)
        self.taken_until = max(self.taken_until, end)

    def is_for_good(self, lead: int, lag: int) -> bool:
        """Whether the track will not come back by itself; ``lead`` and ``lag`` are those of now."""
        if self.back:
            return lag >= BACK and (self.samples >= BACK or self.lag > MAX_FILL)
        return lead - self.lead >= BEHIND and lag >= 0.8 * self.lag


class Mixer:
    """
    Interleave the two tracks of one media stream.

    A track is a timeline that starts at timestamp 0, when the media stream does. Holes are
    silence, and what was popped is never moved. One side waits for the other for ``wait`` seconds
    at most; while neither sends, nothing is made up. No I/O and no clock of its own.
    """

    def __init__(self, *, wait: float = 0.2) -> None:
        self.counts = AudioCounts()
        self._timelines = {track: Timeline(track, self.counts) for track in TRACKS}
        # What to add to a track's timestamps, in samples: not 0 once they began anew.
        self._shifts = dict.fromkeys(TRACKS, 0)
        # After the newest frame of each track, by its timestamps.
        self._nexts = dict.fromkeys(TRACKS, 0)
        self._behind: dict[Track, _Behind] = {}
        self._refused_until = dict.fromkeys(TRACKS, 0)  # what was refused is noted up to here
        self._lead = 0  # how far the leading track has come
        self._leap: _Leap | None = None
        self._before_leap: deque[Chunk] = deque()
        self._wait = Wait(wait)
        self._fed = False  # since the last pop

    def feed(self, track: Track, timestamp: int, payload: bytes) -> None:
        """
        Put one frame on the timeline of its track.

        Args:
            track: The side of the call (``media.track``).
            timestamp: Offset of the first sample in ms (``media.timestamp``); the parser bounds it.
            payload: mu-law samples, one byte each, at least one; usually 160 of them (20 ms).

        Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
        """
        self.counts.frames += 1
        self._fed = True
        start = timestamp * SAMPLES_PER_MS + self._shifts[track]
        timeline = self._timelines[track]
        if self._leap is not None:
            self._judge(self._leap, timeline, start, payload)
        elif start > self._lead + LEAP:
            self._leap = _Leap(timeline, start, payload)
        elif (
            not self._behind
            and start <= timeline.position + MAX_PENDING
            and (end := timeline.follow(start, payload)) is not None
        ):
            self._nexts[track] = start + len(payload)
            self._lead = max(self._lead, end)
        else:
            self._place(timeline, start, payload)

    def pop(self, now: float) -> Chunk | None:
        """
        Return the next audio that is ready at ``now`` (seconds, any monotonic clock), if any is.

        Ready is what both tracks have without a hole, and what one of them has had for the wait,
        counted from the pop that first saw it. There may be more: ask until there is none.
        """
        return self._pop(self._ready_until(now))

    def pop_all(self, now: float) -> list[Chunk]:
        """Return all that is ready at ``now``, as :meth:`pop` would bit by bit."""
        until = self._ready_until(now)
        chunks = []
        while (chunk := self._pop(until)) is not None:
            chunks.append(chunk)
        return chunks

    def drain(self) -> Chunk | None:
        """Return the next audio of all that is left, waiting for nobody: the stream has ended."""
        for track in TRACKS:
            self._catch_up(track)
        if (leap := self._leap) is not None:
            self._leap = None
            if leap.start <= self._lead + MAX_FILL and not leap.alone:
                self._place(leap.timeline, leap.start, leap.payload)
            else:
                self._refuse(leap.timeline, leap.payload)
        return self._pop(self._lead)

    def collect_losses(self) -> list[Loss]:
        """Return what found no place since the last call of this method."""
        losses: list[Loss] = []
        for timeline in self._timelines.values():
            if timeline.losses:
                losses += timeline.losses
                timeline.losses = []
        return losses

    def begin_anew(
        self, track: Track, at: int, reason: Reason | None, first: int | None = None
    ) -> None:
        """
        A track has timestamps of another clock from now on: it is sent on another websocket.

        Args:
            track: Which.
            at: Position of that clock's zero by the time.
            reason: Why what the track lacks before it never came; None if there was nothing.
            first: Its first sample there, if it was sent on both for a while: what is known of it
                is not heard again. Else it comes to lie behind the audio that is known.
        """
        self._catch_up(track)
        self._nexts[track] = 0
        audio_end = self._timelines[track].audio_end
        self._shifts[track] = max(at, audio_end) if first is None else at
        until = at if first is None else min(at + first, self._lead)
        if reason is not None and until - audio_end >= TOLERANCE:
            self._miss(track, until, reason)

    def miss(self, track: Track) -> None:
        """The stream has ended, and what a track lacks up to there never came."""
        self._miss(track, self._lead, "media-lost")

    def _miss(self, track: Track, until: int, reason: Reason) -> None:
        timeline = self._timelines[track]
        if timeline.audio_end < until:
            timeline.drop(timeline.audio_end, until, reason)

    def _place(self, timeline: Timeline, start: int, payload: bytes) -> None:
        track = timeline.track
        behind = self._behind.get(track)
        if behind is not None and behind.is_for_good(self._lead, self._lead - start):
            start, behind = self._restart(timeline, start), None
        if start > timeline.position + MAX_PENDING:
            self.counts.refused_frames += 1
            timeline.drop(start, start + len(payload), "media-lost")
            return
        if behind is None and start < self._nexts[track] - BACK:
            behind = _Behind(self._lead, self._lead - start, back=True)
        known, overlap = timeline.audio_end, self.counts.overlap_samples
        if behind is not None and behind.back:
            # Of a track that began anew nothing is late: what is said to be so has to wait.
            timeline.losses, told = behind.losses, timeline.losses
            found = self._place_some(timeline, start, payload)
            behind.losses, timeline.losses = timeline.losses, told
        else:
            found = self._place_some(timeline, start, payload)
        if not found:
            if behind is None:
                behind = _Behind(self._lead, self._lead - start, back=False)
            behind.samples += len(payload)
        if behind is not None:
            self._behind[track] = behind
            if taken := self.counts.overlap_samples - overlap:
                in_a_row = abs(start - self._nexts[track]) < TOLERANCE
                end = min(start + len(payload), known)
                behind.note_taken(start, end, taken, in_a_row=in_a_row)
            if found:
                self._catch_up(track)
        self._nexts[track] = start + len(payload)

    def _place_some(self, timeline: Timeline, start: int, payload: bytes) -> bool:
        """Place a frame; returns whether some of it found a place."""
        unplaced = self.counts.unplaced_samples
        self._lead = max(self._lead, timeline.place(start, payload))
        return self.counts.unplaced_samples - unplaced < len(payload)

    def _catch_up(self, track: Track) -> None:
        """A track is where the call is, or the stream has ended: what was left out is told."""
        behind = self._behind.pop(track, None)
        if behind is None:
            return
        for loss in behind.losses:
            self._timelines[track].drop(loss.start, loss.end, loss.reason)
        if behind.is_set_back:
            self.counts.overlap_samples -= behind.taken
            self.counts.late_samples += behind.taken
            self._timelines[track].drop(behind.taken_from, behind.taken_until, "late-audio")

    def _ready_until(self, now: float) -> int:
        one, other = self._timelines.values()
        in_step = one.ends_in_audio and other.ends_in_audio
        overdue = self._wait.overdue(now, self._lead, fed=self._fed, in_step=in_step)
        self._fed = False
        whole = min(one.whole_until, other.whole_until)
        return max(whole, min(overdue, self._lead))

    def _pop(self, until: int) -> Chunk | None:
        if self._before_leap:
            return self._before_leap.popleft()
        return self._pop_placed(until)

    def _pop_placed(self, until: int) -> Chunk | None:
        inbound, outbound = self._timelines.values()
        position = inbound.position
        until = min(until, position + MAX_CHUNK)
        if until <= position:
            return None
        return Chunk(position, interleave(inbound.pop(until), outbound.pop(until)))

    # A single wrong timestamp must not move the call: a frame that leaps ahead is held until the
    # next one, 10 or 20 ms later. A clock that was really set must not silence a track: what goes
    # on behind the call is let go on beside it.

    def _judge(self, held: _Leap, timeline: Timeline, start: int, payload: bytes) -> None:
        """Take a frame that comes while one is held that leaps."""
        if abs(start - held.start) <= LEAP:
            self._leap = None
            self._believe(held, timeline, start, payload)
        elif start > self._lead + LEAP:
            self._refuse(held.timeline, held.payload)
            self._leap = _Leap(timeline, start, payload)
        elif held.timeline is timeline:
            self._leap = None
            self._refuse(timeline, held.payload)
            self._place(timeline, start, payload)
        else:
            held.alone = True
            self._place(timeline, start, payload)

    def _believe(self, held: _Leap, timeline: Timeline, start: int, payload: bytes) -> None:
        """Go along with a leap, and place its frame and the one that bears it out."""
        self.counts.leaps += 1
        if held.start > self._lead + MAX_FILL:
            if held.alone and held.timeline is timeline:
                begins = self._restart(timeline, held.start)
                start, held.start = begins + start - held.start, begins
            elif sum(chunk.end - chunk.start for chunk in self._before_leap) <= MAX_PENDING:
                self._skip(min(start, held.start) - LEAP)
        self._place(held.timeline, held.start, held.payload)
        self._place(timeline, start, payload)

    def _skip(self, until: int) -> None:
        """Go on at ``until``: both sides were silent for long, or nothing came through."""
        while (chunk := self._pop_placed(self._lead)) is not None:
            self._before_leap.append(chunk)
        for timeline in self._timelines.values():
            timeline.skip(until)
        self._lead = until

    def _restart(self, timeline: Timeline, start: int) -> int:
        """
        Let a track go on where the call is, as its timestamps have begun anew.

        Returns where the frame belongs whose timestamp said ``start``.
        """
        self.counts.restarts += 1
        track = timeline.track
        behind = self._behind.get(track)
        if behind is None or not behind.back:
            self._catch_up(track)
        else:
            del self._behind[track]
            # Nobody knows where it belonged, but it came at about that time.
            late = sum(loss.end - loss.start for loss in behind.losses)
            self.counts.late_samples -= late
            self.counts.overlap_samples += late
            timeline.drop(behind.lead, behind.lead + behind.samples, "media-lost")
        said = start - self._shifts[track]
        # If the other track began anew before, both have one clock again.
        for shift in self._shifts.values():
            if shift != self._shifts[track] and abs(said + shift - self._lead) <= LEAP:
                self._shifts[track] = shift
                return said + shift
        self._shifts[track] = self._lead - said
        return self._lead

    def _refuse(self, timeline: Timeline, payload: bytes) -> None:
        """Drop a frame whose timestamp fits nowhere, and say so where it was expected."""
        self.counts.refused_frames += 1
        start = max(timeline.end, self._refused_until[timeline.track])
        self._refused_until[timeline.track] = start + len(payload)
        timeline.drop(start, start + len(payload), "media-lost")
