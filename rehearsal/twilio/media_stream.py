"""A one-way media stream to a server: of a recorded call, or of one that is running."""

import asyncio
import errno
import fcntl
import json
import math
import os
import re
import socket
import ssl
import struct
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from rehearsal.errors import CallFailed, HandshakeRefused, behind
from rehearsal.frames import FRAME_MS, Frame, schedule
from rehearsal.twilio.messages import Messages, headers
from rehearsal.twilio.options import HangUp, Options, Report
from rehearsal.twilio.reach import port_of

# What a peer that does not read may leave unsent: about 6 s of a call. Twilio's own is unknown.
MAX_UNSENT = 256 * 1024
OPEN_SECONDS = 10.0
# So long the server may leave unread what it was sent before the path breaks.
ARRIVE_SECONDS = 10.0
# What a two-way stream may be sent; a one-way stream may not.
COMMANDS = frozenset({"media", "mark", "clear"})


async def place_call(
    url: str,
    inbound: bytes,
    outbound: bytes,
    options: Options,
    *,
    progress: Callable[[float], None] | None = None,
    keep_frames: bool = False,
) -> Report:
    """
    Play a call to a server.

    Args:
        url: Of the media stream, ``ws://`` or ``wss://``; a query is cut off, as Twilio does.
        inbound: mu-law samples of what Twilio hears; empty if the track never sends.
        outbound: What it plays to that leg; likewise.
        options: How to behave.
        progress: Called about once a second of the call, with the seconds that have been sent.
        keep_frames: Keep what was sent in the report.

    Raises:
        CallFailed: the stream could not be opened.
    """
    async with opened(url, options, keep_frames=keep_frames) as stream:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await stream.play(
            schedule(inbound, outbound, options),
            # By the call's own schedule, so that delays do not add up.
            lambda at: asyncio.sleep(begun + at / options.speed - loop.time()),
            progress=progress,
        )
    return stream.report


@asynccontextmanager
async def opened(
    url: str, options: Options, *, keep_frames: bool = False
) -> AsyncIterator["MediaStream"]:
    """
    Open a media stream; it is closed at the end, after which its report is whole.

    Raises:
        CallFailed: it could not be opened.
    """
    connection = await _open(url.partition("?")[0], options)
    stream = MediaStream(connection, options, keep=keep_frames)
    name = f"{options.call_sid} listen"
    listening = asyncio.create_task(_listen(connection, stream.report), name=name)
    try:
        yield stream
    finally:
        await _hang_up(connection, options.hang_up)
        await listening  # the socket is closed, so it ends
        stream.report.close_code = connection.close_code


