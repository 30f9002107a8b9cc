"""
Where a media stream lies on the call clock, and what was lost before it. Pure.

The call clock has its zero where the call's first media stream began. A later stream lies where it
began by the wall clock, but never before audio that is known: its own call's, or what others have
stored of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from broker.claim import Claim as StoredClaim
from broker.entries import CallEntry
from broker.lost_sides import CUT_BY_END, lost_from
from handler.audio.loss import Loss, Reason
from handler.audio.mulaw import SAMPLE_RATE, SAMPLES_PER_MS, Track, samples

MEDIA_LOST: Reason = "media-lost"
PAUSED: Reason = "paused"
OWNER_LOST: Reason = "owner-lost"
# How a call ends that Twilio stopped.
COMPLETED = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    What the claim of a call has found stored.

    Attributes:
        started_at: Unix ms: the zero of the call clock.
        known_end: Position up to which it is known what was said, or that it was lost.
        missing: Why nothing is known of what follows that; None if the call is new.
    """

    started_at: int
    known_end: int
    missing: Reason | None

    @classmethod
    def of(cls, started_at: int, ends: Iterable[float], stored: StoredClaim | None) -> "Claim":
        """
        Read what was stored of a call, if anything was.

        Args:
            started_at: Unix ms: the zero of the call clock.
            ends: Up to where it is known what was said, or lost, in seconds.
            stored: What was found when it was claimed.
        """
        missing: Reason | None = None
        if stored is not None:
            ended = PAUSED if stored.reason == COMPLETED else MEDIA_LOST
            missing = ended if stored.ended else OWNER_LOST
        return cls(started_at=started_at, known_end=samples(max(ends)), missing=missing)


@dataclass(frozen=True, slots=True)
class Before:
    """
    A call as whoever had it before has left it, as far as that is known without a claim.

    Attributes:
        started_at: Unix ms: the zero of the call clock.
        reached: Position up to which it was received and will be known; None if nobody can say.
        missing: Why nothing is known of what follows that.
        options: What it asked Deepgram for, if it did.
    """

    started_at: int
    reached: int | None
    missing: Reason
    options: str | None = None

    @classmethod
    def of_entry(cls, entry: CallEntry) -> "Before":
        """Read the entry of another container."""
        if entry.state != "waiting":
            # What it received last, nobody has.
            return cls(entry.started_at, None, OWNER_LOST, entry.options)
        # It had lost its media stream, and its entry says how far it had transcribed it.
        reached = max(map(samples, entry.covered.values()), default=0)
        return cls(entry.started_at, reached, MEDIA_LOST, entry.options)


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


def by_side(loss: Loss, ends: Mapping[Track, int]) -> list[Loss]:
    """
    Return what was lost with an owner of each side, as :mod:`broker.lost_sides` has it.

    Args:
        loss: From where the newest stored final ends.
        ends: Up to where each side is known.
    """
    starts = lost_from(loss.start, ends, SAMPLE_RATE)
    return [replace(loss, start=start, track=track) for track, start in starts.items()]


class CallClock:
    """
    The call clock of one call.

    Its zero is that of this process until the claim is there, or what was before, which may both
    know of an earlier one.

    Attributes:
        started_at: Unix ms: its zero.
        reached: Where the newest media stream began, or what nobody received behind it ends; None
            before the first.
    """

    def __init__(self, started_at: int, before: Before | None) -> None:
        self.started_at = started_at
        self.reached: int | None = None
        self._before = before

    def place(self, received_at: int, audio_end: int, claim: Claim | None) -> Place:
        """
        Find the place of the next media stream; the clock's zero is set to what is known by now.

        Args:
            received_at: Unix ms at which its ``start`` came in.
            audio_end: Where the audio ends that this process has sent to the recogniser.
            claim: What is stored, or None while that is not known.
        """
        for known in (claim, self._before):
            if known is not None:
                self.started_at = known.started_at
                break
        known_end = audio_end if claim is None else max(audio_end, claim.known_end)
        received, reason = self._received(audio_end, known_end, claim)
        begun = self.position(received_at)
        self.reached = offset = max(begun, known_end, received or 0)
        if received is None or received >= offset:
            return Place(self.started_at, offset, None)
        return Place(self.started_at, offset, Loss(received, offset, None, reason))

    def unheard(self, heard: int, lost_at: int | None, over_at: int) -> Loss | None:
        """
        Return what nobody received at the end of a call that had lost its media stream before.

        Args:
            heard: Where its audio ends.
            lost_at: Unix ms at which it lost its media stream; None if it did not.
            over_at: Unix ms at which it was over, by Twilio's word; 0 if that is not known.
        """
        if lost_at is None or over_at - lost_at <= 1000 * CUT_BY_END:
            return None
        end = self.position(over_at)
        return Loss(heard, end, None, MEDIA_LOST) if end > heard else None

    def learn(self, before: Before) -> None:
        """Know better how far the call had come before it came here."""
        self._before = before

    def position(self, at: int) -> int:
        """Return where a moment lies, in Unix ms."""
        return max(0, (at - self.started_at) * SAMPLES_PER_MS)

    def go_on(self, started_at: int, position: int) -> None:
        """Go on at a position on the clock of who had the call until then."""
        self.started_at = started_at
        self.reached = position

    def _received(
        self, audio_end: int, known_end: int, claim: Claim | None
    ) -> tuple[int | None, Reason]:
        """Return how far the call was received before, if it was, and why what follows is lost."""
        if audio_end or self.reached is not None:
            return max(audio_end, self.reached or 0), MEDIA_LOST
        before = self._before
        if claim is None:  # what is stored is not known
            if before is None:
                return None, MEDIA_LOST
            return before.reached or None, before.missing
        if claim.missing is None:
            return None, MEDIA_LOST
        if before is None or before.reached is None:
            return known_end, claim.missing
        goes_on = claim.missing == OWNER_LOST  # else its end says why nothing follows
        return max(known_end, before.reached), before.missing if goes_on else claim.missing
