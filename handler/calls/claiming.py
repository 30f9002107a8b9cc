"""The claim of one call, as the call sees it: whether it may be, and what it found."""

import asyncio

import structlog

from broker.broker import Broker
from broker.claim import Claim as StoredClaim
from broker.writer import CallWriter
from handler.audio.mulaw import TRACKS, Track, samples
from handler.calls.call_clock import Claim

# How long the first audio waits for the claim, which tells where the call clock begins.
CLAIM_SECONDS = 2.0


class Claiming:
    """One call's claim; its writer makes it."""

    def __init__(self, broker: Broker, writer: CallWriter, instance: str) -> None:
        self._broker = broker
        self._writer = writer
        self._instance = instance

    def may_claim(self, stored: StoredClaim) -> bool:
        """Whether the call may be taken from whoever has it."""
        registry = self._broker.registry
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

    def ends(self) -> dict[Track, int]:
        """Return how far the stored finals of each side reach, in samples on the call clock."""
        published = self._writer.published_ends
        return {track: samples(published.get(track.value, 0.0)) for track in TRACKS}