class MediaStream:
    """
    A media stream that is open.

    Attributes:
        report: What became of it so far.
    """

    def __init__(self, connection: ClientConnection, options: Options, *, keep: bool) -> None:
        self.report = Report(options.call_sid, options.stream_sid)
        self._connection = connection
        self._options = options
        self._messages = Messages(options)
        self._keep = keep
        self._ends_at = math.inf

    def stop(self, at: float) -> None:
        """
        Have it end behind the frames that are due by then, in seconds of its own clock.

        Those may be on their way still: what was said before the end of a call is heard, however
        busy the machine is.
        """
        self._ends_at = min(at, self._ends_at)

    async def play(
        self,
        frames: Iterator[Frame],
        due: Callable[[float], Awaitable[object]],
        *,
        begun: Callable[[], None] = lambda: None,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        """
        Send the whole stream, from its beginning to its end.

        Args:
            frames: What it carries; those without a payload are not sent.
            due: Waits until it is time for a frame's ``at``. At least one turn of the loop for
                each frame: other calls want to go on too.
            begun: Called once the server was told of its beginning.
            progress: As of :func:`place_call`.
        """
        try:
            await self._connection.send(self._messages.connected())
            await self._connection.send(self._messages.start())
            begun()
            await self._send(frames, due, progress)
            if self._options.hang_up is HangUp.STOP:
                await self._connection.send(self._messages.stop())
        except ConnectionClosed as exc:
            if exc.rcvd is None:
                self.report.ended_by = "31903 Connection Broken Pipe"
            else:
                said = f"{exc.rcvd.code}{behind(exc.rcvd.reason)}"
                self.report.ended_by = f"31921 Close Error: the server closed with {said}"
            self.report.note(self.report.ended_by)

    async def _send(
        self,
        frames: Iterator[Frame],
        due: Callable[[float], Awaitable[object]],
        progress: Callable[[float], None] | None,
    ) -> None:
        shown = 0.0
        for frame in frames:
            await due(frame.at)
            if frame.at > self._ends_at:
                return
            if frame.payload:
                await self._send_frame(frame)
            elif self._connection.close_code is not None:
                await self._connection.send("")  # raises what happened
            if progress is not None and frame.at - shown >= 1:
                shown = frame.at
                progress(shown)

    async def _send_frame(self, frame: Frame) -> None:
        if not await _room(self._connection, wait=self._options.speed > 1):
            self.report.note("31930 Buffer Overflow")
            return
        await self._connection.send(self._messages.media(frame))
        self.report.frames += 1
        if self._keep:
            self.report.sent.append(frame)


async def _open(url: str, options: Options) -> ClientConnection:
    if not _is_websocket(url):
        raise CallFailed(31922, "URL schema unsupported", f"{url} is not like wss://HOST/twilio")
    real = options.reach.of(url)
    # The server is told the public name, wherever it is.
    place: dict[str, Any] = (
        {} if real == url else {"host": urlsplit(real).hostname, "port": port_of(real)}
    )
    name = urlsplit(real)._replace(netloc=urlsplit(url).netloc).geturl()
    if options.trust is not None and name.startswith("wss"):
        place["ssl"] = options.trust
    try:
        return await connect(
            name,
            **place,
            additional_headers=headers(url, options),
            user_agent_header="Twilio.TmeWs/1.0",
            compression=None,
            open_timeout=OPEN_SECONDS,
            ping_interval=None,
            # Sending never waits: what is unsent beyond the limit is ours to discard.
            write_limit=2 * MAX_UNSENT,
            proxy=None,
        )
    except InvalidStatus as exc:
        refusal = exc.response
        text = bytes(refusal.body or b"").decode(errors="replace")
        raise HandshakeRefused(refusal.status_code, refusal.reason_phrase, text) from exc
    except InvalidHandshake as exc:
        answer = "what answers there takes no websocket, or closed the connection"
        raise CallFailed(31920, "Handshake Error", f"{url}: {answer}") from exc
    except TimeoutError as exc:
        raise CallFailed(31901, "Connection Timeout", f"no answer from {url}") from exc
    except ssl.SSLError as exc:
        raise CallFailed(31910, "SSL Protocol Error", f"{url}: {_why(exc)}") from exc
    except OSError as exc:
        raise CallFailed(31902, "Connection Refused", f"{url}: {_why(exc)}") from exc


def _is_websocket(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket that is not closed, a port that is no number
        return False


def _why(exc: OSError) -> str:
    """Say what an error of the system means to whoever rehearses."""
    if isinstance(exc, socket.gaierror):
        return "no such host: is the name right?"
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({exc.verify_message})"
    if isinstance(exc, ssl.SSLError):
        reason = str(exc.reason or "it was cut off").replace("_", " ").lower()
        return f"TLS failed ({reason}): does the server speak it on this port?"
    # Of several addresses the loop joins the texts, of which the last one says enough.
    number = exc.errno or int(next(reversed(re.findall(r"\[Errno (\d+)\]", str(exc))), 0))
    if number == errno.ECONNREFUSED:
        return "is a server running there?"
    return os.strerror(number) if number else "the connection was closed"


async def _room(connection: ClientConnection, *, wait: bool) -> bool:
    """
    Whether the peer has read enough for another frame to be sent.

    In real time Twilio discards what finds no room; a call that is faster than that waits instead.
    """
    while connection.transport.get_write_buffer_size() > MAX_UNSENT:
        if not wait or connection.close_code is not None:
            return connection.close_code is not None  # then sending tells what happened
        await asyncio.sleep(FRAME_MS / 1000)
    return True


async def _listen(connection: ClientConnection, report: Report) -> None:
    """Note what the server sends: on a one-way stream nothing is right."""
    with suppress(ConnectionClosed):
        async for message in connection:
            report.note(_problem_of(message))


def _problem_of(message: str | bytes) -> str:
    if isinstance(message, bytes):
        return "31950 Malformed Message"
    try:
        event = json.loads(message)["event"]
    except (ValueError, TypeError, LookupError, RecursionError):
        event = None
    if isinstance(event, str) and event in COMMANDS:
        return f"31924 Protocol Error: {event} on a one-way stream"
    return "31951 Invalid Message"


async def _hang_up(connection: ClientConnection, how: HangUp) -> None:
    if how is HangUp.RESET:
        raw = connection.transport.get_extra_info("socket")
        if raw is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(ARRIVE_SECONDS):
                    await _arrived(connection.transport, raw)
            # Closing without lingering sends RST instead of FIN.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.transport.abort()
        await connection.wait_closed()
    else:
        await connection.close()


async def _arrived(transport: asyncio.Transport, raw: socket.socket) -> None:
    """
    Wait until the peer's system has what was sent, if ours can say.

    A reset takes back what has not arrived, and the report would count frames that nobody got. What
    has arrived, read or not, it leaves (on Linux): whoever loses that has a defect.
    """
    while _has_unsent(transport, raw):  # noqa: ASYNC110  the kernel tells nobody
        await asyncio.sleep(FRAME_MS / 1000)


def _has_unsent(transport: asyncio.Transport, raw: socket.socket) -> bool:
    """Whether something is on its way still; what is closed sends nothing more."""
    if transport.is_closing():
        return False
    return transport.get_write_buffer_size() > 0 or _unacknowledged(raw) > 0


def _unacknowledged(raw: socket.socket) -> int:
    """Return how many bytes the kernel keeps until the peer's has them; 0 where it cannot say."""
    if sys.platform != "linux" or raw.fileno() < 0:
        return 0
    # tcp(7): SIOCOUTQ, which is the same as TIOCOUTQ.
    (count,) = struct.unpack("i", fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, bytes(4)))
    return int(count)
