"""
One connection to Deepgram: opened, heard, watched, and closed; what is sent on it is the sender's.

Source: https://developers.deepgram.com/docs/live-streaming-audio
"""

import asyncio
import random
import ssl
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlencode

from structlog.typing import FilteringBoundLogger as BoundLogger
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.config import Settings
from handler.deepgram import messages
from handler.deepgram.coverage import Coverage
from handler.deepgram.messages import Result, Signal
from handler.deepgram.replay import SentAudio
from handler.deepgram.results import UnreadableResult
from handler.deepgram.retry import Breaker, Trial, judge
from handler.deepgram.sender import Demand, Sender
from handler.deepgram.socket import DeepgramSocket
from handler.deepgram.timing import StallWatch, Timing
from handler.deepgram_options import Pairs
from handler.errors import DeepgramDisconnected, OptionsRejected

CLOSE_STREAM = '{"type":"CloseStream"}'
# What it closes with once it was asked to: a code, or none.
CLEAN_CLOSE = frozenset({1000, 1005})
MAX_MESSAGE = 2**20


class Receiver(Protocol):
    """Who takes what a connection brings; nothing here may block."""

    def receive(self, message: Result | Signal, sent_end: int) -> None:
        """Take a message of a connection that was sent audio up to ``sent_end``."""

    def receive_unreadable(
        self, problem: UnreadableResult, sent_end: int, request_id: str | None
    ) -> None:
        """Take note of a message that could not be read; audio was sent up to ``sent_end``."""

    def receive_unknown(self, kind: str) -> None:
        """Take note of a message of a type that is new to us."""

    def lose(self, loss: Loss) -> None:
        """Take note of audio that fell out of the buffer before it could be sent."""


class Dialer:
    """Opens connections, when the breaker that all calls share lets it."""

    def __init__(
        self, settings: Settings, breaker: Breaker, timing: Timing, options: Pairs | None = None
    ) -> None:
        """Connect with the options of one call, if it brought any, or with the service's own."""
        own = _listen_url(settings.deepgram_url, settings.deepgram_options)
        self._url = own if options is None else _listen_url(settings.deepgram_url, options)
        self._other_url = None if options is None else own
        self._headers = {"Authorization": _authorization(settings.deepgram_api_key)}
        self._breaker = breaker
        self._timeout = timing.open

    async def open(self, held_back: Callable[[str], None]) -> tuple[DeepgramSocket, Trial]:
        """
        Open a connection; its trial is to be settled by whoever uses it.

        Args:
            held_back: Called once, with the reason, if others' failures let this call wait.

        Raises:
            OptionsRejected: not with the options of the call; the next attempt is without them.
            DeepgramError: it could not be opened.
        """
        loop = asyncio.get_running_loop()
        reported = False
        while wait := self._breaker.admit(loop.time()):
            if not reported:
                reported = True
                held_back(self._breaker.reason)
            await asyncio.sleep(wait * random.uniform(1, 1.5))  # noqa: S311  not a secret
        trial = Trial(self._breaker)
        try:
            socket: Any = await _Connect(
                self._url,
                create_connection=DeepgramSocket,
                additional_headers=self._headers,
                compression=None,
                open_timeout=self._timeout,
                max_size=MAX_MESSAGE,
                ssl=_tls() if self._url.startswith("wss:") else None,
                proxy=None,  # settings come from Settings alone, not from the environment
            )
        except (OSError, WebSocketException, ValueError) as exc:  # TimeoutError is an OSError
            error = judge(exc, None, options_of_call=self._other_url is not None)
            if isinstance(error, OptionsRejected) and self._other_url is not None:
                # What one call brought is no news of Deepgram for the others.
                trial.gave_up()
                self._url, self._other_url = self._other_url, None
                raise error from exc
            self._breaker.accepted = False
            if error.retry:
                trial.failed(loop.time(), error.reason)
            else:
                self._breaker.answered = True
                trial.succeeded()
            raise error from exc
        except BaseException:
            trial.gave_up()
            raise
        self._breaker.answered = self._breaker.accepted = True
        return socket, trial


