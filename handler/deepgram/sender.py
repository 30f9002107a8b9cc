"""What is sent on one connection, and when: at once, paced in a replay, a word in each pause."""

import asyncio
import enum
from collections.abc import Callable

from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.audio.mulaw import seconds
from handler.deepgram.coverage import Coverage
from handler.deepgram.replay import SentAudio
from handler.deepgram.socket import DeepgramSocket
from handler.deepgram.timing import Pause, StallWatch, Timing

# Seconds of audio with which a replay begins. What a full buffer lets go of next would else be what
# is sent next: any delay would lose a little more, and tell a second gap.
HEAD_START = 1.0


class Stage(enum.Enum):
    """What the call asks of its recogniser."""

    STREAMING = enum.auto()  # audio comes, or may come
    FLUSHING = enum.auto()  # what was sent is to be transcribed to its end; more may come later
    FINISHED = enum.auto()  # the same, and no more will come


class Demand:
    """
    What the call asks for, and a signal when that changes.

    Attributes:
        stage: Set by :meth:`set` alone; it stays FINISHED.
        changed: Set when there is more to send, or another stage; whoever waits for it clears it.
        finished: Set at FINISHED.
        queued_since: Loop time since which audio waits to be sent; None while none does.
    """

    def __init__(self) -> None:
        self.stage = Stage.STREAMING
        self.changed = asyncio.Event()
        self.finished = asyncio.Event()
        self.queued_since: float | None = None

    def set(self, stage: Stage) -> None:
        """Ask for something else; nothing follows the end."""
        if self.stage is not Stage.FINISHED:
            self.stage = stage
        if stage is Stage.FINISHED:
            self.finished.set()
        self.changed.set()


class Sender:
    """
    Sends the audio of one connection, from where the finals end, until no more is asked for.

    A chunk that comes when all before it was sent goes out at once, by :meth:`offer`. What cannot
    goes out in :meth:`run`: a replay, and what a peer that does not read keeps waiting.
    """

    def __init__(
        self,
        socket: DeepgramSocket,
        coverage: Coverage,
        demand: Demand,
        sent: SentAudio,
        stall: StallWatch,
        lose: Callable[[Loss], None],
        *,
        timing: Timing,
        replaying: bool,
    ) -> None:
        """Begin with nothing sent; what is sent is noted in ``sent``, and for ``stall``."""
        self._socket = socket
        self._coverage = coverage
        self._demand = demand
        self._sent = sent
        self._stall = stall
        self._lose = lose
        self._timing = timing
        self._replaying = replaying  # it lags the call, and sends what was kept
        self._opened = asyncio.get_running_loop().time()
        self._position = coverage.both_until  # what lies before it was sent, or need not be
        self._caught_up = False  # all was sent, and run() waits for more
        self._sent_at = 0.0  # loop time

    def offer(self, chunk: Chunk) -> bool:
        """
        Send the newest chunk at once, if all before it was sent and the peer keeps up.

        Returns whether it was; else it is sent by :meth:`run`, once the demand says so.
        """
        if not self._caught_up or self._demand.changed.is_set():
            return False
        if not self._socket.send_now(self._coverage.unsaid(chunk)):
            return False
        self._sent.add(chunk)
        self._note_sent(chunk)
        return True

    async def run(self) -> None:
        """Send from where the finals end, then live, until all is sent and a flush is asked for."""
        loop = asyncio.get_running_loop()
        queued_since = self._demand.queued_since
        # Longer than a handshake can take: the breaker held the call back, or a flush took long.
        if queued_since is not None and self._opened - queued_since > self._timing.open:
            self._replaying = True
        pause = Pause(self._timing, loop.time(), after_audio=False)
        while True:
            if (dropped := self._coverage.collect_dropped(self._position)) is not None:
                self._lose(dropped)
            if chunk := self._coverage.after(self._position):
                if self._replaying:  # until it has caught up with the call
                    await self._keep_pace()
                self._sent.add(chunk)  # before the await: an answer may come while it is being sent
                await self.say(self._coverage.unsaid(chunk))
                self._note_sent(chunk)
                continue
            self._replaying = False
            self._demand.queued_since = None
            if self._demand.stage is not Stage.STREAMING:
                return
            if self._sent_at > pause.since:
                pause = Pause(self._timing, self._sent_at, after_audio=True)
            self._demand.changed.clear()
            if not await self._wait_for_more(pause.due) and self._sent_at <= pause.since:
                await self.say(pause.go_on(loop.time()))

    async def say(self, message: str | bytes) -> None:
        """Send a message; a peer that does not read is waited for, and watched."""
        self._stall.sending = True
        await self._socket.send(message)
        self._stall.sending = False

    def _note_sent(self, chunk: Chunk) -> None:
        self._position = chunk.end
        self._sent_at = asyncio.get_running_loop().time()
        self._stall.flowing = True

    async def _keep_pace(self) -> None:
        """Wait until the next chunk of a replay is due; the first of them go out at once."""
        ahead = seconds(self._sent.samples) - HEAD_START
        due = self._opened + ahead / self._timing.replay_speed
        await asyncio.sleep(due - asyncio.get_running_loop().time())

    async def _wait_for_more(self, until: float) -> bool:
        """
        Wait for audio that was not sent at once, or another stage.

        Returns whether there is any ``until`` then, by the loop's time.
        """
        self._caught_up = True
        try:
            async with asyncio.timeout_at(until):
                await self._demand.changed.wait()
        except TimeoutError:
            return self._demand.changed.is_set()  # both at once, after the process stood still
        finally:
            self._caught_up = False
        return True
