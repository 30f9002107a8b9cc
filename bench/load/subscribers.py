"""Subscribers of one call: each takes what comes, as cheaply as can be."""

import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.load.sockets import Connection, Poller, WebSocket, dial
from bench.load.wire import TEXT, ask

SENT = re.compile(rb" sent (\d+\.\d{6})")  # see deepgram.results
EACH_SECOND = 500  # so many connect
STEP = 0.05
OPEN_SECONDS = 20.0


@dataclass
class Window:
    """Finals that were made between two moments count, and how long each was under way (s)."""

    begin: float = float("inf")
    end: float = float("inf")
    delays: list[float] = field(default_factory=list)

    def take(self, message: bytes) -> bool:
        """Note a message; returns whether it counts."""
        found = SENT.search(message)
        if found is None or not self.begin <= (sent := float(found[1])) < self.end:
            return False
        self.delays.append(time.monotonic() - sent)
        return True


class Listener(WebSocket):
    """A subscriber by websocket; it says what it wants when it was greeted, if it has to."""

    def __init__(self, poller: Poller, port: int, path: str, wish: str, window: Window) -> None:
        super().__init__(poller, dial(port), 1)
        self.joined = False
        self._wish = wish
        self.count = 0
        self._window = window
        self.write(ask(path, f"127.0.0.1:{port}", {}))

    def opened(self, head: bytes) -> None:
        self.joined = head.startswith(b"HTTP/1.1 101") and not self._wish
        if not head.startswith(b"HTTP/1.1 101"):
            self.drop()

    def message(self, opcode: int, payload: bytes) -> None:
        del opcode
        if not self.joined:
            self.send(TEXT, self._wish.encode())
            self.joined = True
        self.count += self._window.take(payload)


class Eventful(Connection):
    """A subscriber by event stream."""

    def __init__(self, poller: Poller, port: int, path: str, window: Window) -> None:
        super().__init__(poller, dial(port))
        self.joined = False
        self.count = 0
        self._window = window
        self._rest = b""
        self.write(ask(path, f"127.0.0.1:{port}", {}, websocket=False))

    def received(self, data: bytes) -> None:
        if not self.joined:
            self.joined = data.startswith(b"HTTP/1.1 200")
            if not self.joined:
                self.drop()
        *events, self._rest = (self._rest + data).split(b"\n\n")
        for event in events:
            self.count += self._window.take(event)


class Audience:
    """All subscribers of a call."""

    def __init__(self, poller: Poller, port: int, path: str, wish: str, *, events: bool) -> None:
        self.window = Window()
        self.members: list[Listener | Eventful] = []
        self._poller = poller
        self._port, self._path, self._wish, self._events = port, path, wish, events

    def join(self, number: int, meanwhile: Callable[[float], None]) -> None:
        """Let so many connect, and wait for them."""
        each = round(EACH_SECOND * STEP)
        end = time.monotonic() + number / EACH_SECOND + OPEN_SECONDS
        while self.joined < number and time.monotonic() < end:
            self._grow(min(each, number - len(self.members)))
            meanwhile(STEP)

    def _grow(self, number: int) -> None:
        for _ in range(number):
            self.members.append(
                Eventful(self._poller, self._port, self._path, self.window)
                if self._events
                else Listener(self._poller, self._port, self._path, self._wish, self.window)
            )

    @property
    def joined(self) -> int:
        """How many are there."""
        return sum(member.joined and member.is_open for member in self.members)

    def leave(self) -> None:
        for member in self.members:
            member.drop()


def percentile(delays: Sequence[float], percent: float) -> float:
    """In milliseconds; of nothing there is none."""
    if not delays:
        return math.nan
    ordered = sorted(delays)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000
