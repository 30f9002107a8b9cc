"""
A stand-in for Deepgram's live transcription: ``/v1/listen`` on a port of this machine.

The socket's side; what is said is decided in :mod:`rehearsal.listen`.
"""

import asyncio
import hmac
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import IO, Self, TypeVar
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from rehearsal.errors import Refusal
from rehearsal.faults import Faults
from rehearsal.listen import Listen
from rehearsal.query import Options, parse_query
from rehearsal.scripted import Scripted
from rehearsal.segments import RecogniserFactory

T = TypeVar("T")

PATH = "/v1/listen"
KEEPALIVE = '{"type":"KeepAlive"}'
MAX_MESSAGE = 2**22  # four minutes of two channels in one message; nobody advises more than 250 ms
MAX_CONNECTIONS = 1000
CLOSE_SECONDS = 10.0
# Both reasons as they are on the wire. The code in the documentation's table is not in them.
# Source: https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors
NO_ANSWER = (
    "Deepgram did not provide a response message within the timeout window. "
    "See https://dpgr.am/net0000"
)
NO_AUDIO = (
    "Deepgram did not receive audio data or a text message within the timeout window. "
    "See https://dpgr.am/net0001"
)


@dataclass(slots=True, eq=False)
class Connection:
    """
    A connection of a client, as the stand-in saw it.

    Attributes:
        number: Of all connections, counted from 0, refused ones too.
        query: As it came, without the question mark.
        request_id: What the handshake's ``dg-request-id`` said.
        received: The audio, byte for byte; empty unless audio is kept.
        texts: The text messages received, without KeepAlive; likewise.
        sent: The messages sent; likewise.
        keepalives: How many KeepAlive messages came.
        seconds: Seconds of audio received.
        close_code: What ended it; None while it is open, 1006 without a close frame.
        closed_cleanly: The client asked for the end, got every result, and saw us close.
        closed: Set at its end.
    """

    number: int
    query: str
    request_id: str
    received: bytearray = field(default_factory=bytearray)
    texts: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    keepalives: int = 0
    seconds: float = 0.0
    close_code: int | None = None
    closed_cleanly: bool = False
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def __str__(self) -> str:
        return f"connection {self.number}"


