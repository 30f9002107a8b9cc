"""
The recogniser of one call: a session with Deepgram, over as many connections as it takes.

Audio goes in on the call clock and never waits; what Deepgram says comes out on the call clock.
"""

import asyncio
import enum
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog
from structlog.typing import FilteringBoundLogger as BoundLogger

from broker.printable import shown
from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.audio.mulaw import SAMPLE_RATE, TRACKS, Track, samples, seconds
from handler.config import Settings
from handler.deepgram.connection import Connection, Dialer, move
from handler.deepgram.coverage import REJECTED, UNREACHABLE, Coverage
from handler.deepgram.messages import Result, Signal
from handler.deepgram.results import UnreadableResult
from handler.deepgram.retry import Breaker, Trial
from handler.deepgram.sender import Demand, Stage
from handler.deepgram.socket import DeepgramSocket
from handler.deepgram.timing import Timing
from handler.deepgram_options import Pairs
from handler.errors import (
    DeepgramDisconnected,
    DeepgramError,
    DeepgramRejected,
    OptionsRejected,
)

# Types of messages that are new to us, of which a call's log tells.
MAX_UNKNOWN = 8
# Names of a call's connections that are kept, for its last record; the newest ones.
MAX_REQUEST_IDS = 50
# Of what Deepgram says of a call's options, how much a record has, in characters.
MAX_REASON = 300


@dataclass(frozen=True, slots=True)
class Down:
    """The recogniser is away; audio is kept meanwhile, as far as the buffer goes."""

    reason: str


@dataclass(frozen=True, slots=True)
class Up:
    """The recogniser answers again."""


@dataclass(frozen=True, slots=True)
class Note:
    """What there is to tell of it while it is as it was: ``away``, or not."""

    reason: str
    away: bool


Output = Result | Signal | Down | Up | Note | Loss


class State(enum.Enum):
    """What subscribers know of the recogniser; :meth:`Recogniser._set_state` alone sets it."""

    UP = enum.auto()  # or not needed yet
    DOWN = enum.auto()
    REJECTED = enum.auto()  # down, for good


class Standing(enum.StrEnum):
    """How a call stands with its recogniser, for metrics."""

    IDLE = "idle"  # nothing to transcribe, or the first connection is being opened
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"  # or connected again, and not a result yet
    REFUSED = "refused"  # for good: the call goes on unheard


class Unread:
    """
    Counts what Deepgram said and was not read; the first of each kind is logged.

    Attributes:
        unreadable: Messages that could not be read.
        incomplete: Results of which something was left out.
    """

    def __init__(self, log: BoundLogger) -> None:
        self.unreadable = 0
        self.incomplete = 0
        self._unknown: set[str] = set()
        self._log = log

    def note_unknown(self, kind: str) -> None:
        """Log the first message of a type that is new to us: it carries no words."""
        if kind not in self._unknown and len(self._unknown) < MAX_UNKNOWN:
            self._unknown.add(kind)
            self._log.info("unknown message from deepgram", type=kind)

    def note_unreadable(self, problem: UnreadableResult, request_id: str | None) -> None:
        """Count a message."""
        self.unreadable += 1
        if self.unreadable == 1:
            self._log.warning(
                "unreadable message from deepgram",
                problem=str(problem)[:200],
                request_id=request_id,
            )

    def note_incomplete(self, names: tuple[str, ...]) -> None:
        """Count a result, whose fields of these names could not be used."""
        self.incomplete += 1
        if self.incomplete == 1:
            self._log.warning("part of a result from deepgram left out", fields=sorted(set(names)))


