"""A connection that speaks HTTP: one of plain requests, or a websocket to be."""

import asyncio
import logging
import re
from asyncio import TimerHandle
from enum import Enum, auto
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server import ServerState
from websockets.http11 import MAX_NUM_HEADERS

from handler.refusals import refusals
from handler.server.bodies import NO_BODIES, Bodies, Verdict, judge
from handler.server.connection import (
    CONNECTION,
    NO_PLACE,
    dismiss,
    keeps_up,
    limit_buffer,
    part,
    refuse,
)
from handler.server.handshake import Handshake
from handler.server.lobby import Lobby

# From a request's first byte (of the first one, from the connection) to its last.
REQUEST_SECONDS = 10.0
# Of a request and all that comes before it is answered, beside a body that is taken.
MAX_HEAD = 32 * 1024
TOO_LARGE = f"a request is at most {MAX_HEAD} bytes, beside a body that is taken"
# The beginning of a target in absolute form; a user in it is nobody here.
ABSOLUTE = re.compile(rb"[a-z][a-z0-9+.-]*://([^/?#@]*@)?(?P<host>[^/?#]+)", re.IGNORECASE)


class Stage(Enum):
    """How far a request has come."""

    HEAD = auto()  # not all of it is there; or none, between two requests
    BODY = auto()  # the application has the head
    ANSWER = auto()  # the application has all of it


