"""
Twilio for calls that move: each call has as many streams as were asked for, of the same audio.

``rehearsal.twilio`` is the stand-in that can do more, and costs more: with a hundred calls it
takes a processor for itself.
"""

import itertools
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.load.api import Answer, Api, Form, Timer, call_back, parameters
from bench.load.marks import FRAME_MS
from bench.load.sockets import NORMAL, Poller, WebSocket, dial
from bench.load.voices import Pairs
from bench.load.wire import CLOSE, TEXT, ask
from rehearsal.twilio import Messages, Options, forms, headers

FRAME_SECONDS = FRAME_MS / 1000
BURST = 16  # calls in a row, then arrivals are looked at
# A call ends once Twilio has waited so long for the server to close.
CLOSING_SECONDS = 5.0
RAMP_SECONDS = 0.03  # between two calls that come in
API_PATH = re.compile(r"/2010-04-01/Accounts/\w+/Calls/(\w+)(?:/Streams(?:/(\w+))?)?\.json")


@dataclass(frozen=True)
class Line:
    """Whose calls they are, and where they lead."""

    poller: Poller
    timer: Timer
    account_sid: str
    auth_token: str
    url: str  # of media streams


class Fork(WebSocket):
    """
    One media stream of a call.

    Attributes:
        streaming: Frames go out.
        refused: The handshake was answered with something else than 101.
    """

    def __init__(self, line: Line, call_sid: str, name: str, callback: str, form: Form) -> None:
        url = urlsplit(line.url)
        super().__init__(line.poller, dial(url.port or 80), secrets.randbelow(64))
        self.streaming = self.refused = False
        self.name, self._callback, self._line = name, callback, line
        self.options = Options(
            auth_token=line.auth_token,
            account_sid=line.account_sid,
            call_sid=call_sid,
            parameters=parameters(form),
        )
        self._messages = Messages(self.options)
        self._pairs = Pairs(self.options.stream_sid, 1)
        self.write(ask(url.path, url.netloc, headers(line.url, self.options)))

    def opened(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 101"):
            self.refused = True
            self.drop()
            self._tell("stream-error", head.split(b"\r\n")[0].decode("latin-1"))
            return
        self.send(TEXT, self._messages.connected().encode())
        self.send(TEXT, self._messages.start().encode())
        self.streaming = True
        self._tell("stream-started")

    def message(self, opcode: int, payload: bytes) -> None:
        """A one-way stream is told nothing."""

    def speak(self, pair: Sequence[bytes]) -> None:
        """Send the next frame of each track."""
        self.write(self._pairs.media(pair))

    def stop(self) -> None:
        """Say that it is over; the server closes, or Twilio does."""
        if self.streaming:
            self.streaming = False
            self.send(TEXT, self._messages.stop().encode())
            self._line.timer.later(CLOSING_SECONDS, self.hang_up)

    def hang_up(self) -> None:
        """Close the socket, as Twilio does where the server has not."""
        if self.is_open:
            self.send(CLOSE, NORMAL)

    def drop(self) -> None:
        if self.is_open and not self.refused:
            self._tell("stream-error" if self.streaming else "stream-stopped")
        self.streaming = False
        super().drop()

    def _tell(self, event: str, error: str = "31920 Handshake Error") -> None:
        if self._callback:
            options = self.options
            form = forms.stream(
                account_sid=options.account_sid,
                call_sid=options.call_sid,
                stream_sid=options.stream_sid,
                name=self.name,
                event=event,
                at=time.time(),
                error=error if event == "stream-error" else "",
            )
            call_back(self._line.poller, self._callback, form, options.auth_token)


class Call:
    """
    A call, and its streams.

    Attributes:
        sid: Its callSid.
        forks: Its streams, in the order in which they began.
        spoken: How many frames of each side were sent.
    """

    def __init__(self, line: Line, sides: Sequence[list[bytes]]) -> None:
        self.sid = f"CA{secrets.token_hex(16)}"
        self.forks: list[Fork] = []
        self._line = line
        self.spoken = 0
        self._frames = zip(*sides, strict=False)
        self.fork("", "", {})

    @property
    def streaming(self) -> bool:
        return any(fork.streaming for fork in self.forks)

    def fork(self, name: str, callback: str, form: Form) -> Fork:
        """Begin another stream."""
        self.forks.append(Fork(self._line, self.sid, name, callback, form))
        return self.forks[-1]

    def speak(self) -> None:
        """Send the next 20 ms of the call on each of its streams; at its end, end them."""
        running = [fork for fork in self.forks if fork.streaming]
        if not running:
            return
        pair = next(self._frames, None)
        for fork in running:
            if pair is None:
                fork.stop()
            else:
                fork.speak(pair)
        self.spoken += pair is not None


class Carrier:
    """
    Carries calls, and does what the API is asked for.

    Attributes:
        calls: All of them, by number.
        lags: How late each 20 ms went, in seconds.
    """

    def __init__(
        self, line: Line, api: tuple[int, float], said: Sequence[Sequence[list[bytes]]]
    ) -> None:
        """
        Prepare them.

        Args:
            line: Where they lead.
            api: The port of the REST API, and after how many seconds it answers.
            said: In each call, by both sides: what each frame holds.
        """
        self.calls: dict[int, Call] = {}
        self.lags: list[float] = []
        self._line, self._said = line, said
        self._by_sid: dict[str, Call] = {}
        self._api = Api(line.poller, api[0], api[1], line.timer, self._answer)
        source = random.Random(len(said))  # noqa: S311  no secret
        # Each call has its own phase in the 20 ms, as in the world.
        self._begun = time.monotonic()
        phases = [source.uniform(0, FRAME_SECONDS) for _ in said]
        self._slots = _slots(self._begun, phases)
        self._next = next(self._slots)

    @property
    def most_asked(self) -> int:
        """How many requests the API had at once, at the most."""
        return self._api.most

    def speak(self, done: Callable[[], bool]) -> None:
        """Carry what there is, and place the calls that are not there yet, until it is done."""
        while not done():
            now = time.monotonic()
            due = min(self._speak(now), self._line.timer.turn(now))
            self._line.poller.turn(due)

    def end(self) -> None:
        """End all calls."""
        for call in self.calls.values():
            for fork in call.forks:
                fork.stop()

    def _speak(self, now: float) -> float:
        """Send what is due, not too much of it in a row; returns when the next is."""
        for _ in range(BURST):
            due, number = self._next
            if due > now:
                return due
            if (call := self.calls.get(number)) is not None:
                call.speak()
                self.lags.append(now - due)
            elif due - self._begun >= number * RAMP_SECONDS:
                self._place(number)
            self._next = next(self._slots)
        return now

    def _place(self, number: int) -> None:
        """Have a call come in; it begins with the next slot of its own."""
        call = self.calls[number] = Call(self._line, self._said[number])
        self._by_sid[call.sid] = call

    def _answer(self, method: str, path: str, form: Form) -> Answer:
        """Begin a stream, stop one, or tell of a call."""
        found = API_PATH.fullmatch(path)
        call = self._by_sid.get(found[1]) if found else None
        if found is None or call is None:
            return 404, {"code": 20404, "message": f"{path} was not found", "status": 404}
        if method == "GET":
            return 200, {"sid": call.sid, "status": "in-progress"}
        if found[2] is None:
            fork = call.fork(form["Name"], form.get("StatusCallback", ""), form)
            return 201, {"sid": fork.options.stream_sid, "status": "in-progress"}
        for fork in call.forks:
            if found[2] in (fork.name, fork.options.stream_sid):
                fork.stop()
        return 200, {"sid": found[2], "status": "stopped"}


def _slots(begun: float, phases: list[float]) -> Iterator[tuple[float, int]]:
    """Yield when it is whose turn; without end."""
    order = sorted((phase, number) for number, phase in enumerate(phases))
    for cycle in itertools.count():
        for phase, number in order:
            yield begun + cycle * FRAME_SECONDS + phase, number
