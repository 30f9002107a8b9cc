"""
One handshake with Deepgram at the start: a key that is wrong is known before a call is lost to it.

It sends no audio, so it costs nothing. What it finds is said in the log and in the metrics, and the
service goes on: calls may be carried and recorded as untranscribed, or another key be on its way.
"""

import asyncio
import random
from typing import Self

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from broker import supervise
from handler.deepgram.connection import CLOSE_STREAM, Dialer
from handler.deepgram.retry import Breaker
from handler.errors import DeepgramError

# How long Deepgram may take to close what was opened in vain.
CLOSE_SECONDS = 5.0
# Between two attempts at a host that cannot be reached: each twice as long as the one before.
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0

_log = structlog.get_logger()


class StartCheck:
    """
    Asks Deepgram once whether it takes the key and the options, and again only while it is away.

    An async context manager that opens at once; leaving it ends the asking, and so does the first
    answer that a call gets.
    """

    def __init__(
        self, dialer: Dialer, breaker: Breaker, *, first_pause: float = FIRST_PAUSE
    ) -> None:
        self._dialer = dialer
        self._breaker = breaker
        self._pause = first_pause
        self._reported = False  # that it is away
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = supervise.start(self._ask_until_answered(), "deepgram check")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            await supervise.end(self._task)

    async def _ask_until_answered(self) -> None:
        while not self._breaker.answered:
            await self._ask()
            # Many processes may have been started at once.
            await asyncio.sleep(self._pause * random.uniform(0.5, 1))  # noqa: S311  not a secret
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    async def _ask(self) -> None:
        try:
            socket, trial = await self._dialer.open(lambda _: None)
        except DeepgramError as exc:
            if not (exc.retry and self._reported):
                self._report(exc)
            self._reported = True
        else:
            trial.gave_up()  # a handshake alone proves nothing of the recogniser
            _log.info("deepgram takes the key")
            await hang_up(socket)

    def _report(self, exc: DeepgramError) -> None:
        say = _log.warning if exc.retry else _log.error
        event = "deepgram cannot be reached" if exc.retry else "deepgram refuses: no call is heard"
        say(event, reason=exc.reason, advice=exc.advice, request_id=exc.request_id)


async def hang_up(socket: ClientConnection) -> None:
    """End a connection as Deepgram wants it, lest it count among the open ones for a while."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.send(CLOSE_STREAM)
            await socket.wait_closed()
    except (ConnectionClosed, TimeoutError):
        pass
    finally:
        socket.transport.abort()
