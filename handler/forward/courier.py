"""Brings the records of one call to their receiver, one after the other, tried until taken."""

import asyncio
import random
import re
import time
from collections.abc import Sequence
from typing import Protocol

import structlog

from broker import supervise
from broker.errors import HistoryUnavailable, NotWritten
from broker.forwarder import CALL_SEQ, ForwardBroker
from broker.identifiers import CALL_SID
from broker.records import Stored
from handler.forward import parcels
from handler.forward.answers import Outcome, Verdict
from handler.forward.counts import EXPIRED, Counts
from handler.forward.lanes import AT_HAND, Kept, Lane
from handler.forward.parcels import Parcel
from handler.forward.settings import ENDED, ForwardSettings
from handler.tokens.grants import EVERYTHING

FIRST_PAUSE = 1.0
# A reason is logged once for all calls in so many seconds; it is counted each time.
TOLD_SECONDS = 60.0
MOST_REASONS = 100
NOT_KEPT = "the stream no longer keeps it"
# As a call numbers its records.
NUMBER = re.compile(r"[1-9][0-9]{0,8}")

_log = structlog.get_logger()


class Sink(Protocol):
    """Where parcels go."""

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Bring one there; whatever goes wrong is told by what this returns."""


class Courier:
    """
    Serves the calls of one stream, each in a task of its own.

    What comes first is taken first: a record is sent once the one before it was taken, or given up.
    So whoever else forwards the same call, as one who was replaced and does not know it yet, sends
    nothing before its time: what comes twice has the same name, and what comes first is in order.
    """

    def __init__(
        self,
        broker: ForwardBroker,
        sink: Sink,
        settings: ForwardSettings,
        counts: Counts,
        *,
        start: int,
        places: asyncio.Semaphore,
        leaving: asyncio.Event,
    ) -> None:
        """
        Begin with nobody to serve.

        Args:
            broker: What is stored.
            sink: Where it goes.
            settings: What is set.
            counts: Told what was done.
            start: The stream sequence after which the forwarder began.
            places: For so many calls at once; one that waits for its next attempt has none.
            leaving: Set once the process is to end.
        """
        self._broker = broker
        self._sink = sink
        self._settings = settings
        self._counts = counts
        self._start = start
        self._places = places
        self._leaving = leaving
        self._told: dict[str, float] = {}

    async def serve(self, lane: Lane) -> None:
        """Send what waits of a call, until nothing does or the process leaves."""
        longest = self._settings.longest_pause
        backoff = supervise.Backoff(min(FIRST_PAUSE, longest), longest)
        while lane.is_busy and not self._leaving.is_set():
            async with self._places:
                outcome = await self._step(lane)
            if outcome is None:
                backoff.reset()
                continue
            self._note_failure(lane, outcome)
            lane.let_go()
            # Not all at once again, who failed at once.
            pause = backoff.next() * random.uniform(0.5, 1.0)  # noqa: S311  no secret
            await self._pause(max(pause, outcome.wait))

    async def _step(self, lane: Lane) -> Outcome | None:
        """Send the next record of a call; returns what is to be tried again, if it is."""
        try:
            return await self._send_next(lane)
        except (HistoryUnavailable, NotWritten) as exc:
            return Outcome(Verdict.FAILED, f"NATS: {exc}")
        except Exception as exc:  # noqa: BLE001  whatever it is, it is this call's alone
            problem = f"defect: {type(exc).__name__}"
            if self._is_new(f"exception {problem}"):
                _log.exception("defect: a call cannot be forwarded", call_sid=lane.call_sid)
            return Outcome(Verdict.FAILED, problem)

    async def _send_next(self, lane: Lane) -> Outcome | None:
        if (after := lane.to_read_after) is not None:
            lost, until = lane.unsent, lane.until  # more may be seen while this is asked
            stored = await self._broker.of_call(lane.call_sid, after, AT_HAND)
            if stored:
                lane.fill(read_all(stored), stored[-1].sequence)
            else:
                await self._give_up(lane, lost, EXPIRED, NOT_KEPT)
                lane.note_expired(lost, until)
        head = lane.head
        if head is None:
            return None
        if lane.due == 0 and await self._is_met_first(lane, head):
            lane.begin_anew()
            return None
        if lane.is_wanted is None:
            lane.is_wanted = await self._passes(lane.call_sid, head)
        if lane.missing:
            await self._give_up(lane, lane.missing, EXPIRED, NOT_KEPT)
            lane.note_missing()
        for parcel in await self._parcels(lane, head):
            if (failed := await self._deliver(lane, head, parcel)) is not None:
                return failed
        lane.done()
        return None

    async def _is_met_first(self, lane: Lane, head: Kept) -> bool:
        """Whether a call was under way when the forwarder began, and nothing of it was sent yet."""
        if head.seq == 1 or not self._start:
            return False
        (since,) = await self._broker.of_call(lane.call_sid, self._start, 1) or (None,)
        (first,) = await self._broker.of_call(lane.call_sid, most=1) or (None,)
        # Where nothing is kept of what was before, that may have been sent.
        return (
            since is not None
            and first is not None
            and first.sequence <= self._start < since.sequence == head.sequence
        )

    async def _passes(self, call_sid: str, head: Kept) -> bool:
        """Whether a call is one of those to be forwarded; one whose numbers are lost is not."""
        if self._settings.grant is EVERYTHING:
            return True
        first = head
        if head.seq != 1:
            (first,) = read_all(await self._broker.of_call(call_sid, most=1)) or (head,)
        return self._settings.grant.allows(call_sid, parcels.numbers(first.payload) or ())

    async def _parcels(self, lane: Lane, head: Kept) -> Sequence[Parcel]:
        """Return what is to be sent of a record."""
        if not lane.is_wanted:
            return ()
        found = []
        if head.kind in self._settings.kinds:
            found.append(parcels.of_record(lane.call_sid, head))
        if ENDED in self._settings.kinds and parcels.is_end(head):
            found.append(await self._transcript(lane.call_sid, head))
        return found

    async def _transcript(self, call_sid: str, end: Kept) -> Parcel:
        stored = read_all(await self._broker.of_call(call_sid))
        kept = [record for record in stored if record.sequence <= end.sequence]
        if not kept or kept[-1] != end:
            raise HistoryUnavailable("the replica lags behind its leader")
        payloads = [record.payload for record in kept]
        # Some 10,000 records: not while others wait for the loop.
        return await asyncio.to_thread(parcels.of_call, call_sid, end, payloads, first=kept[0].seq)

    async def _deliver(self, lane: Lane, head: Kept, parcel: Parcel) -> Outcome | None:
        """Send one; returns what is to be tried again, and None if it is done with."""
        outcome = Outcome(Verdict.GONE, "gone before")
        if not lane.is_gone:
            outcome = await self._sink.deliver(parcel)
        match outcome.verdict:
            case Verdict.TAKEN:
                self._counts.sent += 1
            case Verdict.FAILED:
                return outcome
            case verdict:
                lane.is_gone = verdict is Verdict.GONE
                await self._give_up(lane, range(head.seq, head.seq + 1), verdict, outcome.detail)
        return None

    async def _give_up(self, lane: Lane, what: range, reason: str, detail: str) -> None:
        """Count and tell what is never sent; also of a call that waited, and left no number."""
        if not what or lane.is_wanted is False:
            return
        await self._broker.give_up(lane.call_sid, what[0], what[-1], reason, detail)
        self._counts.given_up[reason] += len(what)
        if self._is_new(f"{reason} {detail}"):
            _log.warning(
                "given up: never forwarded",
                call_sid=lane.call_sid,
                first=what[0],
                last=what[-1],
                reason=reason,
                detail=detail,
            )

    def _note_failure(self, lane: Lane, outcome: Outcome) -> None:
        self._counts.failed += 1
        if self._is_new(outcome.detail):
            _log.warning("not forwarded yet", call_sid=lane.call_sid, problem=outcome.detail)

    def _is_new(self, words: str) -> bool:
        """Whether something was not said for a while: a thousand calls say the same at once."""
        now = time.monotonic()
        if now - self._told.get(words, -TOLD_SECONDS) < TOLD_SECONDS:
            return False
        if len(self._told) >= MOST_REASONS:
            self._told.clear()
        self._told[words] = now
        return True

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._leaving.wait()
        except TimeoutError:
            return


def read_all(stored: Sequence[Stored]) -> list[Kept]:
    """Return what a stream keeps as records; what has no number is none of ours."""
    return [kept for one in stored if (kept := read(one)) is not None]


def read(stored: Stored) -> Kept | None:
    """Return what a stream keeps as a record; None if it is none of ours."""
    seq, parts = stored.headers.get(CALL_SEQ, ""), stored.subject.split(".")
    if not NUMBER.fullmatch(seq) or len(parts) != 5 or not CALL_SID.fullmatch(parts[2]):
        return None
    return Kept(stored.sequence, int(seq), parts[3], stored.data)
