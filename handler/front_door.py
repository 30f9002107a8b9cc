"""
What is answered before, and where, no part of the service answers.

Whoever comes to a wrong door is told in words which one is right, and the log has a line of it.
Most are Twilio, or a proxy before us, that somebody has set up a little wrong: nobody else tells.
"""

import logging
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from handler import addresses
from handler.doors import wrong_role
from handler.refusals import refusals
from handler.roles import BOTH, Roles
from handler.twilio.places import SIGNATURE, STREAMS, TWILIO, WEBHOOKS

CLIENT = "/client"
METHODS = ("GET", "HEAD")
# Of path and query together: a token of 8,000 bytes, and what else there may be to say. Beyond it,
# or with more fields, reading the query costs more than refusing it. A websocket's handshake never
# gets so far: its library takes no line of more than 8,192 bytes, the request's or a header's.
MAX_TARGET = 10 * 1024
MAX_FIELDS = 50
# It could be answered, but not here (RFC 9110 section 15.5.20): whoever asks may ask another one.
MISDIRECTED = 421
UPGRADE = (
    "behind nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
    'proxy_set_header Connection "upgrade"; another proxy has its own setting for websockets'
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What somebody at a wrong door is answered, in words that say what to change."""

    status: int
    words: str
    headers: dict[str, str] = field(default_factory=dict)


class FrontDoor:
    """
    The outermost part of the application.

    It refuses what no part could read, what is another container's to take, or what comes to a part
    in a way that it does not take; a slash too many in a path changes nothing.
    """

    def __init__(self, app: ASGIApp, advice: "Advice", roles: Roles = BOTH) -> None:
        self._app = app
        self._advice = advice
        self._roles = roles

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        path = without_spare_slashes(scope["path"])
        refusal = self._refusal(scope, path)
        if refusal is None:
            if path != scope["path"]:
                scope = {**scope, "path": path}
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await answer(HTTPConnection(scope), refusal)(scope, receive, send)
        else:
            websocket = WebSocket(scope, receive, send)
            await websocket.send_denial_response(answer(websocket, refusal))

    def _refusal(self, scope: Scope, path: str) -> Refusal | None:
        connection = HTTPConnection(scope)
        refusal = _unreadable(connection)
        if refusal is None and (words := wrong_role(path, self._roles)) is not None:
            refusal = Refusal(MISDIRECTED, words)
        if refusal is None and scope["type"] == "http":
            signed = SIGNATURE in connection.headers
            refusal = self._advice.wrong_way(scope["method"], path, signed=signed)
        return refusal


class Advice:
    """The words that lead from a wrong door to the right one."""

    def __init__(self, public_url: str | None) -> None:
        base = "wss://HOST"
        if public_url is not None:
            url = addresses.read(public_url)
            scheme = "ws" if url.scheme in ("ws", "http") else "wss"
            base = f"{scheme}://{url.netloc.rpartition('@')[2]}{url.path.rstrip('/')}"
        self.stream = f'<Start><Stream url="{base}{TWILIO}"/></Start>'

    def wrong_way(self, method: str, path: str, *, signed: bool) -> Refusal | None:
        """
        Return what to answer a plain request that cannot be for what it comes to.

        Args:
            method: Of the request.
            path: What it comes to.
            signed: Whether it has a signature of Twilio's.
        """
        if method == "OPTIONS":
            return None  # a browser asks first; if not, no route takes it
        if WEBHOOKS.fullmatch(path):
            return None if method == "POST" else self.no_post(path)
        if method not in METHODS:
            return self.wrong_method(path)
        if STREAMS.fullmatch(path):
            words = f"{TWILIO} takes Twilio's media streams, by websocket: in TwiML, {self.stream}."
        elif path == CLIENT:
            words = f"{CLIENT} takes subscribers, by websocket."
        elif path == "/" and signed:
            return self.nowhere()
        else:
            return None
        words += (
            " This request does not ask for one ('Upgrade: websocket'), or a proxy takes Upgrade "
            f"away; {UPGRADE}."
        )
        return Refusal(426, words, {"Upgrade": "websocket", "Connection": "Upgrade"})

    def wrong_method(self, path: str) -> Refusal:
        """Return what to answer a request by another method than those that are taken."""
        words = f"only {' and '.join(METHODS)} here."
        if STREAMS.fullmatch(path):
            words = f"{TWILIO} takes Twilio's media streams, by websocket, and is no webhook."
        words += (
            f" If this is a webhook of Twilio's: point the number at {TWILIO}/voice, or let it be "
            f"answered with TwiML (a TwiML Bin will do) that holds {self.stream}."
        )
        # What else the request has to say is not read.
        return Refusal(405, words, {"Allow": ", ".join(METHODS), "Connection": "close"})

    def no_post(self, path: str) -> Refusal:
        """Return what to answer what comes to a webhook and brings no form."""
        words = f"{path} is a webhook of Twilio's: let it come by HTTP POST."
        return Refusal(405, words, {"Allow": "POST"})

    def nowhere(self) -> Refusal:
        """Return what to answer a request for what is not there."""
        return Refusal(
            404,
            f"nothing here. Media streams of Twilio's: {TWILIO}, in TwiML {self.stream}. "
            f"Subscribers: {CLIENT} (websocket), /calls, /calls/events, /calls/CA…/events, "
            "/calls/CA…/transcript.txt (.json, .srt, .vtt). The page: /. Probes: /healthz, "
            "/readyz.",
        )

    async def no_such_socket(self, websocket: WebSocket) -> None:
        """Refuse a websocket that came to where none is taken."""
        await websocket.send_denial_response(answer(websocket, self.nowhere()))

    async def http_error(self, request: Request, exc: Exception) -> Response:
        """Answer what no route took, or the page has not."""
        match exc:
            case HTTPException(status_code=404):
                return answer(request, self.nowhere())
            case HTTPException(status_code=405):
                return answer(request, self.wrong_method(request.url.path))
            case HTTPException():
                return answer(request, Refusal(exc.status_code, exc.detail.lower()))
            case _:
                raise exc


class Cors(CORSMiddleware):
    """What browsers ask before a page of another origin may: origins compared, refusals told."""

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether pages of an origin may ask, however it is spelled."""
        try:
            origin = addresses.origin(origin)
        except ValueError:
            return self.allow_all_origins
        return super().is_allowed_origin(origin)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer what a browser asks beforehand."""
        response = super().preflight_response(request_headers)
        if response.status_code != 200:
            words = bytes(response.body).decode()
            refusals.note("preflight refused", 400, origin=request_headers["origin"], reason=words)
            words += (
                f": pages of the origins in ALLOWED_ORIGINS may ask, by {' and '.join(METHODS)}"
            )
            return PlainTextResponse(f"{words}\n", 400, {"Vary": "Origin"})
        return response


def without_spare_slashes(path: str) -> str:
    """Return a path with one slash before it and none behind; an empty part says something."""
    return "/" + path.strip("/")


def answer(connection: HTTPConnection, refusal: Refusal) -> Response:
    """Make an answer of a refusal, and log it."""
    scope = connection.scope
    socket = scope["type"] == "websocket"
    # With lines of their own: strangers, who try everything, must not use up those of a call.
    calls = SIGNATURE in connection.headers or scope["path"].startswith(TWILIO)
    event = "websocket refused" if socket else "request refused"
    refusals.note(
        f"{event}: a media stream or a webhook of Twilio's?" if calls else event,
        refusal.status,
        logging.WARNING if calls else logging.INFO,
        method=scope.get("method", "websocket"),
        path=scope["path"][:200],
        host=connection.headers.get("host", "")[:200],
        advice=refusal.words,
    )
    return PlainTextResponse(f"{refusal.words}\n", refusal.status, refusal.headers)


def _unreadable(connection: HTTPConnection) -> Refusal | None:
    """Return what to answer a request that no part may be given."""
    hosts = connection.headers.getlist("host")
    if len(hosts) > 1:
        return Refusal(400, "more than one Host header.")
    if hosts and hosts[0]:
        try:
            addresses.host(hosts[0])
        except ValueError:
            return Refusal(400, "the Host header is no name or address of a host.")
    query = connection.scope["query_string"]
    if len(connection.scope["path"]) + len(query) > MAX_TARGET or query.count(b"&") >= MAX_FIELDS:
        words = (
            f"path and query are longer than {MAX_TARGET} bytes, or have over {MAX_FIELDS} fields."
        )
        return Refusal(414, words)
    return None
