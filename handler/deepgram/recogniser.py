"""
The recogniser of one call: its connection to Deepgram, over as many sockets as it takes.

Audio goes in on the call clock and never waits; what Deepgram says comes out on the call clock.
Source: https://developers.deepgram.com/docs/live-streaming-audio
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from handler.audio.loss import Loss, Reason
from handler.audio.mixer import Chunk
from handler.audio.mulaw import CHANNELS, SAMPLE_RATE, SILENCE, TRACKS, Track, seconds
from handler.config import Settings
from handler.deepgram import messages
from handler.deepgram.messages import Result, Signal
from handler.deepgram.replay import ReplayBuffer, SentAudio
from handler.deepgram.retry import Backoff, Breaker, judge
from handler.errors import DeepgramDisconnected, DeepgramError, DeepgramRejected

KEEPALIVE = '{"type":"KeepAlive"}'
FINALIZE = '{"type":"Finalize"}'
CLOSE_STREAM = '{"type":"CloseStream"}'
# What it closes with once it was asked to: a code, or none.
CLEAN_CLOSE = frozenset({1000, 1005})
# Names of a call's connections that are kept, for its last record; the newest ones.
MAX_REQUEST_IDS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """
    The times of a session, in seconds.

    Attributes:
        open: For a handshake, which takes some 0.3; subscribers are told of trouble within 5.
        keep_alive: Between KeepAlives. Deepgram closes what was silent for 10 (NET-0001) and
            advises 3 to 5.
        finalize: Without audio for so long, the last words are asked for. As long as the mixer
            waits for a path that stands still: it may have stopped in the midst of a word, which
            a Finalize would cut in two.
        stall: Audio flows for so long and nothing is said of it: the connection is dead.
            Deepgram says something about once a second, in silence too.
        replay_speed: Times real time. Deepgram throttles what comes faster.
        backoff: Between attempts.
    """

    open: float = 4.5
    keep_alive: float = 4.0
    finalize: float = 5.0
    stall: float = 4.0
    replay_speed: float = 1.25
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True, slots=True)
class Down:
    """The recogniser is away; audio is kept meanwhile, as far as the buffer goes."""

    reason: str


@dataclass(frozen=True, slots=True)
class Up:
    """The recogniser answers again."""


Output = Result | Signal | Down | Up | Loss


class Recogniser:
    """
    Transcribes one call.

    :meth:`send` takes audio, :meth:`flush` asks for what is still in the works, :meth:`finish`
    ends it; none of them waits. :meth:`run` does the work and returns once the last result is in,
    or the deadline behind :meth:`finish` has passed. What comes out goes to ``emit``, which must
    not block. Deepgram being away ends nothing: audio is kept (``replay_seconds``) and replayed,
    and what could not be kept is emitted as :class:`Loss`.
    """

    def __init__(
        self,
        settings: Settings,
        emit: Callable[[Output], None],
        call_sid: str,
        *,
        breaker: Breaker | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._emit = emit
        self._url = f"{settings.deepgram_url}/v1/listen?{urlencode(settings.deepgram_options)}"
        self._headers = {"Authorization": _authorization(settings.deepgram_api_key)}
        self._close_seconds = settings.close_seconds
        self._breaker = Breaker() if breaker is None else breaker
        self._timing = Timing() if timing is None else timing
        self._log = structlog.get_logger().bind(call_sid=call_sid)
        self._buffer = ReplayBuffer(capacity=int(settings.replay_seconds * SAMPLE_RATE))
        self._covered = dict.fromkeys(TRACKS, 0)  # samples: finals of the track reach this far
        self._work = asyncio.Event()  # something changed that the sender waits for
        self._ending = asyncio.Event()  # no more audio will come
        self._queued_since: float | None = None  # loop time; all before it was sent
        self._flushing = False
        self._finished = False
        self._rejected = False
        self._down = False
        self._deadline: float | None = None  # loop time by which a finished call must be done
        self._connection_timeout: asyncio.Timeout | None = None
        self._settled = asyncio.Event()  # all that was sent is transcribed
        self.request_ids: deque[str] = deque(maxlen=MAX_REQUEST_IDS)
        self.unreadable = 0

    # What the call does with it: nothing here waits.

    @property
    def transcribed_until(self) -> dict[Track, int]:
        """How far the finals of each track reach, in samples on the call clock."""
        return self._covered

    @property
    def audio_end(self) -> int:
        """Where the audio ends that was sent so far, in samples on the call clock."""
        return self._buffer.end

    def send(self, chunk: Chunk) -> None:
        """Take the next piece of the call, its ``start`` on the call clock."""
        if self._buffer.end == 0:
            self._covered = dict.fromkeys(TRACKS, chunk.start)  # nothing before it is ours
        self._flushing = False
        self._settled.clear()
        if self._queued_since is None:
            self._queued_since = asyncio.get_running_loop().time()
        self._buffer.append(chunk)
        self._work.set()

    async def settled(self) -> None:
        """Wait until all that was sent is transcribed; that may never be."""
        await self._settled.wait()

    def flush(self) -> None:
        """Have what was sent so far transcribed to its end; more audio may follow later."""
        self._flushing = True
        self._work.set()

    def finish(self) -> None:
        """No more audio will come."""
        self._flushing = self._finished = True
        backlog = seconds(self._buffer.size)
        # Deepgram takes a backlog of B seconds at 1.25 times real time, so in 0.8 B.
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + self._close_seconds + backlog / self._timing.replay_speed
        if self._connection_timeout is not None:  # it may be stuck, and see nothing of this
            _reschedule(self._connection_timeout, self._deadline)
        self._ending.set()
        self._work.set()

    async def run(self) -> None:
        """Connect when there is audio, as often as needed, until the call is transcribed."""
        failures = 0
        while await self._wanted():
            link = _Link(replaying=failures > 0)
            try:
                async with asyncio.timeout_at(self._deadline) as deadline:
                    self._connection_timeout = deadline
                    try:
                        await self._connect_and_converse(link, deadline)
                    finally:
                        self._connection_timeout = None
                failures = 0
            except TimeoutError:
                # Finished: what is missing is reported. Else: what is missing is replayed.
                self._ran_out(link)
                failures += 1
            except DeepgramRejected as exc:
                self._went_down(exc)
                self._rejected = True
                break
            except DeepgramDisconnected as exc:
                self._went_down(exc)
                failures = self._timing.backoff.failures(failures, link.lived)
            if failures:
                await self._back_off(failures)
        await self._report_rest()

    async def _wanted(self) -> bool:
        """Wait until there is audio to transcribe; False once there will be no more."""
        while self._buffer.after(self._heard) is None:
            if self._finished:
                return False
            self._work.clear()
            await self._work.wait()
        return self._deadline is None or asyncio.get_running_loop().time() < self._deadline

    @property
    def _heard(self) -> int:
        """Both tracks are transcribed up to here."""
        return min(self._covered.values())

    async def _connect_and_converse(self, link: "_Link", deadline: asyncio.Timeout) -> None:
        connection = await self._connect()
        link.opened = asyncio.get_running_loop().time()
        request_id = link.request_id = _request_id(connection)
        if request_id is not None:
            self.request_ids.append(request_id)
        self._log.info("deepgram connected", request_id=request_id)
        try:
            await self._converse(connection, link, deadline)
        finally:
            # At once: a peer that did not close by itself has nothing more to say.
            connection.transport.abort()
            await connection.wait_closed()
            link.closed = asyncio.get_running_loop().time()
            self._end_trial(link)
        if link.stalled:
            stall = self._timing.stall
            raise DeepgramDisconnected(f"no results for {stall:g} s while audio flows", request_id)
        code = connection.close_code if connection.protocol.close_rcvd_then_sent else None
        if not link.answered_close or code not in CLEAN_CLOSE:
            raise judge((code, connection.close_reason), request_id)
        # Deepgram has answered all that it was sent, also where it found nothing to say.
        for track in TRACKS:
            self._cover(track, link.sent.end)
        self._log.info("deepgram done", request_id=request_id, seconds=seconds(link.sent.samples))

    async def _connect(self) -> ClientConnection:
        """
        Open a connection, once the breaker lets this call try; :meth:`_end_trial` must follow.

        Raises:
            DeepgramError: it could not be opened.
        """
        loop = asyncio.get_running_loop()
        held_back = False
        while wait := self._breaker.admit(loop.time()):
            if not held_back:
                held_back = True
                self._log.info("deepgram held back", reason=self._breaker.reason)
                self._tell_down(f"held back: {self._breaker.reason}")
            await asyncio.sleep(wait * random.uniform(1, 1.5))  # noqa: S311  not a secret
        try:
            return await _Connect(
                self._url,
                additional_headers=self._headers,
                compression=None,
                open_timeout=self._timing.open,
                max_size=2**20,
                proxy=None,  # settings come from Settings alone, not from the environment
            )
        except (OSError, WebSocketException, ValueError) as exc:  # TimeoutError is an OSError
            error = judge(exc, None)
            if error.retry:
                self._breaker.failed(loop.time(), error.reason)
            else:
                self._breaker.succeeded()
            raise error from exc
        except BaseException:
            self._breaker.gave_up()
            raise

    def _end_trial(self, link: "_Link") -> None:
        """Tell the breaker of a connection that was opened: a handshake alone proves nothing."""
        if not link.on_trial:
            return
        link.on_trial = False
        if link.heard_of:
            self._breaker.succeeded()
        elif link.closed and not link.asked_to_close:
            now = asyncio.get_running_loop().time()
            self._breaker.failed(now, "connections close without a result")
        else:
            self._breaker.gave_up()

    async def _converse(
        self, connection: ClientConnection, link: "_Link", deadline: asyncio.Timeout
    ) -> None:
        """Send and receive until the connection is closed, by whomever."""
        tasks = [
            asyncio.create_task(self._send_audio(connection, link, deadline)),
            asyncio.create_task(self._watch(connection, link)),
        ]
        try:
            async for text in connection:
                self._receive(text, link)
        except ConnectionClosed:
            pass  # judged by the code that it left
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError, ConnectionClosed):
                    await task

    async def _send_audio(
        self, connection: ClientConnection, link: "_Link", deadline: asyncio.Timeout
    ) -> None:
        """Send from where the finals end, then live; CloseStream behind the last byte."""
        loop = asyncio.get_running_loop()
        timing = self._timing
        opened = loop.time()
        position = self._heard
        # Longer than a handshake can take: the breaker held the call back, or a flush took long.
        waited = 0.0 if self._queued_since is None else opened - self._queued_since
        link.replaying = link.replaying or waited > timing.open
        idle, finalized = 0.0, True  # without audio for so long
        while True:
            self._report_dropped(position)
            if chunk := self._buffer.after(position):
                if link.replaying:  # until it has caught up with the call
                    due = opened + seconds(link.sent.samples) / timing.replay_speed
                    await asyncio.sleep(due - loop.time())
                link.sent.add(chunk)  # before the await: an answer may come while it is being sent
                await link.send(connection, self._unsaid(chunk))
                position, idle, finalized = chunk.end, 0.0, False
                continue
            link.replaying = False
            self._queued_since = None
            if self._flushing:
                break
            self._work.clear()
            pause = timing.keep_alive
            if not finalized:
                pause = min(pause, timing.finalize - idle)
            try:
                async with asyncio.timeout(pause):
                    await self._work.wait()
            except TimeoutError:
                if self._work.is_set():
                    continue  # both at once, after the process stood still
                idle += pause
                if not finalized and idle >= timing.finalize:
                    await link.send(connection, FINALIZE)
                    finalized = True
                else:
                    await link.send(connection, KEEPALIVE)
        link.asked_to_close = True
        await link.send(connection, CLOSE_STREAM)
        # The deadline counts from the last byte sent, not from the wish to end.
        _reschedule(deadline, loop.time() + self._close_seconds)

    async def _watch(self, connection: ClientConnection, link: "_Link") -> None:
        """Give up a connection that takes audio and says nothing of it."""
        step = self._timing.stall / 16
        while link.unanswered < self._timing.stall:
            await asyncio.sleep(step)
            # Audio that came behind a flush waits for this connection to be closed.
            link.tick(step, waiting=link.asked_to_close and self._buffer.end > link.sent.end)
            if asyncio.get_running_loop().time() - link.opened > self._timing.stall:
                self._end_trial(link)  # others may try, whatever becomes of this one
        link.stalled = True
        connection.transport.abort()

    def _report_dropped(self, position: int) -> None:
        """Tell of audio that fell out of the buffer before it could be sent."""
        lost = self._buffer.take_lost(position)
        if lost is None:
            return
        self._emit(Loss(lost.start, lost.end, None, "recogniser-unreachable"))
        if lost.start <= self._heard:  # told: the report at the end goes on behind it
            for track in TRACKS:
                self._cover(track, lost.end)

    def _unsaid(self, chunk: Chunk) -> bytes:
        """
        Return the audio of a chunk, a track silent where its finals have passed.

        In a replay one track may be further than the other. Heard once more, what it said would
        be cut anew, and come out differently.
        """
        said = {t: c for t, c in self._covered.items() if c > chunk.start}
        if not said:
            return chunk.audio
        audio = bytearray(chunk.audio)
        for track, covered in said.items():
            count = min(covered, chunk.end) - chunk.start
            audio[track.channel : CHANNELS * count : CHANNELS] = SILENCE * count
        return bytes(audio)

    def _receive(self, text: str | bytes, link: "_Link") -> None:
        try:
            message = messages.parse(text, link.sent)
        except messages.UnreadableResult as exc:
            self.unreadable += 1
            if self.unreadable == 1:
                self._log.warning(
                    "unreadable message from deepgram",
                    problem=str(exc)[:200],
                    request_id=link.request_id,
                )
            return
        match message:
            case Result():
                link.unanswered = 0.0
                link.heard_of = True
                self._end_trial(link)
                self._came_up()
                self._take(message, link.sent.end)
            case Signal():
                self._emit(message)
            case messages.Ignored("Error", detail):
                self._log.warning(
                    "deepgram reports an error", detail=detail, request_id=link.request_id
                )
            case messages.Metadata():
                # The summary is Deepgram's last word: results may have been under way anyway.
                link.answered_close = link.asked_to_close
                link.heard_of = True
            case messages.Ignored():
                pass  # a type that is new to us

    def _take(self, result: Result, sent_end: int) -> None:
        """Pass a result on; of a final only what was not published before."""
        if not result.is_final:
            self._emit(result)
            return
        fresh = messages.trim(result, seconds(self._covered[result.track]))
        # No final covers what was not sent, whatever it says.
        self._cover(result.track, min(round(result.end * SAMPLE_RATE), sent_end))
        if fresh is not None:
            self._emit(fresh)

    def _cover(self, track: Track, until: int) -> None:
        self._covered[track] = max(self._covered[track], until)
        self._buffer.release(self._heard)
        if self._heard >= self._buffer.end:
            self._settled.set()

    def _went_down(self, error: DeepgramError) -> None:
        self._log.warning(
            "deepgram lost", reason=error.reason, request_id=error.request_id, retry=error.retry
        )
        self._tell_down(str(error))

    def _tell_down(self, reason: str) -> None:
        if not self._down:
            self._down = True
            self._emit(Down(reason))

    def _ran_out(self, link: "_Link") -> None:
        """Say that a connection took longer than it may."""
        if not link.asked_to_close:
            self._log.warning("call ended without deepgram", request_id=link.request_id)
            return
        waited = self._close_seconds
        self._log.warning("deepgram did not close", waited=waited, request_id=link.request_id)
        if not self._finished:
            self._tell_down(str(DeepgramDisconnected("did not close", link.request_id)))

    def _came_up(self) -> None:
        if self._down:
            self._down = False
            self._emit(Up())

    async def _back_off(self, failures: int) -> None:
        delay = self._timing.backoff.seconds(failures)
        if self._deadline is not None:
            delay = min(delay, self._deadline - asyncio.get_running_loop().time())
        if self._finished:
            await asyncio.sleep(delay)
            return
        with suppress(TimeoutError):  # the call's end is a reason to try at once
            async with asyncio.timeout(delay):
                await self._ending.wait()

    async def _report_rest(self) -> None:
        """Say what was never transcribed. If Deepgram refused us, first wait for the call's end."""
        while not self._finished:
            self._buffer.release(self._buffer.end)  # nobody will hear it: keep nothing
            self._work.clear()
            await self._work.wait()
        reason: Reason = "recogniser-rejected" if self._rejected else "recogniser-unreachable"
        end = self._buffer.end
        lacking = {track: start for track, start in self._covered.items() if start < end}
        if len(set(lacking.values())) == 1 and len(lacking) == len(TRACKS):
            self._emit(Loss(self._heard, end, None, reason))
            return
        for track, start in lacking.items():
            self._emit(Loss(start, end, track, reason))


