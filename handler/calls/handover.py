"""
How a live call goes from one media stream to another with nothing lost and nothing doubled. Pure.

The owner sends what it hears up to a cut, and keeps what follows until somebody else has it; while
a cut is looked for it keeps what may lie behind it, two seconds at the most. The successor keeps
all it hears until it knows where that lies on the call clock, and where the cut is.
"""

from collections import deque

from handler.audio import fingerprint
from handler.audio.cut import PauseFinder
from handler.audio.fingerprint import Fingerprint, Print
from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.audio.mulaw import CHANNELS, SAMPLE_RATE

# What a successor keeps. An owner keeps what lies behind the cut until somebody has claimed the
# call: SETTLE_SECONDS at the most, then SILENT_SECONDS from the last question (moving.py).
MAX_HELD = 30 * SAMPLE_RATE
# Where nobody speaks there is nothing to compare, and arrival times are good enough: they are wrong
# by less than this, so much of the silence before the cut is heard once more.
MARGIN = SAMPLE_RATE // 2


class Giving:
    """
    The owner's side.

    Attributes:
        cut: Position up to which the owner sends; None while there is none.
        fingerprint: Of what it hears, for the successor.
        placed: Whether it is known where that lies on the call clock.
    """

    def __init__(self, reached: int | None = 0) -> None:
        """
        Begin to look at what comes.

        Args:
            reached: Position up to which the call was heard before; None if that is not known yet.
        """
        self.cut: int | None = None
        self.fingerprint = Fingerprint(reached or 0)
        self.placed = reached is not None
        self._finder: PauseFinder | None = None
        self._held: deque[Chunk] = deque()
        self._lost: list[Loss] = []
        self._followed = self._hurried = False
        self._has_from: int | None = None  # where the successor's audio begins

    def listen(self) -> None:
        """Look where it might be cut: a successor is there, and will say what it has."""
        self._followed = True

    def cut_from(self, position: int) -> None:
        """Look for a cut: the successor has the call from a position on."""
        self._followed = True
        if self._has_from is None:
            self._has_from = position

    def hurry(self) -> None:
        """Do not wait for a long pause: there is little time left."""
        self._hurried = True

    def take(self, chunk: Chunk) -> list[Chunk]:
        """Take what comes; returns what of it is to be sent."""
        self.placed = True
        self.fingerprint.feed(chunk)
        self._held.append(chunk)
        if not self._followed:
            return self._release(chunk.end)
        if self._finder is None:
            self._finder = PauseFinder(chunk.start)
        if self.cut is None:
            self.cut = self._look(self._finder, chunk)
        return self._release(self._finder.earliest)

    def _look(self, finder: PauseFinder, chunk: Chunk) -> int | None:
        if self._has_from is not None:
            finder.cut_from(self._has_from)
            if self._hurried:
                finder.hurry()
        finder.feed(chunk.start, chunk.audio)
        return finder.found

    def lose(self, losses: list[Loss]) -> list[Loss]:
        """Take what was lost; returns what is to be told: behind the cut others may have it."""
        self._lost += losses
        if self._finder is None:
            told = self._lost
        else:
            told = [loss for loss in self._lost if loss.start < self._finder.earliest]
        self._lost = [loss for loss in self._lost if loss not in told]
        return told

    def give_up(self) -> tuple[list[Chunk], list[Loss]]:
        """Nobody takes the call: return what was kept, to be sent, and what is to be told lost."""
        kept = list(self._held), self._lost
        self._held, self._lost = deque(), []
        self.cut = self._finder = self._has_from = None
        self._followed = False
        return kept

    def _release(self, position: int) -> list[Chunk]:
        """Return what is kept of the call up to a position."""
        released: list[Chunk] = []
        while self._held and self._held[0].start < position:
            before, behind = _split(self._held.popleft(), position)
            released += before
            self._held.extendleft(behind)
        return released


class Taking:
    """
    The successor's side.

    Attributes:
        offset: Position of its media stream's zero on the call clock; None until it is known.
        hears_speech: Whether both sides of the move heard enough to be compared, the last time.
    """

    def __init__(self) -> None:
        self.offset: int | None = None
        self.hears_speech = False
        self._fingerprint = Fingerprint()
        self._held: deque[Chunk] = deque()  # on the media stream's own clock
        self._certain = False

    @property
    def begins(self) -> int | None:
        """Position from which it has the call; None while that is not known."""
        if self.offset is None or not self._held:
            return None
        return self._held[0].start + self.offset + (0 if self._certain else MARGIN)

    @property
    def end(self) -> int:
        """Where what it has heard ends, on the media stream's own clock."""
        return self._held[-1].end if self._held else 0

    @property
    def length(self) -> int:
        """How much is kept."""
        return self.end - self._held[0].start if self._held else 0

    def take(self, chunk: Chunk) -> None:
        """Keep what comes, the newest of it."""
        self._fingerprint.feed(chunk)
        self._held.append(chunk)
        while self.length > MAX_HELD:
            self._held.popleft()

    def place(self, theirs: Print, guess: int, *, early: bool = False) -> None:
        """
        Find out where the media stream lies.

        Args:
            theirs: The fingerprint of what the owner hears.
            guess: Position of the media stream's zero, by the time at which its audio comes.
            early: So little was heard that equal samples alone are compared.
        """
        ours = self._fingerprint.print()
        self.offset = fingerprint.place(theirs, ours, guess, early=early)
        self._certain = self.offset is not None
        self.hears_speech = ours.says_much and theirs.says_much

    def place_by_time(self, guess: int) -> None:
        """Take it as lying where it does by the time at which its audio comes: nobody speaks."""
        self.offset = guess

    def begin(self, offset: int, cut: int) -> list[Chunk]:
        """
        Return what was kept from the cut on, on the call clock.

        Args:
            offset: Position of the media stream's zero: as it was found, or as good as can be.
            cut: Position from which nobody else hears the call.
        """
        # One that was never placed has words before the cut, which its owner has written.
        by_time = self.offset is not None and not self._certain
        from_ = cut - MARGIN if by_time else cut
        held, self._held = self._held, deque()
        moved = [Chunk(chunk.start + offset, chunk.audio) for chunk in held]
        return [part for chunk in moved for part in _split(chunk, from_)[1]]


def _split(chunk: Chunk, position: int) -> tuple[list[Chunk], list[Chunk]]:
    """Return what of a chunk lies before a position, and what behind it."""
    if chunk.end <= position:
        return [chunk], []
    if chunk.start >= position:
        return [], [chunk]
    place = CHANNELS * (position - chunk.start)
    return [Chunk(chunk.start, chunk.audio[:place])], [Chunk(position, chunk.audio[place:])]