class Recogniser:
    """
    Transcribes one call.

    :meth:`send` takes audio, :meth:`flush` asks for what is still in the works, :meth:`finish`
    ends it; none of them waits. :meth:`run` does the work and returns once the last result is in,
    or the deadline after :meth:`finish` has passed. What comes out goes to ``emit``, which must
    not block. Deepgram being away ends nothing: audio is kept (``replay_seconds``) and replayed,
    and what could not be kept is emitted as :class:`Loss`.
    """

    def __init__(
        self,
        settings: Settings,
        emit: Callable[[Output], None],
        call_sid: str,
        *,
        options: Pairs | None = None,
        breaker: Breaker | None = None,
        timing: Timing | None = None,
    ) -> None:
        """Begin with the options that the call brought, or with the service's own."""
        self.request_ids: deque[str] = deque(maxlen=MAX_REQUEST_IDS)
        self._emit = emit
        self._close_seconds = settings.close_seconds
        self._timing = Timing() if timing is None else timing
        shared = Breaker() if breaker is None else breaker
        self._dialer = Dialer(settings, shared, self._timing, options)
        self._log = structlog.get_logger().bind(call_sid=call_sid)
        self.unread = Unread(self._log)
        self._coverage = Coverage(capacity=int(settings.replay_seconds * SAMPLE_RATE))
        self._demand = Demand()
        self._settled = asyncio.Event()  # all that was sent is transcribed
        self._state = State.UP
        self._deadline: float | None = None  # loop time by which a finished call must be done
        self._connection: Connection | None = None  # while it is open
        self._connection_timeout: asyncio.Timeout | None = None

    # What the call does with it: nothing here waits.

    @property
    def transcribed_until(self) -> dict[Track, int]:
        """How far the finals of each track reach, in samples on the call clock."""
        return dict(self._coverage.transcribed_until)

    @property
    def audio_end(self) -> int:
        """Where the audio ends that was sent so far, in samples on the call clock."""
        return self._coverage.end

    @property
    def standing(self) -> Standing:
        """How the call stands with it."""
        match self._state:
            case State.REJECTED:
                return Standing.REFUSED
            case State.DOWN:
                return Standing.RECONNECTING
        return Standing.IDLE if self._connection is None else Standing.CONNECTED

    @property
    def lag(self) -> float:
        """Seconds of audio that were taken and are yet to be transcribed; 0 once it is refused."""
        return 0.0 if self._state is State.REJECTED else seconds(self._coverage.backlog)

    def send(self, chunk: Chunk) -> None:
        """Take the next piece of the call, its ``start`` on the call clock."""
        self._settled.clear()
        self._coverage.append(chunk)
        if self._connection is not None and self._connection.offer(chunk):
            return
        if self._demand.queued_since is None:
            self._demand.queued_since = asyncio.get_running_loop().time()
        self._demand.set(Stage.STREAMING)

    def cover(self, ends: Mapping[Track, int]) -> None:
        """Know how far each track was transcribed by others, of what was sent just now."""
        for track, end in ends.items():
            self._coverage.cover(track, min(end, self._coverage.end))
        self._note_progress()

    async def settled(self) -> None:
        """Wait until all that was sent is transcribed; that may never be."""
        await self._settled.wait()

    def flush(self) -> None:
        """Have what was sent so far transcribed to its end; more audio may follow later."""
        self._demand.set(Stage.FLUSHING)

    def finish(self) -> None:
        """No more audio will come."""
        # Deepgram takes a backlog of B seconds at 1.25 times real time, so in 0.8 B.
        backlog = seconds(self._coverage.backlog) / self._timing.replay_speed
        self._deadline = asyncio.get_running_loop().time() + self._close_seconds + backlog
        if self._connection_timeout is not None:  # it may be stuck, and see nothing of this
            move(self._connection_timeout, self._deadline)
        self._demand.set(Stage.FINISHED)

    async def run(self) -> None:
        """Connect when there is audio, as often as needed, until the call is transcribed."""
        failures = 0
        try:
            while await self._wanted():
                failures = await self._attempt(failures)
                if failures:
                    await self._back_off(failures)
        except DeepgramRejected as exc:
            self._report_lost(exc)
            self._set_state(State.REJECTED, str(exc))
        await self._report_rest()
        # All is said. A call that is held by what it holds would stay in memory until the
        # collector comes.
        self._emit = lambda _: None

    async def _wanted(self) -> bool:
        """Wait until there is audio to transcribe; False once there will be no more."""
        while self._coverage.after(self._coverage.both_until) is None:
            if self._demand.stage is Stage.FINISHED:
                return False
            self._demand.changed.clear()
            await self._demand.changed.wait()
        return self._deadline is None or asyncio.get_running_loop().time() < self._deadline

    async def _attempt(self, failures: int) -> int:
        """
        Use one connection to its end, after ``failures`` others.

        Returns how many have failed in a row by now: 0 once it has ended well.

        Raises:
            DeepgramRejected: another one would fare no better.
        """
        connection: Connection | None = None
        try:
            async with asyncio.timeout_at(self._deadline) as self._connection_timeout:
                connection = self._connection = await self._connect(replaying=failures > 0)
                await connection.run(self._connection_timeout, self._close_seconds)
                connection.check_end()
        except TimeoutError:
            # Finished: what is missing is reported. Else: what is missing is replayed.
            self._report_timeout(connection)
            self._note_deadline(self._connection_timeout)
            return failures + 1
        except DeepgramDisconnected as exc:
            self._report_lost(exc)
            self._set_state(State.DOWN, str(exc))
            lived = 0.0 if connection is None else connection.lived
            return self._timing.backoff.failures(failures, lived)
        finally:
            self._connection = self._connection_timeout = None
        for track in TRACKS:
            self._lose(self._coverage.hole_before(track, connection.sent.end))
        # Deepgram has answered all that it was sent, also where it found nothing to say.
        self._coverage.cover_all(connection.sent.end)
        self._note_progress()
        self._log.info(
            "deepgram done",
            request_id=connection.request_id,
            seconds=seconds(connection.sent.samples),
        )
        return 0

    async def _connect(self, *, replaying: bool) -> Connection:
        socket, trial = await self._open()
        self._coverage.begin_anew()
        connection = Connection(
            socket,
            trial,
            self._coverage,
            self._demand,
            self,
            timing=self._timing,
            replaying=replaying,
            log=self._log,
        )
        if connection.request_id is not None:
            self.request_ids.append(connection.request_id)
        self._log.info("deepgram connected", request_id=connection.request_id)
        return connection

    async def _open(self) -> tuple[DeepgramSocket, Trial]:
        try:
            return await self._dialer.open(self._note_held_back)
        except OptionsRejected as exc:
            self._report_options(exc)
        return await self._dialer.open(self._note_held_back)

    # What a connection brings.

    def receive(self, message: Result | Signal, sent_end: int) -> None:
        """Pass a message on; of a final only what was not published before."""
        fresh: Result | Signal | None = message
        if isinstance(message, Result):
            if self._state is State.DOWN:
                self._set_state(State.UP)
            if message.left_out:
                self.unread.note_incomplete(message.left_out)
            if message.doubtful:
                self._coverage.unread(message.track, None, sent_end)
            if message.is_final:
                start = min(samples(message.start), sent_end)
                self._lose(self._coverage.hole_before(message.track, start))
                fresh = self._coverage.receive(message, sent_end)
                self._note_progress()
        if fresh is not None:
            self._emit(fresh)

    def receive_unreadable(
        self, problem: UnreadableResult, sent_end: int, request_id: str | None
    ) -> None:
        """Count a message that could not be read; if it was a final, what it said is lost."""
        self.unread.note_unreadable(problem, request_id)
        if problem.is_final:
            self._lose(self._coverage.unread(problem.track, problem.span, sent_end))
            self._note_progress()

    def receive_unknown(self, kind: str) -> None:
        """Say once that there was a message of a type that is new to us."""
        self.unread.note_unknown(kind)

    def lose(self, loss: Loss) -> None:
        """Tell of audio that fell out of the buffer before it could be sent."""
        self._emit(loss)
        self._note_progress()

    def _lose(self, loss: Loss | None) -> None:
        if loss is not None:
            self._emit(loss)

    def _note_progress(self) -> None:
        if self._coverage.settled:
            self._settled.set()

    # What subscribers and operators are told of it.

    def _set_state(self, state: State, reason: str = "") -> None:
        before, self._state = self._state, state
        if before is State.UP and state is not State.UP:
            self._emit(Down(reason))
        elif before is not State.UP and state is State.UP:
            self._emit(Up())

    def _note_held_back(self, reason: str) -> None:
        self._log.info("deepgram held back", reason=reason)
        self._set_state(State.DOWN, f"held back: {reason}")

    def _report_options(self, error: OptionsRejected) -> None:
        """Say that the call goes on without what it asked for: nothing is away by that."""
        self._log.warning(
            "deepgram refused the options of a call",
            reason=error.reason,
            advice=error.advice,
            request_id=error.request_id,
        )
        why = shown(str(error))[:MAX_REASON]
        reason = f"this call goes on with the service's own options: Deepgram refused its: {why}"
        self._emit(Note(reason, away=self._state is State.DOWN))

    def _report_lost(self, error: DeepgramError) -> None:
        self._log.warning(
            "deepgram lost",
            reason=error.reason,
            advice=error.advice,
            request_id=error.request_id,
            retry=error.retry,
        )

    def _report_timeout(self, connection: Connection | None) -> None:
        """Say that a connection took longer than it may."""
        request_id = None if connection is None else connection.request_id
        if connection is None or not connection.asked_to_close:
            self._log.warning("call ended without deepgram", request_id=request_id)
            return
        waited = self._close_seconds
        self._log.warning("deepgram did not close", waited=waited, request_id=request_id)
        if self._demand.stage is not Stage.FINISHED:
            self._set_state(State.DOWN, str(DeepgramDisconnected("did not close", request_id)))

    def _note_deadline(self, timeout: asyncio.Timeout | None) -> None:
        """The call's time is over if this was its end, also by a clock that is yet to get there."""
        struck = None if timeout is None else timeout.when()
        if self._deadline is not None and struck is not None and struck >= self._deadline:
            self._deadline = min(self._deadline, asyncio.get_running_loop().time())

    async def _back_off(self, failures: int) -> None:
        delay = self._timing.backoff.seconds(failures)
        if self._deadline is not None:
            delay = min(delay, self._deadline - asyncio.get_running_loop().time())
        if self._demand.stage is Stage.FINISHED:
            await asyncio.sleep(delay)
            return
        with suppress(TimeoutError):  # the call's end is a reason to try at once
            async with asyncio.timeout(delay):
                await self._demand.finished.wait()

    async def _report_rest(self) -> None:
        """Say what was never transcribed. If Deepgram refused us, first wait for the call's end."""
        while self._demand.stage is not Stage.FINISHED:
            self._coverage.discard()
            self._demand.changed.clear()
            await self._demand.changed.wait()
        for loss in self._coverage.rest(REJECTED if self._state is State.REJECTED else UNREACHABLE):
            self._emit(loss)