@dataclass(slots=True)
class _Link:
    """
    One connection, as the session sees it.

    Attributes:
        request_id: Deepgram's name for it.
        replaying: It is behind the call, and sends what was kept.
        on_trial: The breaker waits to hear whether it is of use.
        heard_of: Something was said on it.
        sent: What it was sent, and where that lies on the call clock.
        unanswered: Seconds of flowing audio since the last results.
        answered_close: All was said that there is to say: a close is an end, not a failure.
    """

    request_id: str | None = None
    replaying: bool = False
    on_trial: bool = True
    heard_of: bool = False
    sent: SentAudio = field(default_factory=SentAudio)
    opened: float = 0.0
    closed: float = 0.0
    unanswered: float = 0.0
    stalled: bool = False
    asked_to_close: bool = False
    answered_close: bool = False
    _flowing: bool = False
    _sending: bool = False

    @property
    def lived(self) -> float:
        """How many seconds it was open."""
        return self.closed - self.opened

    async def send(self, connection: ClientConnection, message: str | bytes) -> None:
        """Send; a peer that does not read is waited for, and watched."""
        self._sending = True
        await connection.send(message)
        self._sending = False
        self._flowing = self._flowing or isinstance(message, bytes)

    def tick(self, seconds: float, *, waiting: bool) -> None:
        """Count time, if audio flows, is stuck, or waits for the connection's end."""
        if self._flowing or self._sending or waiting:
            self.unanswered += seconds
        self._flowing = False


class _Connect(connect):
    """A handshake that is not taken elsewhere: the key is for the host that was set."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def _reschedule(timeout: asyncio.Timeout, when: float) -> None:
    """Move a deadline, unless it has passed: then what it cuts short is on its way out."""
    if not timeout.expired():
        timeout.reschedule(when)


def _request_id(connection: ClientConnection) -> str | None:
    response: Any = connection.response
    value: str | None = response.headers.get("dg-request-id") if response is not None else None
    return value


def _authorization(key: str) -> str:
    """Short-lived tokens are JWTs and go as Bearer; API keys go as Token."""
    return f"{'Bearer' if key.startswith('eyJ') else 'Token'} {key}"
