"""Where one recogniser may leave a call to the next: in a pause, so that no word is cut. Pure."""

import numpy as np

from handler.audio.levels import STEP, loudness
from handler.audio.mulaw import SAMPLES_PER_MS

# A pause this long lies between two words, and no plosive within one (they close for 150 ms).
PAUSE = 300 * SAMPLES_PER_MS
# 48 dB below the loudest, as a mean: line noise is 10 dB lower, speech by telephone 20 dB higher.
QUIET = 128.0
# Who speaks without a pause for so long is cut where both are quietest.
LONGEST = 3000 * SAMPLES_PER_MS


class PauseFinder:
    """
    Looks for a pause of both sides, from a position on.

    Attributes:
        found: Position of the cut; None until there is one.
    """

    def __init__(self, start: int) -> None:
        self.found: int | None = None
        self._start = start
        self._tracks = (bytearray(), bytearray())

    def feed(self, start: int, audio: bytes) -> None:
        """
        Take the next piece of the call.

        Args:
            start: Position of its first sample pair; what lies before the search is left out.
            audio: Two-channel mu-law; it follows the piece before.
        """
        skipped = 2 * max(0, self._start + len(self._tracks[0]) - start)
        for channel, track in enumerate(self._tracks):
            track.extend(audio[skipped + channel :: 2])
        if self.found is None:
            self.found = self._look()

    def _look(self) -> int | None:
        """Find the end of the first pause; if there is none in time, the quietest moment."""
        levels = np.maximum(*(loudness(track) for track in self._tracks))
        steps = PAUSE // STEP
        if len(levels) < steps:
            return None
        # How many steps in a row are quiet, counted for each possible end of a pause.
        loud = np.flatnonzero(levels >= QUIET)
        begins = np.r_[-1, loud] + 1
        ends = np.r_[loud, len(levels)]
        pauses = np.flatnonzero(ends - begins >= steps)
        if len(pauses):
            return self._start + (int(begins[pauses[0]]) + steps) * STEP
        if len(levels) * STEP < LONGEST:
            return None
        windows = np.convolve(levels, np.ones(steps), "valid")
        return self._start + (int(windows.argmin()) + steps // 2) * STEP
