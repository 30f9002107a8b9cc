"""
The recogniser of one call: its connection to Deepgram, over as many sockets as it takes.

Audio goes in on the call clock and never waits; what Deepgram says comes out on the call clock.
Source: https://developers.deepgram.com/docs/live-streaming-audio
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from handler import results
from handler.audio import SAMPLE_RATE, TRACKS, Track, seconds
from handler.config import Settings
from handler.errors import DeepgramDisconnected, DeepgramError, DeepgramRejected
from handler.mixer import Chunk
from handler.replay import ReplayBuffer, SentAudio
from handler.results import Result, Signal

# Deepgram ends a connection that was silent for 10 s (NET-0001); it advises 3 to 5 s.
KEEPALIVE_SECONDS = 4.0
KEEPALIVE = '{"type":"KeepAlive"}'
CLOSE_STREAM = '{"type":"CloseStream"}'
OPEN_TIMEOUT = 10.0
# Deepgram throttles what comes faster than this, so a replay goes no faster.
REPLAY_SPEED = 1.25
# The same configuration gets the same answer. 403 is also a misspelt model name.
PERMANENT_STATUS = frozenset({400, 401, 402, 403, 404, 405})
# Our messages or our audio were at fault; the next connection would send the same.
PERMANENT_CLOSE = frozenset({1002, 1003, 1007, 1008})
# What it closes with once it was asked to: a code, or none.
CLEAN_CLOSE = frozenset({1000, 1005})
FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 10.0  # Deepgram's own examples cap there
# A connection that lived this long was a good one: the next attempt starts afresh.
GOOD_CONNECTION_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Down:
    """The recogniser is away; audio is kept meanwhile, as far as the buffer goes."""

    reason: str


@dataclass(frozen=True, slots=True)
class Up:
    """The recogniser answers again."""


@dataclass(frozen=True, slots=True)
class Lost:
    """
    Audio that was never transcribed, in seconds on the call clock.

    ``track`` is None when both tracks lost it.
    """

    start: float
    end: float
    track: Track | None
    reason: str


Output = Result | Signal | Down | Up | Lost


class Recogniser:
    """
    Transcribes one call.

    :meth:`send` takes audio, :meth:`flush` asks for what is still in the works, :meth:`finish`
    ends it; none of them waits. :meth:`run` does the work and returns once the last result is in,
    or the deadline behind :meth:`finish` has passed. What comes out goes to ``emit``, which must
    not block. Deepgram being away ends nothing: audio is kept (``replay_seconds``) and replayed,
    and what could not be kept is emitted as :class:`Lost`.
    """

    def __init__(self, settings: Settings, emit: Callable[[Output], None], call_sid: str) -> None:
        self._emit = emit
        self._url = f"{settings.deepgram_url}/v1/listen?{urlencode(settings.deepgram_options)}"
        self._headers = {"Authorization": _authorization(settings.deepgram_api_key)}
        self._close_seconds = settings.close_seconds
        self._log = structlog.get_logger().bind(call_sid=call_sid)
        self._buffer = ReplayBuffer(capacity=int(settings.replay_seconds * SAMPLE_RATE))
        self._covered = dict.fromkeys(TRACKS, 0)  # samples: finals of the track reach this far
        self._work = asyncio.Event()  # something changed that the sender waits for
        self._flushing = False
        self._finished = False
        self._rejected: str | None = None
        self._down = False
        self._deadline: float | None = None  # loop time by which a finished call must be done
        self._connection_timeout: asyncio.Timeout | None = None
        self.unreadable = 0

    # What the call does with it: nothing here waits.

    @property
    def covered(self) -> dict[Track, float]:
        """How far the finals of each track reach, in seconds on the call clock."""
        return {track: seconds(samples) for track, samples in self._covered.items()}

    @property
    def audio_end(self) -> float:
        """Where the audio ends that was sent so far, in seconds on the call clock."""
        return seconds(self._buffer.end)

    def send(self, chunk: Chunk) -> None:
        """Take the next piece of the call, its ``start`` on the call clock."""
        if self._buffer.end == 0:
            self._covered = dict.fromkeys(TRACKS, chunk.start)  # nothing before it is ours
        self._flushing = False
        self._buffer.append(chunk)
        self._work.set()

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
        self._deadline = loop.time() + self._close_seconds + backlog / REPLAY_SPEED
        if self._connection_timeout is not None:  # it may be stuck, and see nothing of this
            self._connection_timeout.reschedule(self._deadline)
        self._work.set()

    async def run(self) -> None:
        """Connect when there is audio, as often as needed, until the call is transcribed."""
        failures = 0
        while await self._wanted():
            opened = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout_at(self._deadline) as deadline:
                    self._connection_timeout = deadline
                    try:
                        await self._connect_and_converse(deadline, replaying=failures > 0)
                    finally:
                        self._connection_timeout = None
                failures = 0
            except TimeoutError:
                # Finished: what is missing is reported. Else: what is missing is replayed.
                self._log.warning("deepgram did not close", waited=self._close_seconds)
                if not self._finished:
                    failures += 1
                    await self._back_off(failures)
            except DeepgramRejected as exc:
                self._went_down(exc)
                self._rejected = exc.reason
                break
            except DeepgramDisconnected as exc:
                self._went_down(exc)
                lived = asyncio.get_running_loop().time() - opened
                failures = 1 if lived >= GOOD_CONNECTION_SECONDS else failures + 1
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

    async def _connect_and_converse(self, deadline: asyncio.Timeout, *, replaying: bool) -> None:
        try:
            connection = await connect(
                self._url,
                additional_headers=self._headers,
                compression=None,
                open_timeout=OPEN_TIMEOUT,
                max_size=2**20,
                proxy=None,  # settings come from Settings alone, not from the environment
            )
        except (OSError, InvalidHandshake) as exc:  # TimeoutError is an OSError
            raise judge_handshake(exc) from exc
        try:
            await self._converse(connection, deadline, replaying=replaying)
        finally:
            # At once: a peer that did not close by itself has nothing more to say.
            connection.transport.abort()
            await connection.wait_closed()

    async def _converse(
        self, connection: ClientConnection, deadline: asyncio.Timeout, *, replaying: bool
    ) -> None:
        request_id = _request_id(connection)
        self._log.info("deepgram connected", request_id=request_id)
        sent = SentAudio()
        sender = asyncio.create_task(self._send_audio(connection, sent, deadline, replaying))
        try:
            async for text in connection:
                self._receive(text, sent)
        except ConnectionClosed:
            pass  # judged below, with the code that it left
        finally:
            sender.cancel()
            with suppress(asyncio.CancelledError, ConnectionClosed):
                await sender
        asked = sender.done() and not sender.cancelled() and sender.exception() is None
        if asked and connection.close_code in CLEAN_CLOSE:
            # Deepgram has answered all that it was sent, also where it found nothing to say.
            for track in TRACKS:
                self._cover(track, sent.end)
            self._log.info("deepgram done", request_id=request_id, seconds=seconds(sent.samples))
            return
        raise judge_close(connection.close_code, connection.close_reason, request_id)

    async def _send_audio(
        self,
        connection: ClientConnection,
        sent: SentAudio,
        deadline: asyncio.Timeout,
        replaying: bool,
    ) -> None:
        """Send from where the finals end, then live; CloseStream behind the last byte."""
        loop = asyncio.get_running_loop()
        opened = loop.time()
        backlog_end = self._buffer.end if replaying else 0
        position = self._heard
        while True:
            if lost := self._buffer.take_lost(position):
                self._emit(
                    Lost(seconds(lost.start), seconds(lost.end), None, "recogniser-unreachable")
                )
                if lost.start <= self._heard:  # told: the report at the end goes on behind it
                    for track in TRACKS:
                        self._cover(track, lost.end)
            if chunk := self._buffer.after(position):
                if chunk.start < backlog_end:
                    due = opened + seconds(sent.samples) / REPLAY_SPEED
                    await asyncio.sleep(due - loop.time())
                sent.add(chunk)  # before the await: an answer may come while it is being sent
                await connection.send(chunk.audio)
                position = chunk.end
                continue
            if self._flushing:
                break
            self._work.clear()
            try:
                await asyncio.wait_for(self._work.wait(), KEEPALIVE_SECONDS)
            except TimeoutError:
                await connection.send(KEEPALIVE)
        await connection.send(CLOSE_STREAM)
        # The deadline counts from the last byte sent, not from the wish to end.
        deadline.reschedule(loop.time() + self._close_seconds)

    def _receive(self, text: str | bytes, sent: SentAudio) -> None:
        try:
            message = results.parse(text, sent)
        except results.UnreadableResult as exc:
            self.unreadable += 1
            if self.unreadable == 1:
                self._log.warning("unreadable message from deepgram", problem=str(exc)[:200])
            return
        match message:
            case Result():
                self._came_up()
                self._take(message, sent.end)
            case Signal():
                self._emit(message)
            case results.Ignored("Error", detail):
                self._log.warning("deepgram reports an error", detail=detail)
            case results.Metadata() | results.Ignored():
                pass  # the summary before the close, or a type that is new to us

    def _take(self, result: Result, sent_end: int) -> None:
        """Pass a result on; of a final only what was not published before."""
        if not result.is_final:
            self._emit(result)
            return
        fresh = results.trim(result, seconds(self._covered[result.track]))
        # No final covers what was not sent, whatever it says.
        self._cover(result.track, min(round(result.end * SAMPLE_RATE), sent_end))
        if fresh is not None:
            self._emit(fresh)

    def _cover(self, track: Track, until: int) -> None:
        self._covered[track] = max(self._covered[track], until)
        self._buffer.release(self._heard)

    def _went_down(self, error: DeepgramError) -> None:
        self._log.warning(
            "deepgram lost", reason=error.reason, request_id=error.request_id, retry=error.retry
        )
        if not self._down:
            self._down = True
            self._emit(Down(error.reason))

    def _came_up(self) -> None:
        if self._down:
            self._down = False
            self._emit(Up())

    async def _back_off(self, failures: int) -> None:
        """Wait before the next attempt: exponential, capped, with full jitter."""
        longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(failures - 1, 10))
        delay = random.uniform(0, longest)  # noqa: S311  not a secret
        if self._deadline is not None:
            delay = min(delay, self._deadline - asyncio.get_running_loop().time())
        await asyncio.sleep(delay)

    async def _report_rest(self) -> None:
        """Say what was never transcribed. If Deepgram refused us, first wait for the call's end."""
        while not self._finished:
            self._buffer.release(self._buffer.end)  # nobody will hear it: keep nothing
            self._work.clear()
            await self._work.wait()
        reason = "recogniser-rejected" if self._rejected else "recogniser-unreachable"
        end = self._buffer.end
        lacking = {track: start for track, start in self._covered.items() if start < end}
        if len(set(lacking.values())) == 1 and len(lacking) == len(TRACKS):
            self._emit(Lost(seconds(self._heard), seconds(end), None, reason))
            return
        for track, start in lacking.items():
            self._emit(Lost(seconds(start), seconds(end), track, reason))