class HttpProtocol(HttpToolsProtocol):
    """
    A connection before it is a websocket, or one of plain requests.

    It reads one request at a time. What a peer sends before it has its answer is not read, and
    with that answer the connection is over: a queue of requests would cost more than it says.
    """

    __slots__ = ("transport",)  # what each write looks at
    _deadline: TimerHandle | None = None
    _size = 0  # bytes since the last answer
    _body_left = 0
    _deaf = False  # nothing more is read
    _stage = Stage.HEAD

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        lobby: Lobby | None = None,
        bodies: Bodies = NO_BODIES,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._lobby = Lobby() if lobby is None else lobby
        self._bodies = bodies
        self._most = MAX_HEAD + bodies.most  # until its head says that no body is to be taken

    # What happens to the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._lobby.enter(self)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        self._lobby.leave(self)
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._let_go()

    def eof_received(self) -> None:
        """Close, but do not wait for ever until a peer reads that has said all it had to say."""
        part(self.transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes, as many as one request may have."""
        self._unset_keepalive_if_required()
        self._size += len(data)
        if self._size > self._most:
            self._refuse(431, TOO_LARGE)
        elif not self._deaf:
            if self._deadline is None and self._stage is Stage.HEAD:
                self._await_request()
            self._parse(data)
            if self._stage is Stage.HEAD:
                self._lobby.hold(self, self._size)

    def evict(self) -> None:
        """Lose the place: a request that has begun is answered, what is left unread is not sent."""
        begun = self.cycle is not None and self.cycle.response_started
        if self.transport.get_write_buffer_size() or (begun and not self.cycle.response_complete):
            self.transport.abort()
        elif self._size:
            dismiss(self.transport, 503, NO_PLACE)
        else:
            self.transport.close()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that is not used any more."""
        part(self.transport)

    # What the parser finds

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self._stage is not Stage.HEAD:
            raise _Early
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of a head; what comes behind a body has none to say."""
        if self._stage is not Stage.HEAD:
            raise _Refused(400, "a request has no trailers here")
        if len(self.headers) == MAX_NUM_HEADERS:
            raise _Refused(431, f"a request has at most {MAX_NUM_HEADERS} header fields")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Take the request's head."""
        method = self.parser.get_method().decode("ascii")
        self.url = _origin_form(self.url, self.headers)
        path = self.url.partition(b"?")[0].decode("ascii")
        verdict = judge(method, path, self.headers, self._bodies)
        if verdict in (None, Verdict.UNREAD):
            self._take_no_more()
        if self.parser.should_upgrade() and self._should_upgrade():
            if verdict is not None:
                raise _Refused(400, "a websocket's handshake has no body")
            super().on_headers_complete()
            return  # the parser ends here
        if verdict is Verdict.NOT_TAKEN:
            raise _Refused(413, f"{method} takes no body here")
        if verdict is Verdict.TOO_LARGE:
            raise _Refused(413, f"a body is at most {self._bodies.most} bytes here")
        self.expect_100_continue &= verdict is not Verdict.UNREAD
        super().on_headers_complete()
        self._lobby.serve(self)
        if verdict is Verdict.READ:
            self._stage = Stage.BODY
            self._body_left = self._bodies.most
            return
        self._stage = Stage.ANSWER
        self._stop_waiting()
        if verdict is Verdict.UNREAD:
            super().on_message_complete()
            raise _Unread

    def on_body(self, body: bytes) -> None:
        """Hand a piece of a body on, if the door takes so much."""
        self._body_left -= len(body)
        if self._body_left < 0:
            raise _Refused(413, "the body is larger than it may be here")
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Have all of a request."""
        if self._stage is Stage.BODY:
            self._stage = Stage.ANSWER
            self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Take the next request, unless something was left unread of this one."""
        whole = self._stage is Stage.ANSWER
        self._stage = Stage.HEAD
        self._size = 0
        self._most = MAX_HEAD + self._bodies.most
        super().on_response_complete()
        if self.transport.is_closing() or self._deaf or not whole:
            part(self.transport)
        else:
            self._lobby.keep(self)

    def _unsupported_upgrade_warning(self) -> None:
        """Let a request that offers another protocol be answered as any."""

    # What the application may do

    def limit_buffer(self) -> None:
        """Let the kernel keep little of what the peer does not read: a subscriber, let in."""
        limit_buffer(self.transport)
        self._lobby.leave(self)

    def write(self, body: bytes) -> bool:
        """
        Write a piece of a response that goes on; returns whether the peer keeps up.

        The response must have begun, without a length: it is sent in chunks. The piece itself is
        not copied, as ASGI would, so that many who get the same one share it.

        Raises:
            ClientDisconnected: the peer is gone.
        """
        if self.transport.is_closing():
            raise ClientDisconnected
        if body:  # an empty chunk would be the end
            self.transport.writelines((b"%x\r\n" % len(body), body, b"\r\n"))
        return not self.flow.write_paused

    def keeps_up(self, more: int) -> bool:
        """
        Whether chunks of so many bytes may be written at once: the peer takes what it gets.

        The response must have begun, as for :meth:`write`.
        """
        return keeps_up(self.transport, more)

    async def drained(self) -> None:
        """Wait until the peer has taken enough of what was written, or is gone."""
        await self.flow.drain()

    def abort(self) -> None:
        """Cut the connection, without what is still to be written."""
        self.transport.abort()

    # Inside

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
            if self._stage is Stage.HEAD and self._size > MAX_HEAD:
                self._refuse(431, TOO_LARGE)
        except httptools.HttpParserUpgrade as exc:
            if self._should_upgrade():
                self._become_websocket(rest=data[exc.args[0] :])
        except httptools.HttpParserError as exc:
            match exc.__context__:
                case _Refused(status=status, words=words):
                    self._refuse(status, words)
                case _Unread():  # the application tells why
                    self._listen_no_more()
                case _ if self._stage is not Stage.ANSWER:
                    self._refuse(400, _no_http(data), reason=str(exc))
                case _:
                    advice = "wait for an answer before the next request, or open a connection more"
                    refusals.note("request not read: another is unanswered", None, advice=advice)
                    self._listen_no_more()

    def _take_no_more(self) -> None:
        """Take no more than a request has that brings no body to be read."""
        self._most = MAX_HEAD
        if self._size > self._most:
            raise _Refused(431, TOO_LARGE)

    def _listen_no_more(self) -> None:
        """Let the connection end with the answer that is due."""
        self._deaf = True
        self.cycle.keep_alive = False

    def _become_websocket(self, rest: bytes) -> None:
        head = _head(self.scope["method"], self.url, self.headers)
        self._stop_waiting()
        self._lobby.leave(self)
        self.connections.discard(self)
        self._let_go()
        protocol: Handshake = self.ws_protocol_class(  # type: ignore[assignment, call-arg, misc]
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        protocol.enter(self._lobby, self.transport)
        for data in filter(None, (head, rest)):
            if self.transport.get_protocol() is protocol and not self.transport.is_closing():
                protocol.data_received(data)

    def _refuse(self, status: int, words: str, **facts: str) -> None:
        """Answer what is no request that can be served; one that is being answered is cut off."""
        cycle = self.cycle
        begun = cycle is not None and cycle.response_started and not cycle.response_complete
        refusals.note("request refused unread", status, logging.INFO, advice=words, **facts)
        self.connection_lost(ConnectionAbortedError(words))
        if begun:
            self.transport.abort()
        else:
            refuse(self.transport, status, words, self._lobby)

    def _await_request(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _let_go(self) -> None:
        """Have nothing that holds this: it would stay until the collector comes."""
        self.url = b""
        self.parser = self.headers = self.scope = self.cycle = None  # type: ignore[assignment]

    def _give_up(self) -> None:
        if self._size:
            self._refuse(408, f"the request was not all there within {REQUEST_SECONDS:g} s")
        else:  # a probe of the port, or a browser's connection for later
            refusals.note("connection closed: nothing came", None, logging.DEBUG)
            self.transport.close()


class _Refused(Exception):
    """What the parser has found is no request that can be served."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class _Early(Exception):
    """A request comes before the last one is answered."""


class _Unread(Exception):
    """A body comes that nobody reads."""


def _origin_form(target: bytes, fields: list[tuple[bytes, bytes]]) -> bytes:
    """
    Return a target without the host that it may name; that takes the place of the Host header.

    Source: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
    """
    found = ABSOLUTE.match(target)
    if found is None:
        return target
    others = [field for field in fields if field[0] != b"host"]
    if len(fields) - len(others) <= 1:  # two of them are refused
        fields[:] = (b"host", found["host"]), *others
    rest = target[found.end() :]
    return rest if rest.startswith(b"/") else b"/" + rest


def _head(method: str, target: bytes, fields: list[tuple[bytes, bytes]]) -> bytes:
    """Write a head as it came, for who parses it anew."""
    lines = [b"%b %b HTTP/1.1" % (method.encode(), target)]
    lines += [b"%b: %b" % field for field in fields]
    return b"\r\n".join([*lines, b"", b""])


def _no_http(data: bytes) -> str:
    """Say what somebody seems to have meant that sends no HTTP."""
    if data.startswith(b"\x16\x03"):
        return "this port speaks HTTP without TLS: what ends TLS stands before it"
    if data.startswith((b"PROXY ", b"\r\n\r\n\0\r\nQUIT")):
        return "this port takes no PROXY protocol: let the proxy not send it"
    if data.startswith(b"PRI * HTTP/2"):
        return "this port speaks HTTP/1.1: let the proxy not use HTTP/2 towards it"
    return "this is no HTTP/1.1 request"
