"""Where one recogniser may leave a call to the next: in a pause, so that no word is cut. Pure."""

from itertools import pairwise

import numpy as np

from handler.audio.levels import STEP, loudness
from handler.audio.mulaw import SAMPLE_RATE, SAMPLES_PER_MS

# How long a pause has to be, by how long one was waited for: first one at which a recogniser ends
# an utterance by itself, which waits for 0.3 s, and hears the last sound for a while. Cut within
# what it takes for one utterance, it may hear both halves otherwise. Then one that lies between two
# words, as no plosive closes for so long; then any between two words; then any quiet moment. Who
# speaks on without one is cut where it may be.
WANTED = (
    (0, 450 * SAMPLES_PER_MS),
    (4000 * SAMPLES_PER_MS, 450 * SAMPLES_PER_MS),
    (4300 * SAMPLES_PER_MS, 300 * SAMPLES_PER_MS),
    (4600 * SAMPLES_PER_MS, 60 * SAMPLES_PER_MS),
    (5000 * SAMPLES_PER_MS, 15 * SAMPLES_PER_MS),
)
LONGEST = WANTED[-1][0]
# So long a pause is listened to at the most, to be cut in its middle.
HEARD = 900 * SAMPLES_PER_MS
# So much is kept back behind a good pause, until it is known whether the call may be cut there.
KEPT_BACK = 2 * SAMPLE_RATE
# Who is in a hurry is where others are who waited so long: 0.4 s later at the latest it is cut.
HURRIED = WANTED[-2][0]
# 48 dB below the loudest, as a mean: line noise is 10 dB lower, speech by telephone 20 dB higher.
QUIET = 128.0


class PauseFinder:
    """
    Looks for a pause of both sides, from a position on.

    The cut lies in the middle of it: what is before ends in silence, and what is behind begins with
    some, as a recogniser has it that hears both. One that is long enough is heard to its end: cut
    as soon as it might be, it would be cut at its beginning, within the last sound of a word, or
    before the recogniser has ended the utterance.

    Until it is known from where on the call may be cut, the last good pause is kept in reserve, and
    what came behind it kept back for a while: a move is sooner over, and less often cuts a word.

    Attributes:
        found: Position of the cut; None until there is one.
    """

    def __init__(self, position: int) -> None:
        self.found: int | None = None
        self._start: int | None = None  # where the search began; None until it has
        self._reserve: int | None = None  # the middle of the last good pause, before that
        self._position = position
        self._quiet = 0  # samples of quiet before the position
        self._enough = False  # whether they are a pause that will be taken
        self._tracks = (bytearray(), bytearray())  # of a step that is not whole yet

    @property
    def earliest(self) -> int:
        """Position behind which the cut will lie: nobody may have what follows before."""
        if self.found is not None:
            return self.found
        return self._middle() if self._reserve is None else self._reserve

    def cut_from(self, position: int) -> None:
        """Let the call be cut from a position on, where others have it: now, or in what follows."""
        if self._start is not None:
            return
        if self._reserve is not None and self._reserve >= position:
            self._start, self.found = self._reserve, self._reserve
            return
        self._reserve = None
        self._start = max(position, self._position)
        if position > self._position - self._quiet:  # a pause begins where the search does
            self._position = max(position, self._position + len(self._tracks[0]))
            self._quiet = 0
            for track in self._tracks:
                track.clear()

    def hurry(self) -> None:
        """Be content with a shorter pause from now on."""
        if self._start is not None:
            self._start = min(self._start, self._position - HURRIED)

    def feed(self, start: int, audio: bytes) -> None:
        """
        Take the next piece of the call.

        Args:
            start: Position of its first sample pair; what lies before the search is left out.
            audio: Two-channel mu-law; it follows the piece before.
        """
        skipped = 2 * max(0, self._position + len(self._tracks[0]) - start)
        for channel, track in enumerate(self._tracks):
            track.extend(audio[skipped + channel :: 2])
        loud = np.maximum(*(loudness(track) for track in self._tracks)) >= QUIET
        for track in self._tracks:
            del track[: len(loud) * STEP]
        for is_loud in loud.tolist():
            if self.found is None and self._enough and is_loud:
                self.found = self._middle()
            self._position += STEP
            self._quiet = 0 if is_loud else self._quiet + STEP
            if self._start is None:
                self._reserve = self._in_reserve()
            elif self.found is None:
                self._decide(self._wanted(self._position - self._start))

    def _middle(self) -> int:
        return self._position - min(self._quiet, HEARD) // 2

    def _in_reserve(self) -> int | None:
        """Return where the call would be cut, if it may be; what is kept back waits for it."""
        if self._quiet >= WANTED[0][1]:
            return self._middle()
        if self._reserve is not None and self._position - self._reserve > KEPT_BACK:
            return None
        return self._reserve

    def _decide(self, wanted: int) -> None:
        """Take the pause, or go on while it may become longer."""
        self._enough = self._enough or self._quiet >= wanted
        if not wanted or (self._enough and self._quiet >= HEARD):
            self.found = self._middle()

    @staticmethod
    def _wanted(waited: int) -> int:
        """Return how long a pause has to be by now."""
        for (begins, longest), (ends, shortest) in pairwise(WANTED):
            if waited < ends:
                return longest - (longest - shortest) * (waited - begins) // (ends - begins)
        return 0