class DeepgramStandIn:
    """
    Serves ``/v1/listen``. An async context manager; ``url`` is where, once it is open.

    Args:
        recogniser: What makes the recognisers of the channels; by default results name the audio
            (:class:`~rehearsal.scripted.NamedAudio`).
        host: Where to listen.
        port: Likewise; 0 for a free one.
        key: The API key to ask for; by default any will do, but there must be one.
        faults: How each connection is treated, by its number from 0.
        keep: Keep what went over each connection (``connections``), for tests.
        record: A directory to write the audio of each connection to, as raw bytes.
        report: Called with a line for people at each event.
        on_audio: Called with each piece of audio as it comes.
    """

    def __init__(
        self,
        recogniser: RecogniserFactory | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        key: str | None = None,
        faults: Faults | Callable[[int], Faults] | None = None,
        keep: bool = True,
        record: Path | None = None,
        report: Callable[[str], None] | None = None,
        on_audio: Callable[[Connection, bytes], None] | None = None,
    ) -> None:
        self.url = ""
        self.connections: list[Connection] = []
        self.refusals: list[Refusal] = []
        self.handshakes = 0
        self._make_recogniser = Scripted() if recogniser is None else recogniser
        self._address, self._key = (host, port), key
        chosen = Faults() if faults is None else faults
        self._faults = chosen if callable(chosen) else lambda _: chosen
        self._keep, self._record = keep, record
        self._report = (lambda _: None) if report is None else report
        self._on_audio = (lambda _, __: None) if on_audio is None else on_audio
        # Between a handshake and its conversation; what breaks in between leaves by itself.
        self._admitted = WeakKeyDictionary[ServerConnection, tuple[Connection, Faults]]()
        self._stack = AsyncExitStack()
        self._threads: ThreadPoolExecutor | None = None

    @property
    def heard(self) -> list[Connection]:
        """The connections on which audio came; a client may open one to see whether it may."""
        return [connection for connection in self.connections if connection.seconds]

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            if self._make_recogniser.heavy:
                # Recognising is all computing: more threads than cores only take turns.
                self._threads = ThreadPoolExecutor(os.cpu_count(), "recogniser")
                stack.callback(self._threads.shutdown, cancel_futures=True)
            server: Server = await stack.enter_async_context(
                serve(
                    self._serve,
                    *self._address,
                    process_request=self._answer_handshake,
                    process_response=_name_request,
                    select_subprotocol=_select_subprotocol,
                    compression=None,
                    server_header=None,
                    max_size=MAX_MESSAGE,
                    # Backlog is the client's affair: what we do not read waits at its end.
                    max_queue=4,
                    ping_interval=None,
                    close_timeout=CLOSE_SECONDS,
                )
            )
            port = next(iter(server.sockets)).getsockname()[1]
            self.url = f"ws://{self._address[0]}:{port}"
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def _answer_handshake(self, socket: ServerConnection, request: Request) -> Response | None:
        number = self.handshakes
        self.handshakes += 1
        faults = self._faults(number)
        request_id = str(socket.id)
        url = urlsplit(request.path)
        refusal = self._judge(url.path, url.query, request.headers, faults)
        if refusal is not None:
            self.refusals.append(refusal)
            del self.refusals[:-MAX_CONNECTIONS]
            if "Upgrade" in request.headers:  # else somebody looks whether we are there
                self._report(f"connection {number}: refused with {refusal}")
            return _refuse(refusal, request_id)
        self._admitted[socket] = (Connection(number, url.query, request_id), faults)
        return None

    def _judge(self, path: str, query: str, headers: Headers, faults: Faults) -> Refusal | None:
        """Return how a handshake is refused, if there is cause to."""
        if path != PATH:
            return Refusal(404, f"nothing at {path[:100]!a}; try {PATH}", "NOT_FOUND")
        if faults.refuse is not None:
            return faults.refuse
        if not authorised(headers, self._key):
            return Refusal(401)
        if sum(not known.closed.is_set() for known in self.connections) >= MAX_CONNECTIONS:
            return Refusal(429)
        try:
            parse_query(query)
        except Refusal as refusal:
            return refusal
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        connection, faults = self._admitted.pop(socket)
        self.connections.append(connection)
        self._report(f"{connection}: open, ?{connection.query}")
        options = parse_query(connection.query)
        conversation = _Conversation(
            socket,
            connection,
            faults,
            threads=self._threads,
            keep=self._keep,
            on_audio=self._on_audio,
        )
        try:
            with self._recording(connection) as record:
                await conversation.run(options, self._make_recogniser, record)
        except ConnectionClosed:
            pass  # the client went away; what is left of it is noted below
        finally:
            connection.close_code = socket.close_code
            connection.closed.set()
            if not self._keep:
                self.connections.remove(connection)
            how = "" if connection.closed_cleanly else f", ended with {socket.close_code}"
            self._report(f"{connection}: closed after {connection.seconds:.1f} s of audio{how}")

    def _recording(self, connection: Connection) -> AbstractContextManager[IO[bytes] | None]:
        if self._record is None:
            return nullcontext()
        self._record.mkdir(parents=True, exist_ok=True)
        return (self._record / f"{connection.number:04d}-{connection.request_id}.ulaw").open("wb")


