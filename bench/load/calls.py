"""Callers: Twilio's side, open loop. A frame goes when it is due, whatever the server does."""

import itertools
import random
import time
from collections.abc import Iterator

from bench.load.deepgram import Journal
from bench.load.marks import FRAME_MS
from bench.load.sockets import NORMAL, Poller, WebSocket, dial
from bench.load.wire import CLOSE, TEXT, Stream, ask
from rehearsal.twilio import Messages, Options, headers

FRAME_SECONDS = FRAME_MS / 1000
FIRST_TIMESTAMP = 60  # ms: real streams begin at some tens
BURST = 16  # frames in a row, then arrivals are looked at: their times must be true


class Call(WebSocket):
    """
    One media stream.

    Attributes:
        streaming: Frames go out.
        refused: The handshake was answered with something else than 101.
    """

    def __init__(
        self, poller: Poller, number: int, port: int, auth_token: str, journal: Journal
    ) -> None:
        super().__init__(poller, dial(port), number)
        self.streaming = self.refused = False
        self.options = Options(auth_token=auth_token)
        self._messages = Messages(self.options)
        self._sent = journal.sent[number]
        self._number = number
        self._stream = Stream(number, self.options.stream_sid, 1)
        host = f"127.0.0.1:{port}"
        signed = headers(f"ws://{host}/twilio", self.options)
        self.write(ask("/twilio", host, signed))

    def opened(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 101"):
            self.refused = True
            self.drop()
            return
        self.send(TEXT, self._messages.connected().encode())
        self.send(TEXT, self._messages.start().encode())
        self.streaming = True

    def message(self, opcode: int, payload: bytes) -> None:
        """A one-way stream is told nothing."""

    def speak(self, track: int) -> None:
        """Send the next frame of a track."""
        sent = self._sent[track]
        number = len(sent)
        frame = self._stream.media(track, number, FIRST_TIMESTAMP + number * FRAME_MS)
        sent.append(time.monotonic())
        self.write(frame)

    def stop(self) -> None:
        """Say that the call is over; the server closes."""
        if self.streaming:
            self.streaming = False
            self.send(TEXT, self._stream.stop(self.options))

    def hang_up(self) -> None:
        """Close the socket, as Twilio does where the server has not."""
        if self.is_open:
            self.send(CLOSE, NORMAL)


class Callers:
    """Places calls, one after the other, and speaks in all of them."""

    def __init__(self, poller: Poller, count: int, port: int, auth_token: str, ramp: float) -> None:
        self.journal = Journal(count)
        self.calls: list[Call] = []
        self._poller = poller
        self._count, self._port, self._auth_token = count, port, auth_token
        self._begun = time.monotonic()
        self._each = ramp / count
        self._slots = _slots(count)
        self._next = next(self._slots)

    def speak(self, seconds: float) -> None:
        """Let them speak for so long."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            self._place(now)
            due = self._speak(now)
            self._poller.turn(min(due, end))

    def _place(self, now: float) -> None:
        if len(self.calls) < min(self._count, (now - self._begun) / self._each):
            number = len(self.calls)
            self.calls.append(
                Call(self._poller, number, self._port, self._auth_token, self.journal)
            )

    def _speak(self, now: float) -> float:
        """Send what is due, not too much of it in a row; returns when the next one is."""
        calls = self.calls
        for _ in range(BURST):
            after, call, track = self._next
            if (due := self._begun + after) > now:
                return due
            if call < len(calls) and calls[call].streaming:
                calls[call].speak(track)
                if self.journal.counting:
                    self.journal.lags.append(now - due)
            self._next = next(self._slots)
        return now

    def end(self, seconds: float) -> bool:
        """End all calls; returns whether the server closed each of them in that time."""
        for call in self.calls:
            call.stop()
        if self._poller.run(seconds, lambda: not any(call.is_open for call in self.calls)):
            return True
        for call in self.calls:
            call.hang_up()
        return False


def _slots(calls: int) -> Iterator[tuple[float, int, int]]:
    """Yield who speaks next: after how many seconds, which call, which track; without end."""
    source = random.Random(calls)  # noqa: S311  the same for each server
    # Each track has its own phase in the 20 ms, as in the world.
    phases = sorted(
        (source.uniform(0, FRAME_SECONDS), call, track) for call in range(calls) for track in (0, 1)
    )
    for cycle in itertools.count():
        for phase, call, track in phases:
            yield cycle * FRAME_SECONDS + phase, call, track
