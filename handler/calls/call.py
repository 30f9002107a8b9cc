"""One live call, from its first media stream to its last record."""

import asyncio
import enum
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, assert_never

import structlog

from broker import records
from broker.broker import Broker
from broker.entries import CallEntry
from broker.identifiers import restore_plus
from broker.records import CallFacts, Record
from handler.audio.mixer import Chunk, Mixer
from handler.audio.mulaw import SAMPLE_RATE, AudioTotals, Track, seconds
from handler.calls.gaps import OpenGaps
from handler.config import Settings
from handler.deepgram.messages import Result, Signal
from handler.deepgram.recogniser import Down, Lost, Output, Recogniser, Up
from handler.deepgram.retry import Breaker
from handler.errors import StreamRefused
from handler.twilio.messages import Frame, StartDetails

# A second media stream may take a call over only if the current one was silent for so long: the
# websocket's signature is the same for every call and could be replayed.
TAKEOVER_SECONDS = 5.0
# How long the first audio waits for the claim, which tells where the call clock begins.
CLAIM_SECONDS = 2.0

CloseSocket = Callable[[int, str], Coroutine[Any, Any, None]]


class End(enum.Enum):
    """How a media stream ended."""

    STOPPED = "completed"  # Twilio said stop: the call, or its streaming, is over
    LOST = "stream-lost"  # the socket broke without it
    REPLACED = "replaced"  # another media stream of the call took over
    DRAINED = "drained"  # this process is leaving


@dataclass(eq=False, slots=True)
class MediaStream:
    """
    One Twilio websocket of a call.

    Attributes:
        stream_sid: Twilio's name for it.
        received_at: Unix time in ms at which its ``start`` came in.
        close: Closes the websocket with a code and a reason.
        mixer: The two tracks, placed by timestamp.
        offset: Where its zero lies on the call clock, in samples.
        frames: Media messages so far.
        faults: What was wrong with messages, by kind.
    """

    stream_sid: str
    received_at: int
    close: CloseSocket
    mixer: Mixer
    offset: int = 0
    frames: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    end: End | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def audio(self) -> AudioTotals:
        """What it carried so far."""
        return AudioTotals(self.frames, self.mixer.filled_samples, self.mixer.late_samples)

    def feed(self, frame: Frame) -> None:
        """Take one frame. Never waits: whoever drives this must keep reading."""
        self.frames += 1
        self.mixer.feed(frame.track, frame.timestamp, frame.payload)

    def finish(self, end: End) -> None:
        """No more frames will come; the first reason given stands."""
        if self.end is None:
            self.end = end
            self.over.set()