class Connection:
    """
    One connection, from its handshake to its close.

    :meth:`run` sends from where the finals end, then live, and returns once it is closed, by
    whomever; :meth:`check_end` says whether that was an end or a failure.

    Attributes:
        request_id: Deepgram's name for it.
        asked_to_close: Deepgram was told that no more will come.
    """

    def __init__(
        self,
        socket: DeepgramSocket,
        trial: Trial,
        coverage: Coverage,
        demand: Demand,
        receiver: Receiver,
        *,
        timing: Timing,
        replaying: bool,
        log: BoundLogger,
    ) -> None:
        self.request_id = _request_id(socket)
        self.asked_to_close = False
        self._socket = socket
        self._trial = trial
        self._coverage = coverage
        self._receiver = receiver
        self._timing = timing
        self._sent = SentAudio()
        self._stall = StallWatch(timing.stall)
        self._sender = Sender(
            socket,
            coverage,
            demand,
            self._sent,
            self._stall,
            receiver.lose,
            timing=timing,
            replaying=replaying,
        )
        self._log = log
        self._defect: Exception | None = None  # in hearing
        self._answered_close = False  # all was said that there is to say
        self._opened = asyncio.get_running_loop().time()
        self._closed: float | None = None

    @property
    def lived(self) -> float:
        """How many seconds it was open."""
        return 0.0 if self._closed is None else self._closed - self._opened

    @property
    def sent(self) -> SentAudio:
        """What it was sent, and where that lies on the call clock."""
        return self._sent

    def offer(self, chunk: Chunk) -> bool:
        """Send the newest chunk at once, if that can be; see :meth:`Sender.offer`."""
        return self._sender.offer(chunk)

    async def run(self, deadline: asyncio.Timeout, close_seconds: float) -> None:
        """
        Send and receive until it is closed.

        Args:
            deadline: Moved, once no more is to be sent, to ``close_seconds`` from then.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.TaskGroup() as tasks:
                others = (
                    tasks.create_task(self._send_all(deadline, close_seconds)),
                    tasks.create_task(self._watch()),
                )
                await self._receive_all()
                for task in others:
                    task.cancel()
        finally:
            # At once: a peer that did not close by itself has nothing more to say.
            self._socket.transport.abort()
            try:
                await self._socket.wait_closed()
            finally:
                self._closed = loop.time()
                self._socket.hear = None  # each would hold the other until the collector comes
                self._settle_trial()

    def check_end(self) -> None:
        """
        Judge how it ended.

        Raises:
            DeepgramError: not as it was asked to.
        """
        if self._stall.stalled:
            reason = f"no results for {self._timing.stall:g} s while audio flows"
            raise DeepgramDisconnected(reason, self.request_id)
        socket = self._socket
        code = socket.close_code if socket.protocol.close_rcvd_then_sent else None
        if not self._answered_close or code not in CLEAN_CLOSE:
            raise judge((code, socket.close_reason), self.request_id)

    # Out

    async def _send_all(self, deadline: asyncio.Timeout, close_seconds: float) -> None:
        try:
            await self._sender.run()
            self.asked_to_close = True
            await self._sender.say(CLOSE_STREAM)
        except ConnectionClosed:
            return  # judged by the code that it left
        # The deadline counts from the last byte sent, not from the wish to end.
        move(deadline, asyncio.get_running_loop().time() + close_seconds)

    # In

    async def _receive_all(self) -> None:
        self._socket.hear = self._hear
        try:
            async for text in self._socket:
                self._receive(text)
        except ConnectionClosed:
            pass  # judged by the code that it left
        if self._defect is not None:
            raise self._defect

    def _hear(self, text: str | bytes) -> None:
        """Take a message as it comes: a defect of ours is none of the socket's."""
        if self._defect is not None:
            return  # what came behind it in one go
        try:
            self._receive(text)
        except Exception as exc:  # noqa: BLE001  raised where the connection is waited for
            self._defect = exc
            self._socket.transport.abort()

    def _receive(self, text: str | bytes) -> None:
        try:
            message = messages.parse(text, self._sent)
        except UnreadableResult as exc:
            if exc.track is not None:  # a result, all the same
                self._stall.note_results()
            self._receiver.receive_unreadable(exc, self._sent.end, self.request_id)
            return
        match message:
            case Result():
                self._stall.note_results()
                self._trial.succeeded()
                self._receiver.receive(message, self._sent.end)
            case Signal():
                self._receiver.receive(message, self._sent.end)
            case messages.Ignored("Error", detail):
                self._log.warning(
                    "deepgram reports an error", detail=detail, request_id=self.request_id
                )
            case messages.Metadata():
                # The summary is Deepgram's last word: results may have been under way anyway.
                self._answered_close = self.asked_to_close
                self._stall.has_results = True
            case messages.Ignored(kind):
                self._receiver.receive_unknown(kind)

    async def _watch(self) -> None:
        """Give up a connection that takes audio and says nothing of it."""
        step = self._timing.stall / 8
        loop = asyncio.get_running_loop()
        while not self._stall.stalled:
            await asyncio.sleep(step)
            # Audio that came after a flush waits for this connection to be closed.
            waiting = self.asked_to_close and self._coverage.end > self._sent.end
            self._stall.tick(step, waiting=waiting)
            if loop.time() - self._opened > self._timing.stall:
                self._settle_trial()  # others may try, whatever becomes of this one
        self._socket.transport.abort()

    def _settle_trial(self) -> None:
        """Tell the breaker of it: a handshake alone proves nothing."""
        if self._stall.has_results:
            self._trial.succeeded()
        elif self._closed is not None and not self.asked_to_close:
            self._trial.failed(self._closed, "connections close without a result")
        else:
            self._trial.gave_up()


@cache
def _tls() -> ssl.SSLContext:
    """
    Return what all connections by TLS share.

    Left to the library each would have one of its own: 0.8 MB of certificates for each call, and
    25 ms in which all other calls wait.
    """
    return ssl.create_default_context()


class _Connect(connect):
    """A handshake that is not redirected: the key is for the host that was set."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def move(timeout: asyncio.Timeout, when: float) -> None:
    """Move a deadline, unless it has passed: then what it cuts short is on its way out."""
    if not timeout.expired():
        timeout.reschedule(when)


def _listen_url(host: str, options: Pairs) -> str:
    return f"{host}/v1/listen?{urlencode(options)}"


def _request_id(socket: DeepgramSocket) -> str | None:
    response: Any = socket.response
    value: str | None = response.headers.get("dg-request-id") if response is not None else None
    return value


def _authorization(key: str) -> str:
    """Short-lived tokens are JWTs and go as Bearer; API keys go as Token."""
    return f"{'Bearer' if key.startswith('eyJ') else 'Token'} {key}"
