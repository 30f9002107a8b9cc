"""Where one recogniser may leave a call to the next: in a pause, so that no word is cut. Pure."""

from itertools import pairwise

import numpy as np

from handler.audio.levels import STEP, loudness
from handler.audio.mulaw import SAMPLE_RATE, SAMPLES_PER_MS

# Behind so long a pause a recogniser begins anew: it ends an utterance by itself after 0.3 s, and
# hears the last sound for a while. Cut in a shorter one, it may hear both halves of an utterance
# otherwise than the whole.
GOOD_PAUSE = 450 * SAMPLES_PER_MS
# How long a pause has to be, by how long one was waited for. After the good one any that lies
# between two words, as few plosives close for so long; then shorter ones; then any quiet moment.
# Who speaks on without one is cut where it may be.
WANTED = (
    (0, GOOD_PAUSE),
    (3800 * SAMPLES_PER_MS, GOOD_PAUSE),
    (3850 * SAMPLES_PER_MS, 120 * SAMPLES_PER_MS),
    (4500 * SAMPLES_PER_MS, 60 * SAMPLES_PER_MS),
    (5000 * SAMPLES_PER_MS, 15 * SAMPLES_PER_MS),
)
LONGEST = WANTED[-1][0]
# Who is in a hurry is where others are who waited so long: 1.2 s later at the latest it is cut. In
# less, where both sides speak on, there may be no gap between two words.
HURRIED = WANTED[1][0]
# So long a pause is listened to at the most, to be cut in its middle.
HEARD = 900 * SAMPLES_PER_MS
# What follows a good pause is kept back so long, while it is not known whether it may be cut there;
# and so long after the beginning nothing is any more: that is never known of who hears nothing.
KEPT_BACK, RESERVING = 2 * SAMPLE_RATE, 8 * SAMPLE_RATE
# 48 dB below the loudest, as a mean: line noise is 10 dB lower, speech by telephone 20 dB higher.
QUIET = 128.0


class PauseFinder:
    """
    Looks for a pause of both sides, from a position on.

    The cut lies in the middle of it: what is before ends in silence, and what is behind begins with
    some, as a recogniser has it that hears both. One that is long enough is heard to its end: cut
    as soon as it might be, it would be cut at its beginning, within the last sound of a word.

    Until it is known from where on the call may be cut, the last good pause is held in reserve, and
    what came behind it kept back for a while: a move is sooner over, and less often cuts a word.

    Attributes:
        found: Position of the cut; None until there is one.
    """

    def __init__(self, position: int) -> None:
        self.found: int | None = None
        self._begun = position
        self._position = position
        self._may_from: int | None = None  # where the call may be cut from on; None: not known yet
        self._waited_from = position  # since then a pause is waited for, once that is known
        self._reserve: int | None = None  # the middle of the last good pause, before that
        self._quiet = 0  # samples of quiet before the position
        self._enough = False  # whether they are a pause that will be taken
        self._tracks = (bytearray(), bytearray())  # of a step that is not whole yet

    @property
    def earliest(self) -> int:
        """Position at which the cut will lie, or behind: nobody may have what follows before."""
        if self.found is not None:
            return self.found
        return self._middle() if self._reserve is None else self._reserve

    def cut_from(self, position: int) -> None:
        """Let the call be cut from a position on, where others have it: now, or in what follows."""
        if self._may_from is not None:
            return
        self._may_from = position
        if self._reserve is not None and self._reserve >= position:
            self.found = self._reserve
            return
        self._reserve = None
        if position > self._position:
            self._go_on_from(position)
        self._waited_from = self._position

    def hurry(self) -> None:
        """Be content with a shorter pause from now on."""
        self._waited_from = min(self._waited_from, self._position - HURRIED)

    def feed(self, start: int, audio: bytes) -> None:
        """
        Take the next piece of the call.

        Args:
            start: Position of its first sample pair; what lies before the search is left out.
            audio: Two-channel mu-law.
        """
        heard = self._position + len(self._tracks[0])
        if start > heard:
            self._go_on_from(start)
        skipped = 2 * max(0, heard - start)
        for channel, track in enumerate(self._tracks):
            track.extend(audio[skipped + channel :: 2])
        loud = np.maximum(*(loudness(track) for track in self._tracks)) >= QUIET
        for track in self._tracks:
            del track[: len(loud) * STEP]
        for is_loud in loud.tolist():
            if self.found is None and self._enough and is_loud:
                self._take_pause()
            self._position += STEP
            self._quiet = 0 if is_loud else self._quiet + STEP
            if self.found is None:
                self._decide()

    def _go_on_from(self, position: int) -> None:
        """Go on behind a hole, or where others begin: what was heard before does not count."""
        self._position, self._quiet, self._enough = position, 0, False
        for track in self._tracks:
            track.clear()

    def _middle(self) -> int:
        """Return where the pause would be cut that goes on; without one, where the search is."""
        middle = self._position - min(self._quiet, HEARD) // 2
        return middle if self._may_from is None else max(middle, self._may_from)

    def _take_pause(self) -> None:
        """Cut in the pause that has ended, or hold it in reserve."""
        self._enough = False
        if self._may_from is None:
            self._reserve = self._middle()
        else:
            self.found = self._middle()

    def _decide(self) -> None:
        """Take the pause, or go on while it may become longer."""
        wanted = self._wanted()
        self._enough = self._enough or self._quiet >= wanted
        if self._may_from is None:
            late = self._position - self._begun > RESERVING
            if late:
                self._enough = False
            if self._enough or late or self._position - (self._reserve or 0) > KEPT_BACK:
                self._reserve = None  # the pause that goes on is a better one
        elif not wanted or (self._enough and self._quiet >= HEARD):
            self.found = self._middle()

    def _wanted(self) -> int:
        """Return how long a pause has to be by now."""
        if self._may_from is None:
            return GOOD_PAUSE
        waited = self._position - self._waited_from
        for (begins, longest), (ends, shortest) in pairwise(WANTED):
            if waited < ends:
                return longest - (longest - shortest) * (waited - begins) // (ends - begins)
        return 0