class _Conversation:
    """One connection, from its handshake to its close."""

    def __init__(
        self,
        socket: ServerConnection,
        connection: Connection,
        faults: Faults,
        *,
        threads: ThreadPoolExecutor | None,
        keep: bool,
        on_audio: Callable[[Connection, bytes], None],
    ) -> None:
        self._socket = socket
        self._connection = connection
        self._faults = faults
        self._threads = threads
        self._keep = keep
        self._on_audio = on_audio
        self._loop = asyncio.get_running_loop()
        self._opened = self._last_frame_at = self._loop.time()
        # Bounded by what the client sends: a connection that is closed says no more.
        self._said = asyncio.Queue[tuple[float, Sequence[str]]]()

    async def run(
        self, options: Options, make_recogniser: RecogniserFactory, record: IO[bytes] | None
    ) -> None:
        """Converse until one of the two closes."""
        created = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        request_id = self._connection.request_id
        faults = self._faults
        # In a thread: the first recogniser loads its model.
        listen = await self._compute(Listen, options, make_recogniser, request_id, created)
        self._last_frame_at = self._loop.time()
        async with AsyncExitStack() as stack:
            if faults.drop_after is not None:
                dropping = asyncio.create_task(self._drop_later(faults.drop_after))
                stack.push_async_callback(_end, dropping)
            speaking = asyncio.create_task(self._speak())
            stack.push_async_callback(_end, speaking)
            while not listen.closing:
                try:
                    async with asyncio.timeout_at(self._deadline(listen)):
                        message = await self._socket.recv()
                except TimeoutError:
                    await self._time_out(listen)
                    return
                self._note(message)
                if record is not None and isinstance(message, bytes):
                    record.write(message)
                # One after another: the results of a channel stay in order.
                answers = await self._compute(listen.receive, message)
                self._connection.seconds = listen.seconds
                self._answer(answers, listen)
                if faults.drop_after_audio is not None and (
                    listen.seconds >= faults.drop_after_audio
                ):
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(self._drop())
                        await self._ignore_rest()
                    return
                await self._hold_back(listen.seconds)
            await self._said.join()
        if faults.never_close:
            await self._socket.wait_closed()
        await self._socket.close(1000)
        self._connection.closed_cleanly = self._socket.close_code == 1000

    def _answer(self, answers: Sequence[str], listen: Listen) -> None:
        """Have something said, when it is due."""
        faults = self._faults
        if faults.mute_after is not None and listen.seconds >= faults.mute_after:
            return
        delay = faults.answer_delay + (faults.last_delay if listen.closing else 0)
        self._said.put_nowait((self._loop.time() + delay, answers))

    async def _speak(self) -> None:
        while True:
            due, answers = await self._said.get()
            await asyncio.sleep(due - self._loop.time())
            with suppress(ConnectionClosed):  # reading sees it, too
                await self._send(answers)
            self._said.task_done()

    async def _drop_later(self, seconds: float) -> None:
        await asyncio.sleep(self._opened + seconds - self._loop.time())
        await self._drop()

    async def _drop(self) -> None:
        """End the connection unasked."""
        if self._faults.drop_code is None:
            self._socket.transport.abort()
        else:
            await self._socket.close(self._faults.drop_code, self._faults.drop_reason)

    async def _ignore_rest(self) -> None:
        """Read to the end: what the client answers to a close is behind its audio."""
        with suppress(ConnectionClosed):
            async for _ in self._socket:
                pass

    async def _compute(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function of the core: in a thread if its recognisers compute for long."""
        if self._threads is None:
            return function(*arguments)
        return await self._loop.run_in_executor(self._threads, function, *arguments)

    def _deadline(self, listen: Listen) -> float:
        idle = self._last_frame_at + self._faults.idle_seconds
        if listen.answered:
            return idle
        return min(idle, self._opened + self._faults.unanswered_seconds)

    async def _time_out(self, listen: Listen) -> None:
        """Close as the service does: its summary first, then the reason in prose."""
        idle = self._loop.time() - self._last_frame_at >= self._faults.idle_seconds
        await self._send([listen.metadata(complete=False)])
        await self._socket.close(1011, NO_AUDIO if idle else NO_ANSWER)

    async def _hold_back(self, seconds: float) -> None:
        """Throttle, which the service does to audio that comes too fast; it never refuses it."""
        if self._faults.max_speed is not None:
            due = self._opened + seconds / self._faults.max_speed
            await asyncio.sleep(due - self._loop.time())

    async def _send(self, answers: Sequence[str]) -> None:
        for answer in answers:
            if self._keep:
                self._connection.sent.append(answer)
            await self._socket.send(answer)

    def _note(self, message: str | bytes) -> None:
        self._last_frame_at = self._loop.time()
        if isinstance(message, bytes):
            self._on_audio(self._connection, message)
        if message == KEEPALIVE:
            self._connection.keepalives += 1
        elif not self._keep:
            pass
        elif isinstance(message, str):
            self._connection.texts.append(message)
        else:
            self._connection.received += message


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def authorised(headers: Headers, key: str | None) -> bool:
    """
    Whether a handshake shows a credential: the given key, or any when there is none.

    A scheme in any case: ``Token`` with a key, ``Bearer`` with a short-lived JWT; or a browser's
    subprotocols ``token, <key>``.
    """
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    if not scheme:
        scheme, _, given = headers.get("Sec-WebSocket-Protocol", "").partition(",")
    given = given.strip()
    match scheme.lower():
        case "token":
            known = bool(given)
        case "bearer":
            known = given.startswith("eyJ")  # an API key is refused here
        case _:
            known = False
    return known and (key is None or hmac.compare_digest(given.encode(), key.encode()))


def _refuse(refusal: Refusal, request_id: str) -> Response:
    body = {"err_code": refusal.code, "err_msg": refusal.message, "request_id": request_id}
    content = json.dumps(body, separators=(",", ":")).encode()
    headers = Headers(
        {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            "Connection": "close",
            "dg-request-id": request_id,
            "dg-error": refusal.message,
        }
    )
    try:
        phrase = HTTPStatus(refusal.status).phrase
    except ValueError:
        phrase = "Refused"
    return Response(refusal.status, phrase, headers, content)


def _name_request(socket: ServerConnection, _: Request, response: Response) -> None:
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        response.headers["dg-request-id"] = str(socket.id)


def _select_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Answer a browser that shows its key this way; the key itself is not repeated."""
    return offered[0] if offered and offered[0].lower() == "token" else None