class Call:
    """
    One live call. It owns every task that runs on its behalf.

    :meth:`run` returns once the last record is stored. A recogniser or a broker that is away does
    not end a call; a defect of ours does, and leaves in an :exc:`ExceptionGroup`.
    """

    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        start: StartDetails,
        stream: MediaStream,
        *,
        former: CallEntry | None,
        breaker: Breaker,
        note_delay: Callable[[float], None],
    ) -> None:
        self.call_sid = start.call_sid
        self._note_delay = note_delay
        self._settings = settings
        self._broker = broker
        self._log = structlog.get_logger().bind(call_sid=start.call_sid)
        self._stream = stream  # the current one
        self._streams = deque([stream])  # those that were not carried yet
        self._attached = asyncio.Event()
        self._listening = True
        self._over = False
        self._leaving = False
        self._started_at = stream.received_at
        self._former = former  # the call as another container left it
        self._facts = _facts(start, stream)
        self._writer = broker.writer(call=self._facts, epoch=broker.next_epoch())
        self._recogniser = Recogniser(settings, self._publish, start.call_sid, breaker=breaker)
        self._gaps = OpenGaps()
        # Tracks whose last stored final had text but no endpoint yet: their next speech_final is
        # a record even when it is empty, so that an utterance's end is never missing.
        self._unended: set[Track] = set()
        self._carried = AudioTotals()  # by media streams that are over
        self._last_frames = 0
        self._last_heard = time.monotonic()
        self._silent = False  # for longer than another stream has to wait

    def attach(self, stream: MediaStream, account_sid: str) -> None:
        """
        Take another media stream of this call in place of the current one.

        Raises:
            StreamRefused: the current one is alive, or it is not of the same account.
        """
        if account_sid != self._facts.account_sid:
            raise StreamRefused("another account's call")
        silent_for = time.monotonic() - self._last_heard
        if self._stream.end is None and silent_for < TAKEOVER_SECONDS:
            raise StreamRefused("a media stream of this call is alive")
        self._stream.finish(End.REPLACED)
        self._carried = self.audio
        self._stream = stream
        self._streams.append(stream)
        self._last_frames, self._last_heard, self._silent = 0, time.monotonic(), False
        self._attached.set()

    @property
    def audio(self) -> AudioTotals:
        """What its media streams carried so far."""
        return self._carried + self._stream.audio

    @property
    def outbox_depth(self) -> int:
        """Records that are not known to be stored yet."""
        return self._writer.depth

    @property
    def outbox_dropped(self) -> int:
        """Finals that made room in a full outbox."""
        return self._writer.dropped

    @property
    def over(self) -> bool:
        """Whether it is heard no more, and only its last records are on their way."""
        return self._over

    @property
    def waiting(self) -> bool:
        """Whether it has lost its media stream and waits for another."""
        return self._listening and self._stream.end is End.LOST

    @property
    def listening(self) -> bool:
        """Whether another media stream can still be attached."""
        return self._listening and self._stream.end not in (End.STOPPED, End.DRAINED)

    def leave(self) -> None:
        """This process is leaving: flush the tail, but do not end the call."""
        self._leaving = True
        self._listening = False
        self._stream.finish(End.DRAINED)
        self._attached.set()

    async def close_socket(self, code: int, reason: str) -> None:
        """Close the current media stream's websocket, if it is open."""
        if self._stream.end is None:
            self._stream.finish(End.LOST)
            await self._stream.close(code, reason)

    async def abandon(self) -> None:
        """Let other processes end the call: this one has failed it."""
        with suppress(TimeoutError):
            await self._writer.abandon()

    async def run(self, predecessor: asyncio.Task[None] | None = None) -> None:
        """
        Carry the call from its first frame to its last record.

        Args:
            predecessor: The call's former life, whose last records come first. Hearing does not
                wait for it.
        """
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._write(predecessor), name=f"{self.call_sid} writer")
            hearing = tasks.create_task(self._recogniser.run(), name=f"{self.call_sid} recogniser")
            end = await self._listen(tasks)
            self._recogniser.finish()
            await hearing
            self._over = True
            for lost in self._gaps.take_all():
                self._put_gap(lost)
            if end is End.DRAINED:
                self._writer.update(
                    state="waiting", covered=self._covered(), abandoned=End.DRAINED.value
                )
            else:
                self._writer.put(
                    records.call_ended(
                        self._recogniser.audio_end, end.value, self._recogniser.request_ids
                    )
                )
            self._writer.finish()
            await writing
        self._log.info("call over", reason=end.value, seconds=self._duration())

    async def _write(self, predecessor: asyncio.Task[None] | None) -> None:
        if predecessor is not None:
            await asyncio.wait({predecessor})
        await self._writer.run()

    async def _listen(self, tasks: asyncio.TaskGroup) -> End:
        """Pass media streams to the recogniser, one after the other, until the call is over."""
        while True:
            stream = self._streams.popleft()
            await self._place_on_call_clock(stream)
            await self._pump(stream)
            self._log_stream(stream)
            match stream.end:
                case End.STOPPED:
                    self._listening = False
                    return End.STOPPED
                case End.DRAINED:
                    # At once: what Twilio sends from now on would be heard by nobody.
                    tasks.create_task(stream.close(1012, "draining"))
                    return End.DRAINED
                case End.REPLACED:
                    tasks.create_task(stream.close(1008, "replaced by another media stream"))
                case _:
                    self._recogniser.flush()
                    announcing = tasks.create_task(self._announce_loss())
                    attached = await self._reattached()
                    announcing.cancel()
                    if not attached:
                        self._listening = False
                        return End.LOST
                    if not self._streams:
                        return End.DRAINED
            self._writer.update(state="live", covered={}, abandoned="crashed")
            self._writer.resume(self._streams[0].stream_sid)

    async def _announce_loss(self) -> None:
        """Let another container take the call over, once the last words of this one are out."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.close_seconds):
                await self._recogniser.settled()
        self._writer.update(state="waiting", covered=self._covered(), abandoned=End.LOST.value)

    async def _reattached(self) -> bool:
        """Wait for another media stream, as long as a call outlives the loss of one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.resume_seconds):
                while not self._streams and not self._leaving:
                    self._attached.clear()
                    await self._attached.wait()
        return bool(self._streams) or self._leaving

    async def _place_on_call_clock(self, stream: MediaStream) -> None:
        """Find the offset of a media stream: when it began, but behind all audio before it."""
        if not self._writer.claimed.is_set() and self._broker.connected:
            try:
                async with asyncio.timeout(CLAIM_SECONDS):
                    await self._writer.claimed.wait()
            except TimeoutError:
                self._log.warning("claim is late; the call clock is as the registry has it")
        covered_end = self._recogniser.audio_end
        went_on = self._writer.resumed and not self._writer.had_ended
        if self._writer.claimed.is_set() and self._writer.started_at is not None:
            self._started_at = self._writer.started_at
            ends = (*self._writer.published_ends.values(), self._writer.told_lost)
            covered_end = max(covered_end, *ends)
        elif self._former is not None:
            self._started_at = self._former.started_at
            went_on = True
        begun = max(0.0, (stream.received_at - self._started_at) / 1000)
        stream.offset = round(max(begun, covered_end) * SAMPLE_RATE)
        before, reason = self._recogniser.audio_end, "media-lost"
        if not before and went_on:
            # Another container heard the call so far; what it did not get to, nobody has.
            before, reason = covered_end, "owner-lost"
            if self._former is not None and self._former.state == "waiting":
                before, reason = max(before, *self._former.covered.values(), 0.0), "media-lost"
            stream.offset = max(stream.offset, round(before * SAMPLE_RATE))
        if before and seconds(stream.offset) > before:
            self._put_gap(Lost(before, seconds(stream.offset), None, reason))

    async def _pump(self, stream: MediaStream) -> None:
        """Mixer to recogniser, a chunk at a time, until the media stream is over."""
        loop = asyncio.get_running_loop()
        interval = self._settings.chunk_ms / 1000
        tick = loop.time()
        while not stream.over.is_set():
            tick = max(tick + interval, loop.time())
            try:
                async with asyncio.timeout_at(tick):
                    await stream.over.wait()
            except TimeoutError:
                pass
            self._note_silence(stream)
            now = loop.time()
            self._hear(stream, partial(stream.mixer.pop, now), now)
        # The tail: what one side still waited for the other to match.
        self._hear(stream, stream.mixer.drain, loop.time())

    def _note_silence(self, stream: MediaStream) -> None:
        """Let it be known that another media stream may take the call over, here or elsewhere."""
        now = time.monotonic()
        if stream.frames != self._last_frames:
            self._last_frames, self._last_heard = stream.frames, now
            if self._silent:
                self._silent = False
                self._writer.update(state="live", covered={})
        elif not self._silent and now - self._last_heard >= TAKEOVER_SECONDS:
            self._silent = True
            self._writer.update(state="waiting", covered=self._covered())

    def _hear(self, stream: MediaStream, pop: Callable[[], Chunk | None], now: float) -> None:
        while (chunk := pop()) is not None:
            self._recogniser.send(Chunk(chunk.start + stream.offset, chunk.audio))
        for dropped in stream.mixer.take_dropped():
            start, end = (
                seconds(dropped.start + stream.offset),
                seconds(dropped.end + stream.offset),
            )
            self._gaps.note(Lost(start, end, dropped.track, dropped.reason), now)
        for lost in self._gaps.take_ended(now):
            self._put_gap(lost)

    def _publish(self, output: Output) -> None:
        """Take what comes from the recogniser. Never waits."""
        match output:
            case Result() if self._is_record(output):
                spoken_at = self._started_at / 1000 + output.end
                self._note_delay(time.time() - spoken_at)
                self._writer.put(Record("final", output.track.value, output.body))
            case Result() | Signal():
                self._writer.interim(output.track.value, output.body)
            case Down(reason):
                self._writer.put(records.recogniser("down", reason))
            case Up():
                self._writer.put(records.recogniser("up", None))
            case Lost():
                self._put_gap(output)
            case _:
                assert_never(output)

    def _is_record(self, result: Result) -> bool:
        """Whether a result is kept: a final with text, or the end of the utterance behind it."""
        if not result.is_final:
            return False
        kept = bool(result.transcript) or (result.speech_final and result.track in self._unended)
        if kept and not result.speech_final:
            self._unended.add(result.track)
        elif kept:
            self._unended.discard(result.track)
        return kept

    def _put_gap(self, lost: Lost) -> None:
        track = lost.track.value if lost.track is not None else None
        self._log.warning("gap", reason=lost.reason, start=lost.start, end=lost.end, track=track)
        self._writer.put(records.gap(lost.start, lost.end, track, lost.reason))

    def _covered(self) -> dict[str, float]:
        return {track.value: end for track, end in self._recogniser.covered.items()}

    def _duration(self) -> float:
        """Seconds from the zero of the call clock to the end of the last audio."""
        return round(self._recogniser.audio_end, 3)

    def _log_stream(self, stream: MediaStream) -> None:
        mixer = stream.mixer
        self._log.info(
            "media stream over",
            stream_sid=stream.stream_sid,
            end=stream.end.value if stream.end else None,
            frames=stream.frames,
            filled_ms=mixer.filled_samples * 1000 // SAMPLE_RATE,
            late_ms=mixer.late_samples * 1000 // SAMPLE_RATE,
            overlap_ms=mixer.overlap_samples * 1000 // SAMPLE_RATE,
            slipped_samples=mixer.slipped_samples,
            leaps=mixer.leaps,
            restarts=mixer.restarts,
            refused_frames=mixer.refused_frames,
            faults=dict(stream.faults),
        )


def _facts(start: StartDetails, stream: MediaStream) -> CallFacts:
    parameters = start.custom_parameters
    direction = parameters.get("direction", "")
    return CallFacts(
        call_sid=start.call_sid,
        account_sid=start.account_sid,
        from_=_number(parameters.get("from", "")),
        to=_number(parameters.get("to", "")),
        direction=None if direction.startswith("{{") or not direction else direction,
        started_at=stream.received_at,
        stream_sid=stream.stream_sid,
    )


def _number(text: str) -> str | None:
    """
    Read a number from a custom parameter.

    A TwiML Bin that is not a template sends ``{{From}}`` as it stands: nobody's number. Callers
    may be withheld (``anonymous``) or have a SIP address; such values are shown and grant nothing.
    """
    if not text or text.startswith("{{"):
        return None
    return restore_plus(text)
