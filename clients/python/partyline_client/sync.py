"""
The same client for programs without a loop of their own.

The asynchronous client does the work, in a thread; here is nothing but the way to it.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from ssl import SSLContext
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from partyline_client import client, subscription
from partyline_client.backoff import Backoff
from partyline_client.errors import NotOpen
from partyline_client.messages import Event, State

T = TypeVar("T")
HINT = "the client is not open: `with Partyline(…) as client:`"


class Subscription:
    """What is followed of a service: an iterator of events, as the asynchronous one is."""

    def __init__(self, followed: subscription.Subscription, runner: "_Runner") -> None:
        self._followed = followed
        self._runner = runner

    @property
    def state(self) -> State:
        """Whether what was delivered is what is being said now."""
        return self._followed.state

    def __iter__(self) -> Iterator[Event]:
        """
        Yield what comes, until it is over or the client is closed.

        Raises:
            NotOpen: it is not open.
        """
        self._runner.check_open()
        events = self._followed.__aiter__()
        # What was interrupted, as by Ctrl-C, has to end before the rest is closed. It may not know:
        # an interrupt can come before this thread has anything to cancel.
        in_turn = asyncio.Lock()
        waiting: asyncio.Task[Any] | None = None

        async def following() -> Event | None:
            nonlocal waiting
            async with in_turn:
                waiting = asyncio.current_task()
                try:
                    return await anext(events, None)
                finally:
                    waiting = None

        async def closing() -> None:
            if waiting is not None and not waiting.cancelling():
                waiting.cancel()
            async with in_turn:
                await events.aclose()

        try:
            while (event := self._runner.run(following())) is not None:
                yield event
        except (CancelledError, NotOpen):
            pass  # the client was closed, by another thread
        finally:
            with suppress(CancelledError, NotOpen):
                self._runner.run(closing())


class Partyline:
    """
    Reads the calls of a service, from any thread::

        with Partyline("https://calls.example.com", token) as client:
            for message in client.call("CA…"):
                if isinstance(message, Final):
                    print(message.track, message.transcript)

    Arguments and methods are those of :class:`partyline_client.Partyline`; a function that returns
    a token runs in a thread, and may block.
    """

    def __init__(
        self,
        url: str,
        token: str | Callable[[], str] | None = None,
        *,
        backoff: Backoff | None = None,
        tls: SSLContext | None = None,
        proxy: str | Literal[True] | None = None,
    ) -> None:
        self._runner = _Runner()
        given = token if token is None or isinstance(token, str) else _in_a_thread(token)
        self._client = client.Partyline(url, given, backoff=backoff, tls=tls, proxy=proxy)

    def __enter__(self) -> Self:
        self._runner.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; whoever still iterates, ends."""
        with suppress(NotOpen):
            self._runner.run(self._client.close())
        self._runner.stop()

    def call(
        self, call_sid: str, *, since: int | Literal["live"] = 0, interim: bool = True
    ) -> Subscription:
        """Follow one call, until it is over."""
        return Subscription(self._client.call(call_sid, since=since, interim=interim), self._runner)

    def number(self, number: str, *, interim: bool = True) -> Subscription:
        """Follow the calls from or to a number, those that live and those to come."""
        return Subscription(self._client.number(number, interim=interim), self._runner)

    def calls(self) -> Subscription:
        """Follow the list of live calls."""
        return Subscription(self._client.calls(), self._runner)


class _Runner:
    """A loop in a thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """
        Start the thread; returns once its loop runs.

        Raises:
            NotOpen: it was stopped before.
        """
        if self._stopped.is_set():
            raise NotOpen("the client was closed")
        running = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(running)), name="partyline", daemon=True
        )
        self._thread.start()
        running.wait()

    def check_open(self) -> None:
        """Raise NotOpen if there is no loop."""
        if self._loop is None:
            raise NotOpen(HINT)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """
        Run something on the loop, and wait for it.

        Raises:
            NotOpen: there is no loop.
            CancelledError: it was stopped meanwhile.
        """
        if (loop := self._loop) is None:
            work.close()
            raise NotOpen(HINT)
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """End the thread; what still runs on its loop is cancelled."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._loop = None
            self._thread.join()

    async def _serve(self, running: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        running.set()
        await self._stopped.wait()


def _in_a_thread(ask: Callable[[], str]) -> Callable[[], Awaitable[str]]:
    return lambda: asyncio.to_thread(ask)
