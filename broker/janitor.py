"""
Ends the calls of processes that are gone: every process watches, and one of them does it.

A call whose owner's lease has expired waits for another owner as long as a call outlives the loss
of its media stream. Then whoever is first writes its end; the others are refused by the stream.
"""

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from broker import records, supervise
from broker.claim import OWNER_LOST
from broker.entries import CallEntry
from broker.errors import Fenced, HistoryUnavailable
from broker.records import CallFacts
from broker.writer import CallWriter

if TYPE_CHECKING:
    from broker.broker import Broker

# How often the calls are looked through.
LOOK_SECONDS = 1.0

_log = structlog.get_logger()


class Janitor:
    """
    Watches for calls that nobody owns any more.

    The time of grace runs only while NATS is there and the view of the registry is fresh: an
    outage that stops leases from being renewed ends no call.
    """

    def __init__(self, broker: "Broker") -> None:
        self.ended = 0  # calls that this process ended for others
        self._broker = broker
        self._orphans: dict[str, tuple[str, float]] = {}  # callSid: epoch, seconds without owner
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to watch."""
        self._task = supervise.start(self._watch(), "janitor")

    async def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            await supervise.end(self._task)

    async def _watch(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            if self._broker.connected and self._broker.registry.fresh:
                for entry in self._due(now - before):
                    await self._end(entry)
            before = now

    def _due(self, elapsed: float) -> list[CallEntry]:
        """Count the time of each call without an owner; returns those whose grace is over."""
        own = self._broker.settings.instance  # our own calls are known to us
        orphans = [entry for entry in self._broker.registry.orphans() if entry.owner != own]
        self._orphans = {
            entry.call_sid: (entry.epoch, self._waited(entry) + elapsed) for entry in orphans
        }
        grace = self._broker.settings.grace
        return [entry for entry in orphans if self._waited(entry) >= grace]

    def _waited(self, entry: CallEntry) -> float:
        epoch, waited = self._orphans.get(entry.call_sid, ("", 0.0))
        return waited if epoch == entry.epoch else 0.0

    async def _end(self, entry: CallEntry) -> None:
        """Write the end of a call, unless somebody else has, or owns it again."""
        log = _log.bind(call_sid=entry.call_sid, owner=entry.owner)
        facts = CallFacts(
            call_sid=entry.call_sid,
            account_sid=entry.account_sid,
            stream_sid="",
            started_at=entry.started_at,
        )
        writer = CallWriter(self._broker, facts, self._broker.next_epoch())
        try:
            async with asyncio.timeout(self._broker.settings.lease_ttl):
                # Whoever disowns a call may be alive, and does not carry it.
                alive = self._alive if entry.owner else _nobody
                if await writer.open_end(alive):
                    await self._write_end(writer, entry)
                    self.ended += 1
                    log.warning("call ended for its owner", reason=entry.abandoned)
                await self._broker.registry.delete_entry(entry.call_sid)
        except Fenced:
            log.info("call ended by another process, or owned again")
        except (HistoryUnavailable, TimeoutError):
            log.warning("call could not be ended now")
        except Exception:  # the other calls are ended all the same
            log.exception("defect: a call could not be ended")

    async def _write_end(self, writer: CallWriter, entry: CallEntry) -> None:
        """Publish what was lost with the owner, and the end."""
        ends = [*writer.published_ends.values(), *entry.covered.values()]
        heard = max([*ends, writer.told_lost, 0.0])  # an end that was half written goes on
        if entry.abandoned == "crashed":
            # Until when the owner heard nobody knows: at the latest until its lease was last seen.
            seen = self._broker.registry.lease_seen(entry.owner)
            end = max(heard, ((seen or 0) - entry.started_at) / 1000)
            if end > heard:
                await writer.publish_now(records.gap(heard, end, None, OWNER_LOST))
                heard = end
        await writer.publish_now(records.call_ended(heard, entry.abandoned))

    def _alive(self, instance: str) -> bool:
        return self._broker.registry.has_lease(instance)


def _nobody(_: str) -> bool:
    return False
