"""Starts the media stream of a call again when it is dead, whoever owned the call."""

import asyncio
import time
from contextlib import aclosing, suppress
from typing import Self

import structlog

from broker import supervise
from broker.broker import Broker
from broker.entries import CallEntry, CallStatus
from broker.errors import HistoryUnavailable, NotWritten
from broker.restarts import Starts
from handler.calls import dead_streams
from handler.calls.live_calls import LiveCalls
from handler.calls.lost_calls import is_lost, is_taken, let_go
from handler.calls.outcome import final_status
from handler.calls.stream_requests import StreamRequests
from handler.calls.tickets import RESTART
from handler.errors import MoveFailed, NoRoomForTracks, Stay, TwilioApiError
from handler.twilio.callbacks import StreamCallback
from handler.twilio.rest import RestClient

# How often it is looked for dead streams of our own calls, and for calls whose owner is dead.
LOOK_SECONDS = 0.25
# Between two looks: this process, or its machine, has not run.
ASLEEP_SECONDS = 1.0
# How long NATS is left alone that does not answer.
NATS_SECONDS = 0.5
# How long a call is left alone whose next media stream is here already, and listens.
ARRIVING_SECONDS = 0.25
# Calls at a time: those of some containers that are gone at once. Others wait for their turn.
MAX_CALLS = 2000
# Twilio says of a call that it goes on.
IN_PROGRESS = "in-progress"
# Of a call that Twilio knows no more, or whose media stream cannot be begun for that reason.
COMPLETED = "completed"

_log = structlog.get_logger()


