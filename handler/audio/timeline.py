"""One track of a media stream: which sample lies where, and which silence is our own."""

from collections import deque
from dataclasses import replace

from handler.audio.counts import AudioCounts
from handler.audio.loss import Loss, Reason
from handler.audio.mulaw import SAMPLES_PER_MS, SILENCE, Track

# Twilio's steps are not an exact grid: 17 to 23 ms for 20 ms of audio. What begins within half a
# frame of its track's end continues it; a lost frame (20 ms) is still seen and filled. So is one
# that is shorter: the tolerance is never a whole frame.
TOLERANCE = 10 * SAMPLES_PER_MS
# A clock that runs apart from the samples shows as a mean distance between a track's end and the
# timestamps that continue it. Stray timestamps keep it below this; beyond it, a sample a frame is
# left out or repeated until the two agree again. Seen: 1438 ms of timestamps for 1440 of audio.
MAX_DRIFT = 4 * SAMPLES_PER_MS
DRIFT_FRAMES = 32  # over which the mean is taken
# In a shorter frame the tolerance is less.
SHORT = TOLERANCE * 5 // 4
# Spans of our own silence that a late frame could have filled: kept to tell late from repeated.
MAX_FILLED_SPANS = 256


class Timeline:
    """
    One track: the samples that were placed and not popped yet.

    Holes are silence, what came first stands, and what was popped is never moved. Positions are
    samples from the start of the media stream. What it counts goes to ``counts``. Pure.
    """

    def __init__(self, track: Track, counts: AudioCounts) -> None:
        self.track = track
        self.position = 0  # everything before it was popped
        self.losses: list[Loss] = []
        self._counts = counts
        self._pending = bytearray()
        # Spans inside the pending audio that hold our silence; a frame out of order may fill them.
        self._holes: list[tuple[int, int]] = []
        # Spans already popped as our silence.
        self._filled: deque[tuple[int, int]] = deque(maxlen=MAX_FILLED_SPANS)
        # Where the track's own audio ends, placed or late. What begins there, within the tolerance,
        # is joined on; after a hole it is placed exactly.
        self._audio_end = -TOLERANCE
        self._newest = (-1, 0)  # start and length of the frame before, as its timestamp said
        self._drift = 0.0  # mean of how far timestamps lie ahead of the audio's end
        self._slipping = False

    @property
    def end(self) -> int:
        """Position after the last sample that was placed."""
        return self.position + len(self._pending)

    @property
    def audio_end(self) -> int:
        """Position after the last sample that came from Twilio."""
        return max(0, self._audio_end)

    @property
    def ends_in_audio(self) -> bool:
        """Whether the last sample came from Twilio, and is no silence of our own."""
        return self._audio_end == self.position + len(self._pending)

    @property
    def whole_until(self) -> int:
        """The position up to which there is no hole."""
        return self._holes[0][0] if self._holes else self.position + len(self._pending)

    def place(self, start: int, payload: bytes) -> int:
        """
        Put a frame where its timestamp says, or at the track's end if it continues it.

        Returns where the track ends now.
        """
        if (start, len(payload)) == self._newest:
            self._counts.overlap_samples += len(payload)  # sent twice
            return self.position + len(self._pending)
        self._newest = (start, len(payload))
        stray = start - self._audio_end
        if abs(stray) < min(TOLERANCE, len(payload) * 4 // 5):
            start = self._audio_end
            self._drift += (stray - self._drift) / DRIFT_FRAMES
            if self._slipping or not -MAX_DRIFT <= self._drift <= MAX_DRIFT:
                payload = self._slip(payload)
        elif stray > 0:
            self._drift, self._slipping = 0.0, False
        self._audio_end = max(self._audio_end, start + len(payload))
        end = self.position + len(self._pending)
        if start > end:
            self._holes.append((end, start))
            self._pending += SILENCE * (start - end)
            self._counts.filled_samples += start - end
        elif start < end:
            payload = self._place_before_end(start, payload)
        self._pending += payload
        return self.position + len(self._pending)

    def follow(self, start: int, payload: bytes) -> int | None:
        """
        Join a frame on that simply follows the one before, as nearly all do.

        Returns what :meth:`place` would, which is to judge all others: None of those.
        """
        pending = self._pending
        audio_end = self._audio_end
        stray = start - audio_end
        drift = self._drift + (stray - self._drift) / DRIFT_FRAMES
        if (
            self._slipping
            or start <= self._newest[0]
            or not -TOLERANCE < stray < TOLERANCE
            or audio_end != self.position + len(pending)
            or len(payload) < SHORT
            or not -MAX_DRIFT <= drift <= MAX_DRIFT
        ):
            return None
        self._drift = drift
        self._newest = (start, len(payload))
        pending += payload
        self._audio_end = audio_end = audio_end + len(payload)
        return audio_end

    def pop(self, until: int) -> bytes | bytearray:
        """Remove what lies before ``until``, silence where there is nothing."""
        count = until - self.position
        if count == len(self._pending) and not self._holes:
            audio, self._pending = self._pending, bytearray()
            self.position = until
            return audio
        audio = self._pending[:count]
        del self._pending[:count]
        while self._holes and self._holes[0][0] < until:
            start, end = self._holes.pop(0)
            self._note_filled(start, min(end, until))
            if end > until:
                self._holes.insert(0, (until, end))
        if missing := count - len(audio):
            self._note_filled(until - missing, until)
            self._counts.filled_samples += missing
            audio += SILENCE * missing
        self.position = until
        return audio

    def skip(self, until: int) -> None:
        """Go on at ``until``, with nothing in between; everything before was popped."""
        self._note_filled(self.position, until)  # what comes for it now is late
        self.position = until

    def drop(self, start: int, end: int, reason: Reason) -> None:
        """Note audio that found no place; neighbours are joined."""
        last = self.losses[-1] if self.losses else None
        if last and last.reason == reason and last.start <= start <= last.end:
            self.losses[-1] = replace(last, end=max(last.end, end))
        else:
            self.losses.append(Loss(start, end, self.track, reason))

    def _place_before_end(self, start: int, payload: bytes) -> bytes:
        """Put what fits into the holes; returns what lies after the track's end."""
        end = start + len(payload)
        beyond = payload[max(0, self.end - start) :]
        placed = len(beyond)
        still_open: list[tuple[int, int]] = []
        for hole_start, hole_end in self._holes:
            low, high = max(hole_start, start), min(hole_end, end)
            if low >= high:
                still_open.append((hole_start, hole_end))
                continue
            at = low - self.position
            self._pending[at : at + high - low] = payload[low - start : high - start]
            placed += high - low
            self._counts.filled_samples -= high - low
            if hole_start < low:
                still_open.append((hole_start, low))
            if high < hole_end:
                still_open.append((high, hole_end))
        self._holes = still_open
        late = 0
        for popped_start, popped_end in self._filled:
            low, high = max(popped_start, start), min(popped_end, end)
            if low < high:
                late += high - low
                self.drop(low, high, "late-audio")
        self._counts.late_samples += late
        self._counts.overlap_samples += len(payload) - placed - late
        return beyond

    def _slip(self, payload: bytes) -> bytes:
        """Follow the clock by one sample: too little to hear, unlike a hole or a cut."""
        if self._drift > 0:
            payload += payload[-1:]
            self._drift -= 1
        else:
            payload = payload[:-1]
            self._drift += 1
        self._counts.slipped_samples += 1
        self._slipping = abs(self._drift) > 1
        return payload

    def _note_filled(self, start: int, end: int) -> None:
        if self._filled and self._filled[-1][1] == start:
            start = self._filled.pop()[0]
        self._filled.append((start, end))
