"""Which calls of this process go elsewhere, and when: it leaves, or their streams grow old."""

import asyncio
import random
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Self

import structlog

from broker import supervise
from broker.wishes import Wish, Wished, Wishes
from handler.calls.call import Call
from handler.calls.live_calls import LiveCalls
from handler.calls.stream_requests import OVER, StreamRequests, why_not_movable
from handler.calls.tickets import SUCCESSOR
from handler.config import Settings
from handler.errors import MoveFailed, NoRoomForTracks, Stay, TwilioApiError
from handler.twilio.accounts import Accounts
from handler.twilio.rest import RestClient
from handler.twilio.tickets import STREAM

# How often it is looked which media streams are too old; and, in a process that leaves, which calls
# have come meanwhile.
LOOK_SECONDS = 1.0
LEAVING_LOOK_SECONDS = 0.1
# So many move at once for their age; a process that leaves has no time for turns.
AT_ONCE = 10
# Streams that began together do not grow old together: some are followed by so much sooner.
SPREAD = 0.05
# Between two attempts to move one call.
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
# Where there is no room for two streams: how often the second is asked for once the first was
# stopped, and what lies between.
ATTEMPTS, ATTEMPT_SECONDS = 4, 0.3

_log = structlog.get_logger()


def is_old(age: float, limit: float, stream_sid: str) -> bool:
    """Whether a media stream is to be followed by another; each is asked at an age of its own."""
    spread = SPREAD * (zlib.crc32(stream_sid.encode()) / 2**32)
    return age >= limit * (1 - spread)


class _Later:
    """When a call that stayed is asked to move again."""

    def __init__(self) -> None:
        self._backoff = supervise.Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        self.at = 0.0

    def put_off(self, now: float) -> float:
        """Put it off, each time for longer; returns for how many seconds."""
        pause = self._backoff.next() * random.uniform(0.75, 1.25)  # noqa: S311  no secret
        self.at = now + pause
        return pause


