"""
A live call beside an attack: in the same service, and none the worse for it.

The call, who reads it and the stand-in for Deepgram have a thread and a loop of their own, so that
a test may keep its own loop as busy as an attacker would. Time in which a thread that a final
passes through had no processor does not count: other tests run beside this one.
"""

import asyncio
import bisect
import contextlib
import json
import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from anyio.from_thread import BlockingPortal, start_blocking_portal
from support.credentials import AUTH_TOKEN
from support.processes import Serve, Service, descendants
from support.timing import PATIENCE, UNIT, until
from websockets.asyncio.client import connect

from rehearsal.deepgram import DeepgramStandIn
from rehearsal.frames import schedule
from rehearsal.scripted import Scripted
from rehearsal.twilio import Messages, Options, headers

# What an attack may cost the call: seconds by which a final is later than usual, MB of memory.
LATE = 1.0 * UNIT
MEMORY = 20.0
# Finals that show what is usual, before the attack; there is one a second of either side.
USUAL = 4
LONGEST = 240  # seconds of audio; the call ends when the test says so
TICK = 0.02


@dataclass
class LiveCall:
    """A call that goes on until :meth:`check`."""

    service: Service
    deepgram: DeepgramStandIn
    token: str
    portal: BlockingPortal
    usual: threading.Event = field(default_factory=threading.Event)
    carrying: Future[None] = field(default_factory=Future)
    _options: Options = field(default_factory=lambda: Options(auth_token=AUTH_TOKEN, jitter_ms=0))
    _sent: dict[str, bytearray] = field(default_factory=dict)
    _delays: list[float] = field(default_factory=list)
    # When, and how much waiting for a processor there had been by then, in seconds.
    _waits: list[tuple[float, float]] = field(default_factory=list)
    _begun: float = 0.0
    _queue: "RunQueue" = field(init=False)
    _hang_up: asyncio.Event = field(default_factory=asyncio.Event)
    _memory: float = 0.0  # MB, when the attack began
    _before: int = 0  # how many finals had come by then

    @property
    def call_sid(self) -> str:
        return self._options.call_sid

    async def carry(self) -> None:
        """Place the call, and read it to its end."""
        self._queue = RunQueue(self.service.popen.pid)
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(self._watch_processors())
            reading = tasks.create_task(self._read())
            await self._place()
            await reading
            waiting.cancel()

    async def two_finals(self) -> None:
        """Wait until two more have come, or the call is over; for the thread of the call."""
        before = len(self._delays)
        await until(lambda: self.carrying.done() or len(self._delays) >= before + 2)
        assert len(self._delays) >= before + 2, "the call is over"

    def attacked(self) -> None:
        """From now on the memory's peak and the delays are those under attack."""
        Path(f"/proc/{self.service.popen.pid}/clear_refs").write_text("5")
        self._memory = resident(self.service.popen.pid, "VmRSS")
        self._before = len(self._delays)

    def check(self, calls: int = 1, memory: float = MEMORY) -> None:
        """
        End the call: nothing was lost, no final late, Deepgram never left, little memory.

        Args:
            calls: How many there were, with those that came during the attack.
            memory: MB that the attack may cost.
        """
        peak = resident(self.service.popen.pid, "VmHWM") - self._memory
        self.portal.call(self.two_finals)  # however short the attack was, it has its effect on them
        count = len(self._delays)
        self.portal.call(self._hang_up.set)
        self.carrying.result(PATIENCE)
        usual = sorted(self._delays[: self._before])[self._before // 2]
        late = max(self._delays[self._before :]) - usual
        print(f"{count} finals, {late:.2f} s late at most, {peak:.1f} MB more")
        assert len(self.deepgram.heard) == calls
        received = self.deepgram.heard[0].received
        for channel, track in enumerate(("inbound", "outbound")):
            assert self._sent[track] in received[channel::2], f"{track} is not all there"
        assert late < LATE
        assert peak < memory

    async def _place(self) -> None:
        url = f"{self.service.ws}/twilio"
        source = random.Random(0)
        inbound, outbound = noise(source, LONGEST), noise(source, LONGEST)
        messages = Messages(self._options)
        loop = asyncio.get_running_loop()
        async with connect(
            url, additional_headers=headers(url, self._options), compression=None, proxy=None
        ) as socket:
            await socket.send(messages.connected())
            await socket.send(messages.start())
            self._begun = loop.time()
            for frame in schedule(inbound, outbound, self._options):
                if (due := self._begun + frame.at - loop.time()) > 0:
                    await asyncio.sleep(due)
                await socket.send(messages.media(frame))
                self._sent.setdefault(frame.track, bytearray()).extend(frame.payload)
                if self._hang_up.is_set():
                    break
            await socket.send(messages.stop())
            await socket.wait_closed()

    async def _read(self) -> None:
        """Note how long after its last sample each final comes."""
        url = f"{self.service.ws}/client?call={self.call_sid}&token={self.token}"
        async with connect(url, compression=None, proxy=None) as socket:
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "CallEnded":
                    return
                if message["type"] == "Results" and message["is_final"]:
                    self._note_delay(self._begun + message["start"] + message["duration"])
                    if len(self._delays) >= USUAL:
                        self.usual.set()
        raise AssertionError("the call's reader was sent away before its end")

    def _note_delay(self, spoken: float) -> None:
        now, waited = self._look_at_processors()
        index = bisect.bisect_right(self._waits, spoken, key=lambda wait: wait[0])
        before = self._waits[index - 1][1] if index else 0.0
        self._delays.append(now - spoken - (waited - before))

    def _look_at_processors(self) -> tuple[float, float]:
        now = asyncio.get_running_loop().time()
        return now, self._queue.look(now)

    async def _watch_processors(self) -> None:
        while True:
            self._waits.append(self._look_at_processors())
            await asyncio.sleep(TICK)


@contextmanager
def live_call(serve: Serve, token: str, **environ: str) -> Iterator[LiveCall]:
    """
    Start a service with a call that has come to its usual pace; then the attack may begin.

    Args:
        serve: The fixture.
        token: Opens the call.
        environ: Settings of the service.
    """
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(DeepgramStandIn(Scripted())) as deepgram,
    ):
        service = serve(fresh=True, DEEPGRAM_URL=deepgram.url, **environ)
        call = LiveCall(service, deepgram, token, portal)
        call.carrying = portal.start_task_soon(call.carry)
        try:
            assert call.usual.wait(PATIENCE), service.text
            call.attacked()
            yield call
        finally:
            call.carrying.cancel()


