"""A client of one service."""

from ssl import SSLContext
from types import TracebackType
from typing import Literal, Self

from partyline_client.backoff import Backoff
from partyline_client.connection import Connections
from partyline_client.credentials import Ask, Credentials
from partyline_client.progress import CallsOfNumber, ListOfCalls, OneCall
from partyline_client.subscription import Subscription

LIVE: Literal["live"] = "live"


class Partyline:
    """
    Reads the calls of a service::

        async with Partyline("https://calls.example.com", token) as client:
            async for message in client.call("CA…"):
                if isinstance(message, Final):
                    print(message.track, message.transcript)

    Leaving the block closes all connections; whoever still iterates, ends. Each thing that is
    followed has a connection of its own, as long as it is iterated over.

    Args:
        url: The service, http(s):// or ws(s)://.
        token: What opens it; or a function that returns a fresh one, or an awaitable of one. It is
            called for each connection, and before its token ends; it must not block the loop. None
            for a service that takes everybody.
        backoff: How long to wait before coming back.
        tls: Whom to trust; None is whom this machine trusts.
        proxy: The address of a proxy on the way; True is that of the environment.

    Raises:
        ValueError: ``url`` is no such address.
    """

    def __init__(
        self,
        url: str,
        token: str | Ask | None = None,
        *,
        backoff: Backoff | None = None,
        tls: SSLContext | None = None,
        proxy: str | Literal[True] | None = None,
    ) -> None:
        self._connections = Connections(url, Credentials(token), tls=tls, proxy=proxy)
        self._backoff = backoff or Backoff()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; whoever still iterates, ends."""
        await self._connections.close()

    def call(
        self, call_sid: str, *, since: int | Literal["live"] = 0, interim: bool = True
    ) -> Subscription:
        """
        Follow one call, until it is over.

        A call that nobody knows yet is awaited for some seconds (30, unless the service is set
        otherwise).

        Args:
            call_sid: The call, or a child leg of it.
            since: The last ``seq`` that was read; ``live`` skips the past.
            interim: Whether interims are wanted.
        """
        after = None if since == LIVE else since
        return self._subscription(OneCall(call_sid, since=after, interim=interim))

    def number(self, number: str, *, interim: bool = True) -> Subscription:
        """
        Follow the calls from or to a number, such as +15551230000: those that live, each from its
        beginning, and those to come. A call that cannot be read is a ``Refusal`` among the others.
        """
        return self._subscription(CallsOfNumber(number, interim=interim))

    def calls(self) -> Subscription:
        """Follow the list of live calls: ``Calls``, whole, now and whenever it is another one."""
        return self._subscription(ListOfCalls())

    def _subscription(self, progress: OneCall | CallsOfNumber | ListOfCalls) -> Subscription:
        return Subscription(self._connections, progress, self._backoff)