class Relocator:
    """
    Moves calls to other media streams, which a load balancer brings to other containers.

    An async context manager: while it is open, calls whose media stream grows too old are moved,
    and calls that an operator wishes to be elsewhere.

    Attributes:
        moved: How many calls went, with nothing lost.
        stayed: How many times one did not, by :class:`Stay`.
        note_duration: Told how long each move took, in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        calls: LiveCalls,
        requests: StreamRequests,
        accounts: Accounts,
        rest: RestClient,
        wishes: Wishes,
    ) -> None:
        self.moved = 0
        self.stayed: Counter[str] = Counter(dict.fromkeys(Stay, 0))
        self.note_duration: Callable[[float], None] = lambda _: None
        self._settings = settings
        self._calls = calls
        self._requests = requests
        self._accounts = accounts
        self._rest = rest
        self._wishes = wishes
        self._moves: dict[Call, asyncio.Task[MoveFailed | None]] = {}
        self._later: dict[Call, _Later] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        reason = why_not_movable(self._settings, self._accounts.find(None))
        if reason is not None and (self._settings.public_url is None or not len(self._accounts)):
            tell = _log.warning if self._accounts.signed else _log.info
            tell("calls cannot go from here to another container", reason=reason)
        if self._settings.max_stream_seconds:
            self._tasks.append(supervise.keep(self._watch_ages, "ages of media streams"))
        self._tasks.append(
            supervise.keep(lambda: self._wishes.serve(self._grant), "wishes to move calls")
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await supervise.end(*self._tasks, *self._moves.values())

    def __len__(self) -> int:
        """How many moves are not over yet."""
        return len(self._moves)

    async def move_all(self) -> None:
        """
        Move all calls, those too that come here only now, until cancelled: this process is leaving.

        Twilio is asked for the streams of all of them before one is stopped: that is the order in
        which they ask. What cannot be moved is tried again, more and more rarely.
        """
        self._rest.prepare()  # while what moves a call is loaded, too
        while True:
            self._begin_due(lambda _: True)
            await asyncio.sleep(LEAVING_LOOK_SECONDS)

    async def settle(self, seconds: float) -> None:
        """Wait until Twilio was told of all that has moved, so long at the most."""
        if self._moves:
            await asyncio.wait(self._moves.values(), timeout=seconds)

    async def move(self, call: Call) -> None:
        """
        Let another media stream take a call; returns once one has it, or soon will.

        Raises:
            MoveFailed: it stays.
        """
        task = self._moves.get(call) or self._begin(call)
        if (failure := await asyncio.shield(task)) is not None:
            raise failure.anew()

    async def _watch_ages(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._begin_due(self._is_old, AT_ONCE)

    def _is_old(self, call: Call) -> bool:
        age = asyncio.get_running_loop().time() - call.streams.began_at
        first = call.streams.current.first
        return is_old(age, self._settings.max_stream_seconds, first.stream_sid)

    def _begin_due(self, due: Callable[[Call], bool], at_once: int | None = None) -> None:
        """Begin to move calls that are due, unless they stayed a moment ago."""
        now = asyncio.get_running_loop().time()
        movable = self._calls.movable()
        self._later = {call: self._later[call] for call in movable if call in self._later}
        for call in movable:
            if at_once is not None and len(self._moves) >= at_once:
                return
            if call not in self._moves and due(call) and self._may_try(call, now):
                self._begin(call)

    def _may_try(self, call: Call, now: float) -> bool:
        return call not in self._later or now >= self._later[call].at

    def _begin(self, call: Call) -> asyncio.Task[MoveFailed | None]:
        task = asyncio.create_task(self._move(call), name=f"{call.call_sid} relocation")
        self._moves[call] = task
        task.add_done_callback(lambda _: self._moves.pop(call, None))
        return task

    async def _move(self, call: Call) -> MoveFailed | None:
        """Move a call, and say what became of it; returns why it stays, if it does."""
        log = _log.bind(call_sid=call.call_sid)
        begun = asyncio.get_running_loop().time()
        streams = call.streams.sids
        try:
            await call.move(lambda: self._ask_for_stream(call, SUCCESSOR))
        except NoRoomForTracks as exc:
            log.info("no room for another media stream: one is stopped first", reason=str(exc))
            self.stayed[exc.kind] += 1
            return await self._begin_anew(call)
        except MoveFailed as exc:
            self.stayed[exc.kind] += 1
            now = asyncio.get_running_loop().time()
            pause = self._later.setdefault(call, _Later()).put_off(now)
            facts = {"kind": exc.kind.value, "not_again_for": round(pause, 2)}
            log.warning("call stays here", reason=str(exc), **facts)
            return exc.anew()
        seconds = asyncio.get_running_loop().time() - begun
        self.moved += 1
        self.note_duration(seconds)
        log.info("call moved", seconds=round(seconds, 2))
        await self._stop(call, streams)
        return None

    async def _begin_anew(self, call: Call) -> MoveFailed | None:
        """
        Stop a call's media stream, and have another one begin: there is no room for both.

        What is said in between is lost, and told.
        """
        streams = call.streams.sids
        await self._requests.reserve(call.call_sid)
        call.leave()
        await self._stop(call, streams)
        for attempt in range(ATTEMPTS):
            await asyncio.sleep(attempt * ATTEMPT_SECONDS)
            try:
                await self._ask_for_stream(call, STREAM)
            except NoRoomForTracks as exc:
                failure: MoveFailed = exc.anew()  # what was stopped is counted for a moment
            except MoveFailed as exc:
                failure = exc.anew()
                break
            else:
                return None
        _log.warning("call is left", call_sid=call.call_sid, reason=str(failure))
        return failure

    async def _ask_for_stream(self, call: Call, purpose: str) -> None:
        """
        Ask Twilio for another media stream of a call.

        Raises:
            NoRoomForTracks: only once another one has ended.
            MoveFailed: there will be none.
        """
        await self._requests.ask(
            call.account_sid,
            call.call_sid,
            purpose=purpose,
            track=call.streams.track,
            parameters=call.parameters,
        )

    async def _stop(self, call: Call, stream_sids: list[str]) -> None:
        """Stop media streams that nobody listens to any more."""
        for stream_sid in stream_sids:
            try:
                await self._rest.stop_stream(call.account_sid, call.call_sid, stream_sid)
            except TwilioApiError as exc:
                if exc.status == OVER:
                    return
                facts = {"call_sid": call.call_sid, "stream_sid": stream_sid}
                _log.warning("media stream not stopped", reason=str(exc), **facts)
                await call.streams.current.close(1000, "moved")

    async def _grant(self, wish: Wish) -> Wished:
        """Move a call that an operator wishes to be elsewhere."""
        call = self._calls.find(wish.call_sid)
        if call is None or not (call.listening or call.moving):
            return Wished(problem="it is not live here", kind=Stay.OVER)
        try:
            await self.move(call)
        except MoveFailed as exc:
            return Wished(problem=str(exc), kind=exc.kind)
        return Wished()