class Restarter:
    """
    Looks for calls that nobody hears any more, and asks Twilio for another media stream of each.

    All containers do: the one that is first to say so in the registry's bucket asks. An async
    context manager. Without credentials for Twilio's API, or a ``PUBLIC_URL``, it does nothing.

    Attributes:
        started: How many media streams were asked for.
        over: How many calls were over instead, by Twilio's word.
        failed: How many attempts came to nothing.
    """

    def __init__(
        self, broker: Broker, calls: LiveCalls, requests: StreamRequests, rest: RestClient
    ) -> None:
        self.started = self.over = self.failed = 0
        self._broker = broker
        self._calls = calls
        self._requests = requests
        self._rest = rest
        self._dead: dict[str, set[str]] = {}  # streams, by the calls that are taken care of
        # Calls of which the log has said that it was too often, the newest last: whose stream
        # comes, and is lost at once, is taken care of anew. No more than MAX_CALLS.
        self._told: dict[str, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._watching = supervise.keep(self._watch, "dead media streams")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching is not None:
            await supervise.end(self._watching, *self._tasks)

    def __len__(self) -> int:
        """How many calls it takes care of now."""
        return len(self._dead)

    def hear(self, callback: StreamCallback) -> None:
        """Take what Twilio says of a media stream."""
        doubt = dead_streams.doubt(callback)
        if doubt is not None:
            self._begin(callback.call_sid, callback.account_sid, {callback.stream_sid}, doubt)

    async def _watch(self) -> None:
        """Look for calls of ours that lost their media stream, and for those of dead owners."""
        registry = self._broker.registry
        fresh_since = before = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._look_at_ours()
            now = time.monotonic()
            # While NATS was away, or we slept, nobody could say that they live.
            if not (self._broker.connected and registry.fresh) or now - before > ASLEEP_SECONDS:
                fresh_since = now
            before = now
            if now - fresh_since >= self._broker.settings.lease_refresh:
                for entry in registry.orphans():
                    self._begin(entry.call_sid, entry.account_sid, set(entry.stream_sids))

    def _look_at_ours(self) -> None:
        for call in filter(is_lost, self._calls.movable()):
            if is_taken(call, self._broker):
                let_go(call)
            else:
                dead = set(call.streams.current.unstopped)
                self._begin(call.call_sid, call.account_sid, dead)

    def _begin(self, call_sid: str, account_sid: str, dead: set[str], doubt: float = 0.0) -> None:
        """Take care of a call whose media streams are dead, unless somebody here does."""
        if (known := self._dead.get(call_sid)) is not None:
            known |= dead
            return
        entry = self._broker.registry.entry(call_sid)
        if len(self._dead) >= MAX_CALLS or self._requests.problem(account_sid):
            return
        if not dead_streams.is_dead(entry, account_sid, dead):
            return
        self._dead[call_sid] = dead
        task = supervise.start(self._care(call_sid, account_sid, doubt), f"{call_sid} restart")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _care(self, call_sid: str, account_sid: str, doubt: float) -> None:
        """See to it that a call is heard again, if it is not over."""
        try:
            await self._wait(doubt, call_sid, account_sid)
            while (entry := self._unheard(call_sid, account_sid)) is not None:
                if self._calls.is_arriving(call_sid):  # it notices, too, that the owner is gone
                    await asyncio.sleep(ARRIVING_SECONDS)
                    continue
                try:
                    starts = await self._broker.restarts.of(call_sid)
                    if (pause := self._pause(call_sid, starts)) > 0:
                        await self._wait(pause, call_sid, account_sid)
                    elif (
                        await self._broker.restarts.begin(starts, _now())  # first of all
                        # A media stream that came meanwhile is listed a moment after its claim.
                        and (entry := self._unheard(call_sid, account_sid)) is not None
                        and not await self._goes_on(entry)
                    ):
                        return
                except (HistoryUnavailable, NotWritten):
                    await asyncio.sleep(NATS_SECONDS)
        finally:
            del self._dead[call_sid]

    def _pause(self, call_sid: str, starts: Starts) -> float:
        """Return in how many seconds the next start may be; says once in the log: too often."""
        pause = dead_streams.pause(starts.at, _now())
        if not pause:
            self._told.pop(call_sid, None)
        if pause > dead_streams.SPACING_SECONDS and call_sid not in self._told:
            while len(self._told) >= MAX_CALLS:
                del self._told[next(iter(self._told))]
            self._told[call_sid] = None
            _log.warning(
                "media stream is not started again: it was too often",
                call_sid=call_sid,
                starts=len(starts.at),
                advice="the log lines of its refusals, here or in other containers, say why",
            )
        return pause

    async def _wait(self, seconds: float, call_sid: str, account_sid: str) -> None:
        """Wait, unless somebody hears the call meanwhile, or it is over."""
        with suppress(TimeoutError):
            changes = self._broker.registry.changes()
            async with asyncio.timeout(seconds), aclosing(changes):
                async for _ in changes:
                    if self._unheard(call_sid, account_sid) is None:
                        return

    def _unheard(self, call_sid: str, account_sid: str) -> CallEntry | None:
        """Return what is listed of a call, while nobody hears it."""
        entry = self._broker.registry.entry(call_sid)
        return entry if dead_streams.is_dead(entry, account_sid, self._dead[call_sid]) else None

    async def _goes_on(self, entry: CallEntry) -> bool:
        """Ask Twilio for another media stream; returns whether the call may go on."""
        log = _log.bind(call_sid=entry.call_sid, owner=entry.owner)
        try:
            over = await self._ask(entry)
        except (MoveFailed, TwilioApiError) as exc:
            self.failed += 1
            log.warning("media stream is not started again", reason=str(exc))
            return True
        if over is None:
            self.started += 1
            log.warning("media stream is dead: another one is started", dead=entry.stream_sids)
            return True
        self.over += 1
        log.info("media stream is dead: its call is over, says twilio", call_status=over.status)
        await self._broker.statuses.put(over)
        return False

    async def _ask(self, entry: CallEntry) -> CallStatus | None:
        """
        Ask for a media stream of a call, if it goes on; else returns how, and when, it has ended.

        Raises:
            MoveFailed, TwilioApiError: that cannot be known, or there is none.
        """
        whose, asked_at = (entry.account_sid, entry.call_sid), _now()
        call = await self._rest.fetch_call(*whose)
        if call is None:
            return final_status(*whose, COMPLETED, asked_at)
        if call.over:
            return final_status(*whose, call.status, call.ended_at)
        if call.status != IN_PROGRESS:
            raise MoveFailed(f"the call is {call.status}, says twilio")
        try:
            try:
                await self._start(entry)
            except NoRoomForTracks:  # Twilio does not know yet that they are dead
                await self._stop(entry)
                await self._start(entry)
        except MoveFailed as exc:
            if exc.kind is Stay.OVER:  # what is said of a call is some moments old
                return final_status(*whose, COMPLETED, asked_at)
            raise
        return None

    async def _start(self, entry: CallEntry) -> None:
        await self._requests.ask(
            entry.account_sid,
            entry.call_sid,
            purpose=RESTART,
            track=entry.track,
            parameters=dead_streams.parameters(entry),
        )

    async def _stop(self, entry: CallEntry) -> None:
        for stream_sid in entry.stream_sids:
            await self._rest.stop_stream(entry.account_sid, entry.call_sid, stream_sid)


def _now() -> int:
    return time.time_ns() // 1_000_000
