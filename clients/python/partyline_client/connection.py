"""Connections to a service: each is opened with a good token, and renews it before it ends."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from ssl import SSLContext
from typing import Any, Literal
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from partyline_client.credentials import Credentials, renew_in
from partyline_client.errors import NotOpen, NotPartyline
from partyline_client.messages import Message, Renewed
from partyline_client.wire import Unreadable, greeting, parse

# A service begins at once; what says nothing for so long is none.
GREETING_SECONDS = 10.0
# A line that says nothing for so long is asked whether it is there, and has so long to say so.
PING_SECONDS, ANSWER_SECONDS = 20.0, 5.0
# The list of live calls may be long; all else is small.
MAX_MESSAGE = 16 * 1024 * 1024
# A callback that gives no token, or always the same, is asked again no sooner.
ASK_AGAIN_SECONDS = 1.0
_SOCKETS = {"http": "ws", "https": "wss"}


def client_url(url: str) -> str:
    """
    Turn the address of a service, http(s):// or ws(s)://, into that of its ``/client``.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(url)
    scheme = _SOCKETS.get(parts.scheme, parts.scheme)
    if scheme not in _SOCKETS.values() or not parts.hostname:
        raise ValueError("the address of a service is like https://calls.example.com")
    path = parts.path.rstrip("/")
    return f"{scheme}://{parts.netloc}{path if path.endswith('/client') else path + '/client'}"


class Connection:
    """
    One socket, which the service has greeted.

    Attributes:
        live: The calls that live, of those that the token may see.
    """

    def __init__(self, socket: ClientConnection, live: Sequence[str]) -> None:
        self.live = live
        self._socket = socket

    async def say(self, commands: Sequence[str]) -> None:
        """Send commands; raises ConnectionClosed."""
        for command in commands:
            await self._socket.send(command)

    async def receive(self) -> Message:
        """
        Wait for the next message.

        Raises:
            ConnectionClosed: however it was closed.
            NotPartyline: it is none.
        """
        while True:
            try:
                message = parse(await self._socket.recv(decode=True))
            except (Unreadable, UnicodeDecodeError) as exc:
                raise NotPartyline(str(exc)) from exc
            if not isinstance(message, Renewed):
                return message

    async def keep_renewed(self, credentials: Credentials, token: str) -> None:
        """Show a fresh token before the last one ends, again and again."""
        while (wait := renew_in(token, time.time())) is not None:
            await asyncio.sleep(wait)
            # A connection that has closed is told to whoever receives. What the callback raises is
            # not raised as long as the last token is good: the next connection needs another one.
            with suppress(Exception):
                token = await credentials.token() or ""
                await self._socket.send(json.dumps({"token": token}))
            await asyncio.sleep(ASK_AGAIN_SECONDS)


class Connections:
    """
    What opens connections to one service, and closes those that are open.

    Args:
        url: The service.
        credentials: What opens it.
        tls: Whom to trust, for https:// and wss://; None is whom this machine trusts.
        proxy: The address of a proxy on the way; True is that of the environment.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        tls: SSLContext | None = None,
        proxy: str | Literal[True] | None = None,
    ) -> None:
        self.credentials = credentials
        self._url = client_url(url)
        self._proxy = proxy
        # Not given is another thing than None, of which the library makes an error.
        self._tls: dict[str, Any] = {} if tls is None else {"ssl": tls}
        self._open: set[ClientConnection] = set()
        self._closed = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Whether nobody reads any longer."""
        return self._closed.is_set()

    def check_open(self) -> None:
        """Raise NotOpen if all is closed."""
        if self.closed:
            raise NotOpen("the client was closed")

    async def close(self) -> None:
        """Close what is open; who reads, ends."""
        self._closed.set()
        await asyncio.gather(*(socket.close() for socket in self._open))

    async def pause(self, seconds: float) -> bool:
        """Wait for so long, or until all is closed; returns whether it is not."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        return not self.closed

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Connection]:
        """
        Open a connection.

        Raises:
            ConnectionClosed, InvalidHandshake, InvalidURI, OSError: there is none.
            NotPartyline: something else answers.
            Exception: whatever the callback for a token raises.
        """
        token = await self.credentials.token()
        socket = await self._connect(token)
        self._open.add(socket)
        if self.closed:  # meanwhile: what follows finds the socket closed
            await socket.close()
        try:
            async with socket:
                connection = Connection(socket, await _greeted(socket))
                async with self._renewing(connection, token):
                    yield connection
        finally:
            self._open.discard(socket)

    @asynccontextmanager
    async def _renewing(self, connection: Connection, token: str | None) -> AsyncIterator[None]:
        if token is None or not self.credentials.renewable:
            yield
            return
        renewing = asyncio.create_task(connection.keep_renewed(self.credentials, token))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])

    async def _connect(self, token: str | None) -> ClientConnection:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await connect(
            self._url,
            additional_headers=headers,
            compression=None,
            max_size=MAX_MESSAGE,
            proxy=self._proxy,
            ping_interval=PING_SECONDS,
            ping_timeout=ANSWER_SECONDS,
            **self._tls,
        )


async def _greeted(socket: ClientConnection) -> tuple[str, ...]:
    """Read the list of live calls, with which a service begins."""
    try:
        async with asyncio.timeout(GREETING_SECONDS):
            return greeting(await socket.recv(decode=True))
    except TimeoutError:
        raise NotPartyline(f"it says nothing for {GREETING_SECONDS:g} s") from None
    except (Unreadable, UnicodeDecodeError) as exc:
        raise NotPartyline("it does not begin as a service does") from exc
