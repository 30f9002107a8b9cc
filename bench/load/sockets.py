"""Sockets and a clock in one thread: no event loop is as exact, nor costs as little a frame."""

import select
import socket
import time
from collections.abc import Callable
from typing import Protocol

from bench.load.wire import CLOSE, PING, PONG, Frames, frame

LEAST_WAIT = 100e-6  # what falls due within it goes together
LONGEST_WAIT = 0.02
SEND_BUFFER = 64 * 1024
READ_BYTES = 256 * 1024
NORMAL = b"\x03\xe8"


class Ready(Protocol):
    """What is told of its descriptor."""

    def ready(self, events: int) -> None:
        """Read or write."""


class Poller:
    """Waits for descriptors, to the tenth of a millisecond."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._waiting: dict[int, Ready] = {}

    def add(self, descriptor: int, ready: Ready) -> None:
        self._waiting[descriptor] = ready
        self._epoll.register(descriptor, select.EPOLLIN)

    def remove(self, descriptor: int) -> None:
        del self._waiting[descriptor]
        self._epoll.unregister(descriptor)

    def want_write(self, descriptor: int, *, wanted: bool) -> None:
        self._epoll.modify(descriptor, select.EPOLLIN | (select.EPOLLOUT if wanted else 0))

    def turn(self, until: float) -> None:
        """Serve what is ready, or wait for it; not much longer than until then."""
        wait = min(max(until - time.monotonic(), LEAST_WAIT), LONGEST_WAIT)
        # epoll alone waits for whole milliseconds: frames would go in bunches, which cost less.
        select.select([self._epoll], [], [], wait)
        for descriptor, events in self._epoll.poll(0):
            if (ready := self._waiting.get(descriptor)) is not None:
                ready.ready(events)

    def run(self, seconds: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Serve for so long, or until it is done; returns whether it is."""
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                return False
            self.turn(end)
        return True


class Connection:
    """One socket; what it does not take at once waits here."""

    def __init__(self, poller: Poller, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_open = True
        self._poller = poller
        self._socket = sock
        self._unsent = bytearray()
        poller.add(sock.fileno(), self)

    def write(self, data: bytes | bytearray) -> None:
        """Send, now or later."""
        if self._unsent or not self.is_open:
            self._unsent += data
            return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.drop()
            return
        if sent < len(data):
            self._unsent += data[sent:]
            self._poller.want_write(self._socket.fileno(), wanted=True)

    def ready(self, events: int) -> None:
        if events & select.EPOLLOUT:
            self._poller.want_write(self._socket.fileno(), wanted=False)
            unsent, self._unsent = self._unsent, bytearray()
            self.write(unsent)
        if self.is_open and events & ~select.EPOLLOUT:
            try:
                data = self._socket.recv(READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                self.received(data)
            else:
                self.drop()

    def drop(self) -> None:
        """Close it."""
        if self.is_open:
            self.is_open = False
            self._poller.remove(self._socket.fileno())
            self._socket.close()

    def received(self, data: bytes) -> None:
        """Take what was read."""
        raise NotImplementedError


class WebSocket(Connection):
    """A websocket, of either side: what comes before its frames is left to the kinds of it."""

    def __init__(self, poller: Poller, sock: socket.socket, mask: int | None) -> None:
        super().__init__(poller, sock)
        self._mask = mask  # None for a server's
        self._head: bytes | None = b""
        self._frames = Frames()
        self.close_code: int | None = None

    def send(self, opcode: int, payload: bytes) -> None:
        self.write(frame(opcode, payload, self._mask))

    def received(self, data: bytes) -> None:
        if self._head is not None:
            head, end, data = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return
            self._head = None
            self.opened(head)
            if not self.is_open:  # it was refused, and what follows is text
                return
        for opcode, payload in self._frames.feed(data):
            if opcode == PING:
                self.send(PONG, payload)
            elif opcode == CLOSE:
                self.close_code = int.from_bytes(payload[:2]) or 1005
                self.send(CLOSE, payload[:2])
                self.drop()
            elif opcode != PONG:
                self.message(opcode, payload)
            if not self.is_open:
                return

    def opened(self, head: bytes) -> None:
        """Take the head of a request, or of an answer."""
        raise NotImplementedError

    def message(self, opcode: int, payload: bytes) -> None:
        """Take a message."""
        raise NotImplementedError


def listen(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    listener.setblocking(False)
    return listener


def dial(port: int) -> socket.socket:
    """Connect; on this machine that is done at once."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return sock
