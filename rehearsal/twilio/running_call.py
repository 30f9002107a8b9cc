"""
One leg of a call while it lives: its status, clock, audio and streams.

What it does is decided by TwiML (:mod:`rehearsal.twilio.instructions`), or, for a leg that a
``<Dial>`` made, by the leg that made it.
"""

import asyncio
import time
from dataclasses import dataclass

from rehearsal.audio import SAMPLE_RATE
from rehearsal.twilio.call_audio import CallAudio
from rehearsal.twilio.call_clock import CallClock
from rehearsal.twilio.callbacks import Callbacks
from rehearsal.twilio.forks import Forks
from rehearsal.twilio.legs import Leg, Status
from rehearsal.twilio.line import Line

# Nobody hangs up before the last word is through.
PUT_DOWN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Source:
    """
    Where a call finds what it is to do next.

    Attributes:
        url: Whom to ask; empty if ``twiml`` is it.
        more: What the request says besides what all say.
        fallback: Whom to ask if there is no answer: a URL and a method.
    """

    url: str = ""
    method: str = "POST"
    twiml: str = ""
    more: tuple[tuple[str, str], ...] = ()
    fallback: tuple[str, str] | None = None


class RunningCall:
    """
    A leg that lives.

    Attributes:
        hung_up: Whether it is to end, and as what.
        over: Set when all of it has ended, its streams too.
    """

    def __init__(
        self, leg: Leg, audio: CallAudio, forks: Forks, callbacks: Callbacks, line: Line
    ) -> None:
        self.leg = leg
        self.audio = audio
        self.forks = forks
        self.hung_up: Status | None = None
        self.over = asyncio.Event()
        self.clock: CallClock | None = None
        self.redirected: Source | None = None
        self._callbacks = callbacks
        self._line = line
        self._conversing = asyncio.Event()
        # Set when what the call is doing is to be given up.
        self.interrupted = asyncio.Event()

    def move(self, status: Status) -> None:
        """Go on to another status, and tell it."""
        if status is Status.IN_PROGRESS and self.clock is None:
            self.clock = CallClock(self._line.behaviour.speed)
        before = self.leg.status
        self._callbacks.send(self.leg.move(status, time.time()))
        if self.leg.status is not before:
            self._line.report(f"{self.leg.sid}: {status}")

    def answer(self) -> CallClock:
        """Have it answered, if it is not; from here on it has a clock."""
        self.move(Status.IN_PROGRESS)
        if self.clock is None:
            raise RuntimeError(f"{self.leg.sid} is over")
        return self.clock

    def hang_up(self, status: Status = Status.COMPLETED) -> None:
        """Have it end; whoever runs it does that. One that was not answered is cancelled."""
        if self.hung_up is None:
            unanswered = status is Status.COMPLETED and self.clock is None
            self.hung_up = Status.CANCELED if unanswered else status
        self.interrupted.set()

    def redirect(self, source: Source) -> None:
        """Have it do something else; its streams go on."""
        self.redirected = source
        self.interrupted.set()

    def play(self) -> None:
        """Have Twilio play something to it."""
        if self.clock is not None:
            self.audio.play(self._position(self.clock))

    def converse(self) -> None:
        """Have the conversation begin, if it has not."""
        if self.clock is not None:
            self.audio.begin(self._position(self.clock))
            self._conversing.set()

    async def said(self) -> None:
        """Wait until all is said that was recorded, and sent; without a recording, for ever."""
        await self._conversing.wait()
        if self.clock is None or self.audio.end is None:
            await asyncio.Event().wait()
            raise AssertionError("nothing sets it")
        await self.clock.until(self.audio.end / SAMPLE_RATE + PUT_DOWN_SECONDS)

    async def end(self, status: Status) -> None:
        """End it: its streams stop, and whoever wants to know is told."""
        for fork in self.forks.running:
            fork.stop()
        self.move(status)
        await self.forks.end()
        self.over.set()

    @staticmethod
    def _position(clock: CallClock) -> int:
        return int(clock.now() * SAMPLE_RATE)
