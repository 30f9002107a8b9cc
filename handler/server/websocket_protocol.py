"""
A websocket, as uvicorn's class and ours of it see it.

``tests/system/test_subscribers.py`` holds what it relies on of uvicorn's.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from handler.refusals import refusals
from handler.server.allowance import Allowance
from handler.server.connection import LINGER_BYTES, keeps_up, limit_buffer
from handler.server.frames import text_frame
from handler.server.handshake import Handshake
from handler.server.intake import Intake, Take

# How long a peer may take to read a close frame; also one that was cut off because of what it sent:
# who is busy with sending reads late.
CLOSE_SECONDS = 5.0


class FrameLimit(NamedTuple):
    """
    How many frames a peer may send, of whatever kind: so many at once, then so many a second.

    Attributes:
        burst: How many at once.
        per_second: How many a second from then on.
        close_code: What one that sends more is closed with.
        last_word: Makes the text that a peer gets, if there is one, before it is closed for what it
            sent: of the close code, and the reason.
    """

    burst: int
    per_second: float
    close_code: int
    last_word: Callable[[int, str], bytes] | None = None


# A media stream has a hundred frames a second. What a network held up comes at once, and a recorded
# call may be replayed as fast as it goes: ten minutes, then fifty times real time.
MEDIA_FRAMES = FrameLimit(60_000, 5000.0, 1008)


class WebSocketProtocol(Handshake):
    """
    A websocket; an application finds it in its scope's extensions as :data:`CONNECTION`.

    Attributes:
        unanswered_since: Loop time of the ping of :meth:`ask` that the peer has not answered.
    """

    # What each write looks at: in the object itself, not in a dict of some fifty.
    __slots__ = ("close_sent", "transport")
    unanswered_since: float | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  uvicorn's
        super().__init__(*args, **kwargs)
        self._intake = Intake(self, self.loop, self.config.ws_max_size)
        self._cut_off = False
        self._unheard = 0  # bytes that came since
        self.limit_frames(MEDIA_FRAMES)

    def limit_frames(self, limit: FrameLimit) -> None:
        """Count the frames of the peer from now on; one that sends more is cut off."""
        self._limit = limit
        self._allowance = Allowance(limit.burst, limit.per_second, self.loop.time())

    @property
    def _closed(self) -> bool:
        """Whether one side has ended it; a transport that is closed takes nothing more."""
        return self.disconnected or self.close_sent or self.transport.is_closing()

    def write(self, frame: bytes) -> bool:
        """
        Write a frame that is ready; returns whether the peer keeps up with what it is sent.

        Raises:
            ClientDisconnected: the peer, or we, have closed.
        """
        if self._closed:
            raise ClientDisconnected
        self.transport.write(frame)
        return self.writable.is_set()

    def keeps_up(self, more: int) -> bool:
        """Whether frames of so many bytes may be written at once: the peer takes what it gets."""
        return not self.close_sent and keeps_up(self.transport, more)

    async def drained(self) -> None:
        """Wait until the peer has taken enough of what was written."""
        await self.writable.wait()

    def end(self, code: int, reason: str) -> None:
        """Close without waiting: a peer that does not read it soon is cut off."""
        if self._closed or self.conn.state is not State.OPEN:
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.stop_keepalive()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._intake.end()  # the answer to the close is to be heard
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def ask(self) -> None:
        """Ask the peer for a sign of life, with a ping, unless it owes the answer to one."""
        if self.unanswered_since is not None or self.close_sent or self.transport.is_closing():
            return
        self.unanswered_since = self.loop.time()
        self.conn.send_ping(b"")
        self.transport.write(b"".join(self.conn.data_to_send()))

    def handle_pong(self, event: Frame) -> None:
        """Take a sign of life, whichever ping it answers."""
        self.unanswered_since = None
        super().handle_pong(event)

    def expect_pongs(self, seconds: float) -> None:
        """End the connection, as too slow, if a ping is not answered for so long."""
        self.ping_timeout = seconds

    def limit_buffer(self) -> None:
        """Let the kernel keep little of what the peer does not read."""
        limit_buffer(self.transport)

    # What comes in

    def take_texts(self, take: Take) -> None:
        """
        Let ``take`` have the plain texts from now on; :meth:`receive` has what else comes.

        It must not wait, nor raise but for a defect.
        """
        self._intake.take = take

    def poll(self) -> None:
        """Read what has come, and only so until :meth:`release`; see :meth:`Intake.poll`."""
        self._intake.poll()

    def release(self) -> None:
        """Read by itself again, and let :meth:`receive` have all that comes."""
        if not self._closed:
            self._intake.end()

    @property
    def listening(self) -> bool:
        """Whether more may come: nothing waits for the application, or it will get no more."""
        return not self._cut_off and (self.queue.empty() or self.close_sent)

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if self._cut_off:
            self._unheard += len(data)
            if self._unheard > LINGER_BYTES:
                self.transport.abort()
        elif self.handshake_complete:
            self._intake.feed(data)
        else:
            super().data_received(data)

    def count(self, frames: int) -> bool:
        """Count frames; False if they are too many, and the peer was cut off."""
        within = self._allowance.spend(self.loop.time(), frames)
        if not within:
            self._end_flood()
        return within

    def receive_frame(self, data: bytes) -> None:
        """Take a frame the way of all frames: websockets parses it, and ASGI hands it on."""
        if not self.count(1):
            return
        conn = self.conn
        conn.receive_data(data)
        if (exc := conn.parser_exc) is not None and conn.close_sent and conn.close_rcvd is None:
            self._say_last(conn.close_sent.code, self._fault(exc))  # before the close is written
        self.handle_events()
        if conn.parser_exc is not None and not self._closed:
            code = 1006 if conn.close_sent is None else conn.close_sent.code
            why = str(conn.parser_exc)
            refusals.note("websocket closed", code, path=self.scope["path"], reason=why)
            self.handle_parser_exception()

    def handle_events(self) -> None:
        """Handle what was parsed; mostly it is one whole text."""
        events = self.conn.events
        if len(events) == 1 and isinstance(text := events[0], Frame) and text.opcode is Opcode.TEXT:
            self.conn.events = []
            self.handle_text(text)
        else:
            super().handle_events()

    def let_go(self) -> None:
        """Hold nothing that holds this, now that it is over."""
        super().let_go()
        del self._intake

    def _end_flood(self) -> None:
        """Read no more from a peer that sends too much, and say so if no other end was told."""
        self._cut_off = True
        limit = self._limit
        too_many = f"more than {limit.per_second:g} frames a second, pings and pongs counted"
        refusals.note("websocket cut off", limit.close_code, path=self.scope["path"])
        if not self._closed:
            self._say_last(limit.close_code, f"{too_many}: send less")
        self.end(limit.close_code, f"{too_many}: send less")
        self._intake.discard()
        self._intake.pause()
        self._let_it_read()

    def _let_it_read(self) -> None:
        """Give a peer a moment: closed at once, the kernel would take back what it was told."""
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def _say_last(self, code: int, reason: str) -> None:
        """Say as a text, too, why the connection is closed: few programs show a reason."""
        if self._limit.last_word is not None and not self._closed:
            self.transport.write(text_frame(self._limit.last_word(code, reason)))

    def _fault(self, exc: Exception) -> str:
        """Say what cannot be read."""
        match exc:
            case PayloadTooBig():
                return f"a message is at most {self.config.ws_max_size} bytes"
            case UnicodeDecodeError():
                return "the reason of a close is not UTF-8"
            case _:
                return f"this is no frame of a websocket's client (RFC 6455): {exc}"

    def handle_parser_exception(self) -> None:
        """End a connection on which nothing more can be read; its close frame is written."""
        close = self.conn.close_sent
        code, reason = (1006, "") if close is None else (close.code, close.reason)
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.stop_keepalive()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self._cut_off = True
        with suppress(OSError, RuntimeError):  # of a peer that has just gone
            self.transport.write_eof()
        self._intake.discard()
        self._intake.resume()
        self._let_it_read()

    def handle_ping(self) -> None:
        """Answer a ping; a peer that does not read its answers gets no more of them."""
        if self.writable.is_set() and not self._closed:
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def keepalive_timeout(self) -> None:
        """End a connection whose peer does not answer."""
        self.pong_timer = None
        self.end(4408, "no answer to a ping: come back with since")

    # What the application asks for, whatever the state of the connection

    def send_receive_event_to_app(self) -> None:
        """Hand a message on; the next is read when it was taken."""
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "bytes":
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
        else:
            try:
                self.queue.put_nowait({"type": "websocket.receive", "text": data.decode()})
            except UnicodeDecodeError:
                if self.conn.state is State.OPEN:
                    self._say_last(1007, "not UTF-8")
                self.end(1007, "not UTF-8")
                return
        self._intake.pause()

    async def receive(self) -> ASGIReceiveEvent:
        """Return what comes next."""
        message = await self.queue.get()
        self._intake.go_on()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """
        Do what the application asks for.

        Raises:
            ClientDisconnected: the peer, or we, have closed. An application finds out only now.
        """
        await self.writable.wait()
        if self._closed:
            raise ClientDisconnected
        await super().send(message)
        if self.close_sent:
            self._intake.end()  # the answer to the close is to be heard
        else:
            self._intake.go_on()  # it may have let the peer in
