"""``WS /twilio``: a media stream comes in, signed by Twilio."""

import asyncio
import logging
from collections.abc import Callable, Sequence

import structlog
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket

from handler.calls.live_calls import LiveCalls
from handler.calls.media_stream import End, MediaStream, Received
from handler.calls.tickets import RESTART, SUCCESSOR, Tickets
from handler.config import Settings
from handler.errors import StreamRefused, TwilioProtocolError, UnusableStart
from handler.parameters import read_parameters
from handler.refusals import refusals
from handler.server.connection import CONNECTION, ELSEWHERE_ON_FLY
from handler.server.sockets import close
from handler.server.websocket_protocol import WebSocketProtocol
from handler.twilio import messages, signature
from handler.twilio.accounts import Account, Accounts
from handler.twilio.places import SIGNATURE
from handler.twilio.start import StartDetails
from handler.twilio.webhooks import NO_SIGNATURE, signed_urls

# `start` follows `connected` at once; a socket that stays silent holds a place for nothing.
START_TIMEOUT = 10.0
# Some projects saw Twilio offer it; answering unasked made it drop the connection.
SUBPROTOCOL = "audio.twilio.com"

# What a websocket is closed with once Twilio has said stop.
STOPPED = "stopped"

# The same whatever was wrong: nobody learns which accounts are ours.
UNSIGNED = (
    "forbidden: media streams must be signed by Twilio (X-Twilio-Signature), with a token of the "
    "account that the path names, if it names one; the log of the service says what was wrong\n"
)

_log = structlog.get_logger()