def judge_handshake(exc: Exception) -> DeepgramError:
    """Say of a connection that did not open whether another attempt is worth it."""
    if not isinstance(exc, InvalidStatus):
        return DeepgramDisconnected(f"cannot connect: {str(exc) or type(exc).__name__}")
    response = exc.response
    detail = response.headers.get("dg-error", "")
    reason = f"HTTP {response.status_code}{': ' + detail if detail else ''}"
    request_id = response.headers.get("dg-request-id")
    if response.status_code in PERMANENT_STATUS:
        return DeepgramRejected(reason, request_id)
    return DeepgramDisconnected(reason, request_id)


def judge_close(code: int | None, reason: str | None, request_id: str | None) -> DeepgramError:
    """Say of a connection that ended unasked whether another attempt is worth it."""
    detail = f"closed with {code or 1006}{': ' + reason if reason else ''}"
    if code in PERMANENT_CLOSE:
        return DeepgramRejected(detail, request_id)
    return DeepgramDisconnected(detail, request_id)


def _request_id(connection: ClientConnection) -> str | None:
    response: Any = connection.response
    value: str | None = response.headers.get("dg-request-id") if response is not None else None
    return value


def _authorization(key: str) -> str:
    """Short-lived tokens are JWTs and go as Bearer; API keys go as Token."""
    return f"{'Bearer' if key.startswith('eyJ') else 'Token'} {key}"
