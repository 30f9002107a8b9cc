"""
Twilio on this machine: accounts with numbers and calls, and the REST API that they are used by.

    account = Account()
    async with TwilioStandIn(account) as twilio:
        account.add_number("+15550100002", voice_url="http://127.0.0.1:8080/twilio/voice")
        call = twilio.call("+15550100002", "+15550100001", inbound=caller, outbound=callee)
        await call.over.wait()
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Self

import uvicorn

from rehearsal.twilio.account import Account
from rehearsal.twilio.exchange import Exchange
from rehearsal.twilio.reach import Reach
from rehearsal.twilio.rest import Load, Rest
from rehearsal.twilio.running_call import RunningCall
from rehearsal.twilio.webhooks import Webhooks

# What still runs when the stand-in ends gets so long: streams that close, callbacks on their way.
END_SECONDS = 10.0
# A connection that is not used is kept for longer than any client keeps it.
KEEP_SECONDS = 60


class TwilioStandIn:
    """
    Serves the REST API of accounts, and runs their calls. An async context manager.

    Args:
        accounts: Whose; one that is new, if none is given.
        host: Where the API listens.
        port: Likewise; 0 for a free one.
        reach: Which public names lead elsewhere.
        trust: Whose certificates are trusted; by default those that this machine trusts.
        report: Called with a line for people at each event.
    """

    def __init__(
        self,
        *accounts: Account,
        host: str = "127.0.0.1",
        port: int = 0,
        reach: Reach | None = None,
        trust: ssl.SSLContext | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.url = ""
        self.accounts = {account.sid: account for account in accounts or (Account(),)}
        self._address = host, port
        self.webhooks = Webhooks(reach=reach, trust=trust, report=report)
        self.exchange = Exchange(self.webhooks, self._spawn, report)
        self._rest = Rest(self.accounts, self.exchange)
        self._stack = contextlib.AsyncExitStack()
        self._tasks: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[None]] = set()

    @property
    def account(self) -> Account:
        """The first of the accounts."""
        return next(iter(self.accounts.values()))

    @property
    def load(self) -> Load:
        """How busy the API is; may be changed at any time."""
        return self._rest.load

    def call(
        self,
        to: str,
        from_: str,
        *,
        inbound: bytes = b"",
        outbound: bytes = b"",
        call_sid: str | None = None,
    ) -> RunningCall:
        """
        Have a call come in at a number of the first account.

        Args:
            to: The number.
            from_: Who calls.
            inbound: mu-law samples of what they say, once the conversation begins: when somebody
                who is dialled answers, or at a ``<Pause>``.
            outbound: What is said to them. The caller hangs up when both recordings are over;
                without any, nobody does.
            call_sid: By default a new one.
        """
        return self.exchange.call_in(
            self.account, to, from_, recordings=(inbound, outbound), call_sid=call_sid
        )

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self.webhooks)
            self._tasks = await stack.enter_async_context(asyncio.TaskGroup())
            stack.push_async_callback(self._end_calls)
            listener = socket.create_server(self._address)
            config = uvicorn.Config(
                self._rest.app,
                lifespan="off",
                log_config=None,
                timeout_keep_alive=KEEP_SECONDS,
                timeout_graceful_shutdown=2,
            )
            server = _Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            stack.push_async_callback(_stop, server, serving)
            await server.up.wait()
            self.url = f"http://{self._address[0]}:{listener.getsockname()[1]}"
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        try:
            return await self._stack.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            if group.exceptions == (error,):
                return False  # no defect of a call's: it goes on as it came
            raise

    def _spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        if self._tasks is None:
            work.close()
            raise RuntimeError("the stand-in is not open")
        task = self._tasks.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def hang_up(self) -> None:
        """Have everybody hang up."""
        for account in self.accounts.values():
            for call in account.calls.values():
                call.hang_up()

    async def _end_calls(self) -> None:
        """Have everybody hang up, and wait for what that brings about; callbacks bring no more."""
        self.hang_up()
        loop = asyncio.get_running_loop()
        end = loop.time() + END_SECONDS
        while self._running and loop.time() < end:
            await asyncio.wait(set(self._running), timeout=end - loop.time())
        for task in self._running:
            task.cancel()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs this."""
        yield


async def _stop(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    server.should_exit = True
    await serving
