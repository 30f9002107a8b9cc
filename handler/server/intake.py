"""
How a websocket is read: whole frames, a few at a time, and those of a media stream the short way.

A call has a hundred small messages a second. Each on its own would wake the loop, go through
websockets' parser, ASGI's queue and a task, which costs many times what the message does. So an
application may *take* the plain texts of a websocket: those that came in one go are handed over in
one go. All other frames go the way of all frames, and what they bring keeps its place among the
rest. And it may *poll* for them: nothing is read then at other times, and the kernel keeps what
comes meanwhile, so that a call wakes up once for each chunk of audio and not for each frame.

Under another server there is none of this: an application reads by ASGI, as it does here until it
asks for more.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

from handler.server.client_frames import MAX_HEAD, ends_in_pieces, frame_end, plain_texts

# So many frames are parsed in a turn, or so many plain texts taken: a millisecond or less. Then
# others have theirs.
FRAMES_A_TURN = 64
TEXTS_A_TURN = 160
READ_SIZE = 64 * 1024

Take = Callable[[list[bytes]], None]


class Socket(Protocol):
    """The websocket that is read, as its protocol has it."""

    transport: asyncio.Transport

    @property
    def listening(self) -> bool:
        """Whether more may come: nothing waits until the application has taken it."""

    def count(self, frames: int) -> bool:
        """Count frames; False if they are more than the peer may send, which is cut off then."""

    def receive_frame(self, data: bytes) -> None:
        """Take a frame, the way of all frames."""


class Intake:
    """
    Reads one websocket.

    Attributes:
        take: Takes the payloads of plain texts; None while all messages go through ASGI.
    """

    def __init__(self, socket: Socket, loop: asyncio.AbstractEventLoop, max_frame: int) -> None:
        self.take: Take | None = None
        self._socket = socket
        self._loop = loop
        self._max_frame = max_frame
        self._unread = bytearray()  # it came, and is parsed in another turn, or once there is more
        self._lacking = False  # what is there is the beginning of a frame
        self._turn: asyncio.Handle | None = None
        self._in_pieces = False  # a message is, and its last piece did not come yet
        self._paused = False
        self._may_poll = os.name == "posix"
        self._discarding = False
        self._descriptor: int | None = None  # of the kernel's socket, while it is polled

    def feed(self, data: bytes) -> None:
        """Take bytes as they come."""
        if self._turn is not None or not self._socket.listening:
            self._unread += data
            self.pause()
        elif self._unread:
            self._unread += data
            self._parse_unread()
        elif (end := self._parse(data)) < len(data) and not self._discarding:
            self._unread += data[end:]

    def go_on(self) -> None:
        """Parse what is there, or read more, now that nobody has anything to take before."""
        if self._turn is not None or not self._socket.listening:
            return
        if self._unread and not self._lacking:
            self._take_turn_later()
        else:
            self.resume()

    def discard(self) -> None:
        """Parse nothing more, and forget what came."""
        self._discarding = True
        self._unread.clear()
        self._stop_polling()

    def poll(self) -> None:
        """
        Read what has come. From the first time on, until :meth:`end`, nothing is read but here.

        A burst is read on in the next turns of the loop. Where nothing can be read so, as under
        TLS, it comes by itself as it did.
        """
        transport = self._socket.transport
        if self._turn is not None or transport.is_closing() or not self._socket.listening:
            return
        if self._descriptor is None:
            if not self._may_poll or transport.get_extra_info("sslcontext") is not None:
                return
            self.pause()
            self._descriptor = transport.get_extra_info("socket").fileno()
        try:
            data = os.read(self._descriptor, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # it has ended, which the transport finds out by itself
            self.end()
            return
        self.feed(data)
        if len(data) == READ_SIZE:
            self._loop.call_soon(self.poll)

    def end(self) -> None:
        """Read by itself, all of it the way of all messages: nobody takes or polls any more."""
        self._stop_polling()
        self.go_on()

    def pause(self) -> None:
        """Read no more for now."""
        if not self._paused and not self._socket.transport.is_closing():
            self._paused = True
            self._socket.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._paused and self._descriptor is None and not self._socket.transport.is_closing():
            self._paused = False
            self._socket.transport.resume_reading()

    def _stop_polling(self) -> None:
        self.take = None
        self._may_poll = False
        self._descriptor = None

    def _take_turn_later(self) -> None:
        if self._turn is None:
            self._turn = self._loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        if self._socket.transport.is_closing():
            self._unread.clear()
        elif self._socket.listening:
            self._parse_unread()
            self.go_on()

    def _parse_unread(self) -> None:
        del self._unread[: self._parse(self._unread)]

    def _parse(self, data: bytes | bytearray) -> int:
        """Parse as much as a turn may have; returns where the rest of ``data`` begins."""
        at = 0
        self._lacking = False
        for _ in range(FRAMES_A_TURN):
            if self.take is not None and not self._in_pieces:
                texts, at = plain_texts(data, at, TEXTS_A_TURN)
                if texts:
                    if not self._socket.count(len(texts)):
                        return len(data)
                    self.take(texts)
                    if len(texts) == TEXTS_A_TURN:
                        break
            end = frame_end(data, at)
            if end is None or end > len(data):
                if end is None or end - at <= self._max_frame + MAX_HEAD:
                    self._lacking = True
                    return at
                end = len(data)  # too long: let it be refused
            self._in_pieces = ends_in_pieces(data[at], before=self._in_pieces)
            self._socket.receive_frame(bytes(data[at:end]))
            at = end
            if not self._socket.listening:
                return at
        if at < len(data):
            self._take_turn_later()
            self.pause()
        return at