class RunQueue:
    """
    Counts the time in which a thread that a final passes through had no processor to run on.

    They are the service's loop, those of its nats-server, this thread, and the test's own: of the
    threads of one Python none runs while another has its lock and waits. Some wait at the same
    time: beside the service the one counts that waited longest, and of all no more than has passed.

    Args:
        service: The process, which has started its server.
    """

    def __init__(self, service: int) -> None:
        test = os.getpid()
        self._threads = [f"{service}", f"{test}", f"{test}/task/{threading.get_native_id()}"]
        self._children = descendants(service)
        self._waited = self._read()
        self._at = asyncio.get_running_loop().time()
        self._seconds = 0.0

    def look(self, now: float) -> float:
        """Return how many seconds that are by now, in all."""
        before, self._waited = self._waited, self._read()
        more = {one: waited - before.get(one, 0.0) for one, waited in self._waited.items()}
        service = more.pop(self._threads[0])
        self._seconds += min(now - self._at, service + max(more.values()))
        self._at = now
        return self._seconds

    def _read(self) -> dict[str, float]:
        found = {thread: waited_for_processor(thread) for thread in self._threads}
        for child in self._children:
            for thread in Path(f"/proc/{child}/task").iterdir():
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    path = f"{child}/task/{thread.name}"
                    found[path] = waited_for_processor(path)
        return found


def waited_for_processor(thread: str) -> float:
    """Return for how many seconds a thread was ready to run and did not, by its path in /proc."""
    # Source: https://docs.kernel.org/scheduler/sched-stats.html
    return int(Path(f"/proc/{thread}/schedstat").read_text().split()[1]) / 1e9


def resident(pid: int, line: str) -> float:
    """Return a line of a process's memory, in MB: what it has (VmRSS), its peak (VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    said = next(text for text in status.splitlines() if text.startswith(line))
    return int(said.split()[1]) / 1024


def noise(source: random.Random, seconds: int) -> bytes:
    """Bursts of sound, with silence between them; no two are alike."""
    audio = bytearray()
    while len(audio) < seconds * 8000:
        audio += bytes(source.choices(range(1, 127), k=source.randrange(800, 3200)))
        audio += b"\xff" * source.randrange(800, 4000)
    return bytes(audio)
