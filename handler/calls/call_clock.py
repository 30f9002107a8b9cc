"""
Where a media stream lies on the call clock, and what was lost before it. Pure.

The call clock has its zero where the call's first media stream began. A later stream lies where it
began by the wall clock, but never before audio that is known: its own call's, or what others have
stored of it.
"""

from dataclasses import dataclass

from broker.entries import CallEntry
from handler.audio.loss import Loss, Reason
from handler.audio.mulaw import SAMPLES_PER_MS, samples

MEDIA_LOST: Reason = "media-lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    What the claim of a call has found stored.

    Attributes:
        started_at: Unix ms: the zero of the call clock.
        known_end: Position up to which it is known what was said, or that it was lost.
        goes_on: Whether there were records, and the newest did not end the call.
    """

    started_at: int
    known_end: int
    goes_on: bool


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a media stream lies.

    Attributes:
        started_at: Unix ms: the zero of the call clock.
        offset: Position of the media stream's zero.
        loss: What nobody received before it, if anything.
    """

    started_at: int
    offset: int
    loss: Loss | None


class CallClock:
    """
    The call clock of one call.

    Its zero is that of this process until the claim is there, or an entry in the registry, which
    may both know of an earlier one.
    """

    def __init__(self, started_at: int, former: CallEntry | None) -> None:
        self.started_at = started_at
        self._former = former  # the call as another container left it

    def place(self, received_at: int, audio_end: int, claim: Claim | None) -> Place:
        """
        Find the place of the next media stream; the clock's zero is set to what is known by now.

        Args:
            received_at: Unix ms at which its ``start`` came in.
            audio_end: Where the audio ends that this process has sent to the recogniser.
            claim: What is stored, or None while that is not known.
        """
        former, known_end, goes_on = self._former, audio_end, False
        if claim is not None:
            self.started_at, goes_on = claim.started_at, claim.goes_on
            known_end = max(audio_end, claim.known_end)
        elif former is not None:
            self.started_at, goes_on = former.started_at, True
        begun = max(0, (received_at - self.started_at) * SAMPLES_PER_MS)
        received, reason = audio_end, MEDIA_LOST
        if not audio_end and goes_on:
            received, reason = self._received_by_former(known_end)
        offset = max(begun, known_end, received)
        if 0 < received < offset:
            return Place(self.started_at, offset, Loss(received, offset, None, reason))
        return Place(self.started_at, offset, None)

    def _received_by_former(self, known_end: int) -> tuple[int, Reason]:
        """Return how far another container had the call, and why what follows is lost."""
        if self._former is None or self._former.state != "waiting":
            return known_end, "owner-lost"  # what it received after that, nobody has
        # It had lost its media stream, and its entry says how far it had transcribed it.
        return max([known_end, *map(samples, self._former.covered.values())]), MEDIA_LOST
