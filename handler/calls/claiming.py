"""The claim of one call, as the call sees it: whether it may be, and what it found."""

import asyncio
from contextlib import aclosing, suppress

import structlog

from broker.broker import Broker
from broker.claim import Claim as StoredClaim
from broker.entries import CallEntry
from broker.writer import CallWriter
from handler.audio.loss import Loss
from handler.audio.mulaw import TRACKS, Track, samples
from handler.calls.call_clock import OWNER_LOST, Before, CallClock, Claim, Place, by_side

# How long the first audio waits for the claim, which tells where the call clock begins.
CLAIM_SECONDS = 2.0
# How long an owner that leaves a call may take for its last words: what was sent to Deepgram is
# transcribed within a second. Audio waits here meanwhile, and is not lost.
LAST_WORDS_SECONDS = 5.0


class Claiming:
    """One call's claim; its writer makes it."""

    def __init__(
        self,
        broker: Broker,
        writer: CallWriter,
        clock: CallClock,
        instance: str,
        *,
        takes_over: bool,
    ) -> None:
        """
        Prepare it.

        Args:
            broker: Knows who has the call.
            writer: Will claim it.
            clock: Is told how far the call has come elsewhere.
            instance: This process.
            takes_over: Whether whoever has the call now hears it no more, be it alive or not.
        """
        self._broker = broker
        self._writer = writer
        self._clock = clock
        self._instance = instance
        self._former = broker.registry.entry(writer.call.call_sid)
        self._takes_over = takes_over
        self._until = asyncio.get_running_loop().time() + LAST_WORDS_SECONDS

    async def last_words(self) -> None:
        """Wait until the container that had the call has said its last, if it is about to."""
        registry = self._broker.registry
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._until), aclosing(registry.changes()) as changes:
                async for _ in changes:
                    entry = registry.entry(self._writer.call.call_sid)
                    if not self._still_speaks(entry):
                        break
        entry = registry.entry(self._writer.call.call_sid)
        if entry is not None and entry.owner != self._instance and entry.state == "waiting":
            self._clock.learn(Before.of_entry(entry))

    def may_claim(self, stored: StoredClaim) -> bool:
        """Whether the call may be taken from whoever has it."""
        registry = self._broker.registry
        former = self._former
        if self._takes_over and former is not None and stored.epoch == former.epoch:
            return True
        return stored.is_free(
            self._instance,
            registry.entry(self._writer.call.call_sid),
            owner_lives=registry.has_lease(stored.owner),
        )

    async def wait(self) -> None:
        """Wait until the call is claimed, but not long, and not for a NATS that is away."""
        writer = self._writer
        if writer.claimed.is_set() or not self._broker.connected:
            return
        await self.last_words()
        try:
            async with asyncio.timeout(CLAIM_SECONDS):
                await writer.claimed.wait()
        except TimeoutError:
            structlog.get_logger().warning(
                "claim is late; the call clock is as the registry has it",
                call_sid=writer.call.call_sid,
            )

    def found(self) -> Claim | None:
        """Return what the claim has found, once it is there."""
        writer = self._writer
        if not writer.claimed.is_set() or writer.started_at is None:
            return None
        ends = (*writer.published_ends.values(), writer.gap_end)
        return Claim.of(writer.started_at, ends, writer.claim)

    def losses(self, place: Place) -> list[Loss]:
        """Return what is to be told as lost before a media stream, if anything is."""
        if place.loss is None or place.loss.reason != OWNER_LOST:
            return [] if place.loss is None else [place.loss]
        return by_side(place.loss, self.ends())

    def ends(self) -> dict[Track, int]:
        """Return up to where each side is stored, in samples on the call clock."""
        published, both = self._writer.published_ends, self._writer.gap_end
        return {track: samples(max(published.get(track.value, 0.0), both)) for track in TRACKS}

    def covered(self) -> dict[Track, int]:
        """Return how far each side is transcribed, as an owner that has left the call says."""
        entry = self._broker.registry.entry(self._writer.call.call_sid)
        covered = {} if entry is None or entry.owner == self._instance else entry.covered
        return {track: samples(covered.get(track.value, 0.0)) for track in TRACKS}

    def _still_speaks(self, entry: CallEntry | None) -> bool:
        if entry is None or entry.owner == self._instance or not entry.leaving:
            return False
        return entry.state != "waiting" and self._broker.registry.has_lease(entry.owner)
