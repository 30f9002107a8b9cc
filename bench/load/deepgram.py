"""
Deepgram's side: hears the frames, answers results that look like its own.

``rehearsal.deepgram`` is the stand-in that can do more, and costs more.
"""

import json
import socket
import time
from functools import cache

from bench.load.marks import Ear
from bench.load.sockets import NORMAL, Poller, WebSocket, accepted, listen
from bench.load.wire import BINARY, CLOSE, TEXT, accept

RATE = 8000
WORDS = "the quick brown fox jumps over the lazy dog and runs away".split()  # noqa: SIM905


class Journal:
    """When frames were sent, and what came of them."""

    def __init__(self, calls: int) -> None:
        # When each was sent, by call and track: its number is its place.
        self.sent: list[tuple[list[float], list[float]]] = [([], []) for _ in range(calls)]
        self.results: list[float] = []  # when each final was made
        self.begin()
        self.counting = False

    def begin(self) -> None:
        """Count anew from here."""
        self.counting = True
        self.frame_delays: list[float] = []
        self.chunk_delays: list[float] = []  # of the newest frame in a message
        self.lags: list[float] = []  # how late frames were sent

    def came(self, arrived: list[tuple[int, int, int]], now: float) -> None:
        """Take the frames that one message completed: call, track and number of each."""
        if not self.counting or not arrived:
            return
        delays = [now - self.sent[call][track][number] for call, track, number in arrived]
        self.frame_delays += delays
        self.chunk_delays.append(min(delays))


class Deepgram:
    """
    The listening side.

    Attributes:
        results_every: Seconds of audio for which a final comes on each channel.
        journal: What is noted of the frames.
    """

    def __init__(self, poller: Poller, port: int) -> None:
        self.results_every = 1.0
        self.journal = Journal(0)
        self.sessions: list[Session] = []
        self._poller = poller
        self._listener = listen(port)
        poller.add(self._listener.fileno(), self)

    def ready(self, events: int) -> None:
        del events
        for sock in accepted(self._listener):
            self.sessions.append(Session(self._poller, sock, self))

    def begin(self, journal: Journal, results_every: float) -> None:
        """Forget what was; what comes is noted there."""
        self.sessions = [session for session in self.sessions if session.is_open]
        self.journal, self.results_every = journal, results_every

    @property
    def open(self) -> int:
        """How many sessions have not ended."""
        return sum(session.is_open for session in self.sessions)


class Session(WebSocket):
    """One connection to Deepgram."""

    def __init__(self, poller: Poller, sock: socket.socket, deepgram: Deepgram) -> None:
        super().__init__(poller, sock, None)
        self.ended_well = False
        self.ear = Ear(self._note)
        self._deepgram = deepgram
        self._arrived: list[tuple[int, int, int]] = []
        self._samples = 0
        self._answered = 0.0  # seconds

    def _note(self, call: int, track: int, number: int) -> None:
        self._arrived.append((call, track, number))

    def opened(self, head: bytes) -> None:
        answer = accept(head)
        if answer is None:
            self.drop()
        else:
            self.write(answer)

    def message(self, opcode: int, payload: bytes) -> None:
        if opcode == BINARY and payload:
            self._hear(payload)
        elif opcode == BINARY or b"CloseStream" in payload:  # the tutorial's way, and today's
            self._finish()

    def _hear(self, audio: bytes) -> None:
        now = time.monotonic()
        self.ear.hear(audio)
        self._deepgram.journal.came(self._arrived, now)
        self._arrived.clear()
        self._samples += len(audio) // 2
        every = self._deepgram.results_every
        while self._samples >= (self._answered + every) * RATE:
            for channel in (0, 1):
                self.send(TEXT, results(channel, self._answered, every, now))
                self._deepgram.journal.results.append(round(now, 6))
            self._answered += every

    def _finish(self) -> None:
        now, heard = time.monotonic(), self._samples / RATE
        if heard > self._answered:
            for channel in (0, 1):
                self.send(TEXT, results(channel, self._answered, heard - self._answered, now))
        body = {"type": "Metadata", "request_id": "0", "duration": heard, "channels": 2}
        self.send(TEXT, json.dumps(body).encode())
        self.send(CLOSE, NORMAL)
        self.ended_well = True


def results(channel: int, start: float, duration: float, now: float) -> bytes:
    """Make a final of some 1.2 kB, which says when it was made."""
    body = _results(channel, start, duration)
    return body.replace(b"MADE", b"%.6f" % now)


@cache  # calls that began together have the same
def _results(channel: int, start: float, duration: float) -> bytes:
    step = duration / len(WORDS)
    words = [
        {
            "word": word,
            "start": round(start + number * step, 3),
            "end": round(start + (number + 0.9) * step, 3),
            "confidence": 0.98762,
            "punctuated_word": word,
        }
        for number, word in enumerate(WORDS)
    ]
    alternative = {"transcript": f"{' '.join(WORDS)} sent MADE", "confidence": 0.98762}
    body = {
        "type": "Results",
        "channel_index": [channel, 2],
        "duration": duration,
        "start": start,
        "is_final": True,
        "speech_final": True,
        "from_finalize": False,
        "channel": {"alternatives": [{**alternative, "words": words}]},
        "metadata": {
            "request_id": "00000000-1111-4222-8333-444455556666",
            "model_info": {"name": "2-phonecall-nova", "version": "2024-01-09.29447"},
        },
    }
    return json.dumps(body, separators=(",", ":")).encode()
