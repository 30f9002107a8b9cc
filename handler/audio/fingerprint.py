"""What the newest of a call sounds like, so that another media stream of it can be placed. Pure."""

import msgspec

from handler.audio import envelope, landmarks
from handler.audio.landmarks import Landmarks
from handler.audio.levels import STEP
from handler.audio.mixer import Chunk
from handler.audio.mulaw import CHANNELS, SAMPLE_RATE

# What two streams have in common is sought in so much of each.
KEPT = 10 * SAMPLE_RATE
# How far two streams may lie apart by the time at which their audio came: what one side waits for
# the other, a chunk, and the way. Equal samples are believed further, on a machine that is busy.
MOST_APART = SAMPLE_RATE
MOST_APART_IF_EQUAL = 5 * SAMPLE_RATE
# So much both have in common by the guess: else what is found lies at the edge of what is searched,
# and sounds alike by chance.
LEAST_SHARED = SAMPLE_RATE // 2
# Audio is looked at when so much of it has come, or somebody asks: in pieces of 20 ms that is eight
# times the work, while all calls of a process move together.
BATCH = SAMPLE_RATE
# A second of speech has some thirty landmarks.
ENOUGH_MARKS = 20


class Print(msgspec.Struct, frozen=True, gc=False):
    """
    The fingerprint of a piece of a call. It holds no audio, and no words.

    Attributes:
        start: Position of its first step, in samples.
        end: Position behind its last sample.
        marks: Of each track, the positions of its landmarks by their hashes.
        envelopes: Of each track, how loud it is at each step.
    """

    start: int
    end: int
    marks: tuple[dict[int, int], ...]
    envelopes: tuple[bytes, ...]

    @property
    def says_much(self) -> bool:
        """Whether it would be found again: somebody speaks."""
        return max(map(len, self.marks), default=0) >= ENOUGH_MARKS


class Fingerprint:
    """Takes the fingerprint of a call as its audio comes; keeps that of the newest."""

    def __init__(self, reached: int = 0) -> None:
        """
        Begin with nothing that was heard.

        Args:
            reached: Position at which what is heard first is expected.
        """
        self._marks = tuple(Landmarks() for _ in range(CHANNELS))
        self._envelopes = tuple(bytearray() for _ in range(CHANNELS))
        self._rests = tuple(bytearray() for _ in range(CHANNELS))  # of steps that are not whole yet
        self._start: int | None = None
        self._end = reached
        self._unseen = bytearray()  # what came last, of both tracks

    def feed(self, chunk: Chunk) -> None:
        """Take the next piece of the call."""
        if self._start is None or chunk.start != self._end:
            self._look()
            self._begin(chunk.start)
        self._end = chunk.end
        self._unseen += chunk.audio
        if len(self._unseen) >= CHANNELS * BATCH:
            self._look()

    def print(self) -> Print:
        """Return what is known by now."""
        self._look()
        return Print(
            start=self._end if self._start is None else self._start,
            end=self._end,
            marks=tuple(dict(marks.found) for marks in self._marks),
            envelopes=tuple(bytes(steps) for steps in self._envelopes),
        )

    def _look(self) -> None:
        """Look at what came since the last time."""
        start = self._end - len(self._unseen) // CHANNELS
        for channel in range(CHANNELS):
            samples = bytes(self._unseen[channel::CHANNELS])
            self._marks[channel].feed(start, samples)
            rest = self._rests[channel]
            rest += samples
            steps = envelope.envelope(bytes(rest))
            self._envelopes[channel].extend(steps)
            del rest[: len(steps) * STEP]
        self._unseen.clear()
        self._forget()

    def _begin(self, start: int) -> None:
        """Begin anew, behind a hole: steps have no positions of their own."""
        self._start = start
        for steps in (*self._envelopes, *self._rests):
            steps.clear()

    def _forget(self) -> None:
        surplus = len(self._envelopes[0]) - KEPT // STEP
        if surplus <= 0:
            return
        for steps in self._envelopes:
            del steps[:surplus]
        self._start = (self._start or 0) + surplus * STEP
        for marks in self._marks:
            marks.forget(self._end - KEPT)


def place(theirs: Print, ours: Print, guess: int, *, early: bool = False) -> int | None:
    """
    Return what to add to our positions to get theirs, in samples; None if it is not certain.

    It is exact where both have the same samples, and within 5 ms where they were coded anew.

    Args:
        theirs: The fingerprint of one media stream.
        ours: That of another one of the same call.
        guess: The offset by the time at which both came.
        early: Little was heard yet, of which equal samples alone say enough. What is played again
            and again may be heard a second time by us alone, so the guess has to be near.
    """
    exact = landmarks.offset(theirs.marks, ours.marks)
    most = MOST_APART if early else MOST_APART_IF_EQUAL
    if exact is not None and abs(exact - guess) <= most:
        return exact
    shared = min(theirs.end, ours.end + guess) - max(theirs.start, ours.start + guess)
    if early or shared < LEAST_SHARED:
        return None
    apart = theirs.start - ours.start
    steps = envelope.offset(
        theirs.envelopes, ours.envelopes, (guess - apart) // STEP, MOST_APART // STEP
    )
    return None if steps is None else steps * STEP + apart
