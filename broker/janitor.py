"""
Ends the calls of processes that are gone: every process watches, and one of them does it.

A call whose owner's lease has expired waits for another owner as long as a call outlives the loss
of its media stream, or until Twilio says that it is over (``broker/deserted.py``). Then whoever is
first writes its end; the others are refused by the stream.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from broker import records, supervise
from broker.append import Appender
from broker.claim import OWNER_LOST, Claim
from broker.connection import Connection
from broker.deserted import Deserted, Due
from broker.entries import CallEntry
from broker.errors import Fenced, HistoryUnavailable
from broker.lost_sides import CUT_BY_END, lost_from
from broker.observer import NOBODY, Observer
from broker.registry import Registry
from broker.settings import BrokerSettings
from broker.statuses import Statuses
from broker.subjects import SIDES, Subjects

# How often the calls are looked through.
LOOK_SECONDS = 1.0

_log = structlog.get_logger()


class Janitor:
    """
    Watches for calls that nobody owns any more.

    The time of grace runs only while NATS is there and the view of the registry is fresh: an
    outage that stops leases from being renewed ends no call.

    Attributes:
        ended: Calls that this process ended for others.
    """

    def __init__(
        self,
        connection: Connection,
        subjects: Subjects,
        registry: Registry,
        statuses: Statuses,
        settings: BrokerSettings,
        *,
        next_epoch: Callable[[], str],
        observer: Observer = NOBODY,
    ) -> None:
        self.ended = 0
        self._connection = connection
        self._subjects = subjects
        self._registry = registry
        self._settings = settings
        self._statuses = statuses
        self._deserted = Deserted(settings.instance, settings.grace, settings.lease_refresh)
        self._next_epoch = next_epoch
        self._observer = observer
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._statuses.hear = lambda status: self._deserted.hear(
            status, self._registry.entry(status.call_sid)
        )
        self._task = supervise.keep(self._watch, "janitor")

    async def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            await supervise.end(self._task)

    async def _watch(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            if self._connection.connected and self._registry.fresh:
                await self._ask()
                ownerless = self._registry.orphans()
                for due in self._deserted.look(ownerless, self._registry.entry, now - before):
                    await self._end(due)
            before = now

    async def _ask(self) -> None:
        """Ask of calls without an owner whether they are over: we may not have heard of it."""
        for entry in self._deserted.to_ask(self._registry.orphans()):
            with suppress(HistoryUnavailable):
                status = await self._statuses.of(entry.call_sid, entry.account_sid)
                if status is not None:
                    self._deserted.hear(status, entry)

    async def _end(self, due: Due) -> None:
        """Write the end of a call, unless somebody else has, or owns it again."""
        entry = due.entry
        log = _log.bind(call_sid=entry.call_sid, owner=entry.owner)
        try:
            async with asyncio.timeout(self._settings.lease_ttl):
                if await self._write_end(due):
                    self.ended += 1
                    facts = {"reason": due.reason, "call_status": due.status}
                    log.warning("call ended for its owner", **facts)
                await self._registry.delete_entry(entry.call_sid)
        except Fenced:
            log.info("call ended by another process, or owned again")
        except (HistoryUnavailable, TimeoutError):
            log.warning("call could not be ended now")
        except Exception:  # the other calls are ended all the same
            log.exception("defect: a call could not be ended")

    async def _write_end(self, due: Due) -> bool:
        """
        Publish what was lost with the owner, and the end; returns whether it was still to be said.

        Raises:
            Fenced: a process that lives has claimed the call.
            HistoryUnavailable: it cannot be learned what is stored.
        """
        entry, epoch = due.entry, self._next_epoch()
        appender = Appender(
            self._connection,
            self._subjects,
            call_sid=entry.call_sid,
            account_sid=entry.account_sid,
            observer=self._observer,
        )
        newest = await appender.newest_now()
        if newest is None:
            return False
        claim = await appender.learn(newest)
        if claim.ended:
            return False
        # Whoever disowns a call may be alive, and does not carry it; nor does who does not answer.
        dead = claim.epoch == entry.epoch if due.silent else not entry.owner
        if self._registry.has_lease(claim.owner) and not dead:
            raise Fenced(entry.call_sid, epoch)
        known = _known_ends(claim, entry)
        end = max(known.values())
        over = (due.over_at - entry.started_at) / 1000
        lost: dict[str | None, float] = {}
        if entry.abandoned == "crashed":
            lost = lost_from(end, known, 1.0)
            end = max(end, over if due.over_at else self._last_alive(entry))
        elif over - end > CUT_BY_END:  # its owner had told all until it was left
            lost, end = {None: end}, over
        for track, start in lost.items():
            if end - start >= records.SHORTEST_GAP:
                await appender.append(records.gap(start, end, track, OWNER_LOST), epoch)
        await appender.append(records.call_ended(end, due.reason, (), due.status), epoch)
        return True

    def _last_alive(self, entry: CallEntry) -> float:
        """
        Return until when the owner can have received audio, in seconds on the call clock.

        It gave its last sign of life when its lease was last seen, and has not given the next.
        """
        if not entry.owner:  # given up: it says so itself
            return entry.received
        seen = self._registry.lease_seen(entry.owner)
        if seen is None:
            return 0.0
        latest = min(seen + self._settings.lease_refresh * 1000, time.time() * 1000)
        return (latest - entry.started_at) / 1000


def _known_ends(claim: Claim, entry: CallEntry) -> dict[str, float]:
    """Return up to where each side is known, by what is stored and by what its owner has said."""
    of_side = claim.ends, entry.covered
    return {
        track: max(claim.gap_end, *(ends.get(track, 0.0) for ends in of_side)) for track in SIDES
    }