class MediaEndpoint:
    """Takes Twilio's websockets. Reading waits for nobody: Twilio discards what we do not read."""

    def __init__(
        self, settings: Settings, accounts: Accounts, calls: LiveCalls, tickets: Tickets
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._calls = calls
        self._tickets = tickets

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one websocket."""
        if (account := self._signed_by(websocket)) is None:
            words = UNSIGNED if SIGNATURE in websocket.headers else f"{NO_SIGNATURE}\n"
            await websocket.send_denial_response(PlainTextResponse(words, 403))
            return
        if (reason := self._calls.refusal()) is not None:
            refusals.note("media stream refused", 503, logging.WARNING, reason=reason)
            elsewhere = ELSEWHERE_ON_FLY if self._settings.on_fly else None
            refusal = PlainTextResponse(f"no room here: {reason}\n", 503, elsewhere)
            await websocket.send_denial_response(refusal)
            return
        offered = websocket.scope["subprotocols"]
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        reader = _Reader(websocket, account, self._calls, self._tickets)
        try:
            await reader.read()
        except StreamRefused as exc:
            facts = {"reason": exc.reason, **reader.names}
            refusals.note("media stream refused", exc.close_code, logging.WARNING, **facts)
            await close(websocket, exc.close_code, exc.reason)
        finally:
            reader.lost()

    def _signed_by(self, websocket: WebSocket) -> Account | None:
        """Return whose handshake it is, if Twilio signed it; else the log says what to change."""
        named = websocket.path_params.get("account_sid")
        account = self._accounts.find(named)
        if account is None:
            refusals.note(
                "media stream refused: an account that is not ours",
                403,
                logging.WARNING,
                account_sid=named,
                advice="name it in TWILIO_ACCOUNTS, or let the <Stream url> end with /twilio/AC…, "
                "the account that owns the call",
            )
            return None
        tokens = account.auth_tokens
        if not tokens:
            return account  # --insecure
        host = websocket.headers.get("host", "")
        given = websocket.headers.get(SIGNATURE)
        if given is None:
            refusals.note(
                "media stream refused: no X-Twilio-Signature, so it is not from Twilio",
                403,
                logging.WARNING,
                host=host[:200],
                advice="if it is, let the proxy before us pass that header on",
            )
            return None
        urls = signed_urls(self._settings.public_url, websocket)
        if signature.matching_url(given, urls, tokens) is not None:
            return account
        refusals.note(
            "media stream refused: wrong X-Twilio-Signature",
            403,
            logging.WARNING,
            tried=urls,
            host=host[:200],
            account_sid=account.sid,
            auth_tokens=len(tokens),
            advice="set PUBLIC_URL so that one of these is the <Stream url>, and TWILIO_AUTH_TOKEN "
            "to the auth token of the account that owns the call; a subaccount has its own, and so "
            "has each region: all that send calls here, separated by commas, or each by name "
            "in TWILIO_ACCOUNTS",
        )
        return None


class _Socket:
    """The websocket of a media stream, as its call sees it."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        connection = websocket.scope.get("extensions", {}).get(CONNECTION)
        self._protocol = connection if isinstance(connection, WebSocketProtocol) else None

    @property
    def unanswered_since(self) -> float | None:
        """Loop time of a ping without an answer; under a server without pings, all of them are."""
        return 0.0 if self._protocol is None else self._protocol.unanswered_since

    def ping(self) -> None:
        """Ask the peer for a sign of life, unless it owes one."""
        if self._protocol is not None:
            self._protocol.ask()

    def poll(self) -> None:
        """Read what has come; under another server it comes by itself."""
        if self._protocol is not None:
            self._protocol.poll()

    def release(self) -> None:
        """Let what comes be read by itself again: nobody polls any more."""
        if self._protocol is not None:
            self._protocol.release()

    def take_texts(self, take: Callable[[list[bytes]], bool]) -> None:
        """
        Let ``take`` have what comes from now on, at once, where the server can do that.

        The websocket is closed when ``take`` says that nothing more is expected.
        """
        protocol = self._protocol
        if protocol is None:
            return

        def take_or_end(texts: list[bytes]) -> None:
            if not take(texts):
                protocol.end(1000, STOPPED)

        protocol.take_texts(take_or_end)

    async def close(self, code: int, reason: str) -> None:
        """Close it, if it is open."""
        await close(self._websocket, code, reason)


class _Reader:
    """Reads one media stream, message by message."""

    def __init__(
        self, websocket: WebSocket, account: Account, calls: LiveCalls, tickets: Tickets
    ) -> None:
        self._websocket = websocket
        self._account = account
        self._calls = calls
        self._tickets = tickets
        self._socket = _Socket(websocket)
        self._start: StartDetails | None = None
        self._stream: MediaStream | None = None
        self._faults: dict[str, int] = {}
        self.names: dict[str, str] = {}

    async def read(self) -> None:
        """
        Read until Twilio stops or the socket closes.

        Raises:
            StreamRefused: the stream is not for us, or never began.
        """
        try:
            async with asyncio.timeout(START_TIMEOUT):
                while self._stream is None:
                    if not await self._next():
                        return
                    if self._start is not None:
                        await self._begin(self._start)
        except TimeoutError as exc:
            raise StreamRefused(f"no start within {START_TIMEOUT:g} s") from exc
        self._socket.take_texts(self._take)
        while await self._next():  # what is not taken at once
            pass

    def lost(self) -> None:
        """End the media stream, if there is one; after a ``stop`` it has ended already."""
        if self._stream is not None:
            self._stream.finish(End.LOST)

    async def _next(self) -> bool:
        """Take one websocket message; False at the end."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            return False
        text = message.get("text")
        if text is None:
            self._fault("binary", "Twilio sends text only")
        elif not self._take([text]):
            await close(self._websocket, 1000, STOPPED)
            return False
        return True

    def _take(self, texts: Sequence[str | bytes]) -> bool:
        """
        Take what Twilio says; False once it has said that nothing will follow.

        Raises:
            StreamRefused: the stream is not for us.
        """
        frames: list[messages.Frame] = []
        for text in texts:
            try:
                message = messages.parse(text)
                if type(message) is messages.Media:
                    frames.append(message.media)
                elif not self._receive(message, frames):
                    return False
            except UnusableStart as exc:
                if self._stream is None:  # no other will come
                    raise StreamRefused(exc.detail, exc.close_code) from exc
                self._fault(exc.kind, exc.detail)
            except TwilioProtocolError as exc:
                self._fault(exc.kind, exc.detail)
        self._feed(frames)
        return True

    def _feed(self, frames: list[messages.Frame]) -> None:
        if self._stream is not None:
            self._stream.feed(frames)
            return
        for _ in frames:
            self._fault("media-before-start", "frame ignored")

    def _receive(self, message: messages.Message, before: list[messages.Frame]) -> bool:
        """Take what is no frame, behind the frames that came before it."""
        match message:
            case messages.Start(start=details):
                self._feed(before)
                before.clear()
                self._take_start(details)
            case messages.Stop():
                if self._stream is None:
                    raise StreamRefused("stop before start")
                self._feed(before)
                self._stream.finish(End.STOPPED)
                return False
            case messages.Other(event):
                self._fault(f"unknown-event-{event}", "ignored")
            case _:
                pass
        return True

    def _take_start(self, details: StartDetails) -> None:
        if self._start is not None:
            self._fault("second-start", "ignored")
            return
        self.names = {"call_sid": details.call_sid, "stream_sid": details.stream_sid}
        self._start = details

    async def _begin(self, details: StartDetails) -> None:
        """Let the stream in; what Twilio says meanwhile waits, and it was received at its time."""
        received = Received.now()
        purpose = await self._tickets.admit(details, self._account)
        self._stream = self._calls.open(
            details,
            self._socket,
            received,
            self._account,
            succeeding=purpose == SUCCESSOR,
            takes_over=purpose == RESTART,
        )
        self._stream.faults.update(self._faults)
        _log.info(
            "media stream begins",
            tracks=list(details.tracks),
            unread=[name[:40] for name in read_parameters(details.custom_parameters).unread[:8]],
            **self.names,
        )
        if details.unusable:
            self._fault("unusable-start-value", f"ignored: {', '.join(details.unusable)}")

    def _fault(self, kind: str, detail: str) -> None:
        """Count what was wrong, and log the first of each kind."""
        counts = self._faults if self._stream is None else self._stream.faults
        if kind not in counts and len(counts) < 32:
            facts = {"kind": kind, "detail": detail[:200], **self.names}
            refusals.note("bad message from twilio", None, logging.WARNING, **facts)
        if kind in counts or len(counts) < 32:
            counts[kind] = counts.get(kind, 0) + 1
