"""One live call, from its first media stream to its last record."""

import asyncio
import enum
import functools
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from broker.broker import Broker
from handler.audio.counts import AudioCounts
from handler.audio.mulaw import TRACKS, seconds
from handler.calls.call_clock import MEDIA_LOST, PAUSED, Before, CallClock
from handler.calls.claiming import Claiming
from handler.calls.media_stream import End, MediaStream
from handler.calls.mixed_stream import Activity, MixedStream, StreamQueue, Tick
from handler.calls.outcome import Outcome
from handler.calls.publisher import Publisher
from handler.calls.records import call_facts
from handler.calls.relocation import Mover
from handler.calls.ticker import Ticker
from handler.config import Settings
from handler.deepgram.recogniser import Recogniser
from handler.deepgram.retry import Breaker
from handler.deepgram_options import call_options
from handler.errors import StreamRefused
from handler.parameters import read_parameters
from handler.twilio.start import StartDetails


class CallState(enum.Enum):
    """How far a call has come; it only goes on, and :meth:`Call._advance` alone sets it."""

    ARRIVING = 0  # another media stream has the call
    LISTENING = 1  # to a media stream, or for the next
    LEAVING = 2  # the process is: the call goes on elsewhere
    FINISHING = 3  # the recogniser has the last of the audio
    OVER = 4  # only records are on their way


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """
    What all calls of a process share.

    Attributes:
        settings: The service's.
        broker: Where records go.
        breaker: Knows whether Deepgram is down.
        ticker: The clock of all calls.
    """

    settings: Settings
    broker: Broker
    breaker: Breaker
    ticker: Ticker


class Call:
    """
    One live call. It owns every task that runs on its behalf.

    :meth:`run` returns once the last record is stored. A recogniser or a broker that is away does
    not end a call; a defect of ours does, and leaves in an :exc:`ExceptionGroup`.

    Attributes:
        parameters: What its media stream was told of it.
        streams: Its media streams.
        writer: What writes it.
    """

    def __init__(
        self,
        shared: Shared,
        start: StartDetails,
        stream: MediaStream,
        *,
        before: Before | None = None,
    ) -> None:
        settings, broker = shared.settings, shared.broker
        self.call_sid = start.call_sid
        self.account_sid = start.account_sid
        self.parameters = start.custom_parameters
        self._settings = settings
        self._ticker = shared.ticker
        self._log = structlog.get_logger().bind(call_sid=start.call_sid)
        self._state = CallState.LISTENING
        self._lost_at: int | None = None  # Unix ms: since then it has no media stream that lives
        self.streams = StreamQueue(stream, mix_wait=settings.mix_wait_ms / 1000)
        self._clock = CallClock(stream.received_at, before)
        facts = call_facts(
            start,
            read_parameters(start.custom_parameters),
            stream.received_at,
            None if before is None else before.options,
        )
        wanted = call_options(facts.options or "", settings.deepgram_options, settings.call_options)
        self.writer = broker.writer(call=facts, epoch=broker.next_epoch())
        self._publisher = Publisher(self.writer, self._clock)
        self._recogniser = Recogniser(
            settings,
            self._publisher.take,
            start.call_sid,
            options=wanted.pairs,
            breaker=shared.breaker,
        )
        self.writer.update(**self.streams.listed)
        self._claiming = Claiming(
            broker, self.writer, self._clock, settings.instance, takes_over=stream.takes_over
        )
        self._mover = Mover(
            broker.moves,
            self.writer,
            self._recogniser,
            self._clock,
            self._publisher,
            self.streams,
        )
        self._outcome = Outcome(broker.statuses, start.account_sid, start.call_sid)
        if wanted.problems:
            self._publisher.leave_options_out(wanted.problems)

    @property
    def audio(self) -> AudioCounts:
        """What its media streams carried so far."""
        return self.streams.counts

    @property
    def recogniser(self) -> Recogniser:
        """What transcribes it."""
        return self._recogniser

    @property
    def over(self) -> bool:
        """Whether only its last records are on their way."""
        return self._state is CallState.OVER

    @property
    def waiting(self) -> bool:
        """Whether it waits for another media stream: for the next, or for its other track's."""
        if self._state is not CallState.LISTENING:
            return False
        now = asyncio.get_running_loop().time()
        return self.streams.current.end is End.LOST or self.streams.current.is_half(now)

    @property
    def one_sided(self) -> bool:
        """Whether it was never said that both sides are sent."""
        return len(self.streams.tracks) < len(TRACKS)

    @property
    def arriving(self) -> bool:
        """Whether it is on its way here: another media stream has it."""
        return False

    @property
    def moving(self) -> bool:
        """Whether another media stream was asked for, which is to take it."""
        return self._mover.active

    @property
    def listening(self) -> bool:
        """Whether another media stream can still be attached."""
        ended = self.streams.current.end in (End.STOPPED, End.DRAINED)
        return self._state is CallState.LISTENING and not ended

    @property
    def before(self) -> Before:
        """What the call's next life has to know of this one, which may not be stored yet."""
        stopped = self.streams.current.end is End.STOPPED
        missing = PAUSED if stopped else MEDIA_LOST
        return Before(self._clock.started_at, self._end, missing, self.writer.call.options)

    @property
    def _end(self) -> int:
        """How far the call is known, in samples on the call clock; a stream may bring no audio."""
        return max(self._recogniser.audio_end, self._clock.reached or 0)

    def attach(self, stream: MediaStream, account_sid: str) -> None:
        """
        Take another media stream of this call: its other track, or in place of the current one.

        Raises:
            StreamRefused: its tracks are alive, or it is not of the same account.
        """
        if account_sid != self.account_sid:
            raise StreamRefused("another account's call")
        doubled = self.streams.attach(stream, asyncio.get_running_loop().time())
        self.writer.update(**self.streams.listed)
        if doubled:
            self._log.warning(
                "track sent twice: it is heard of the media stream that had it first",
                tracks=list(doubled),
                stream_sid=stream.stream_sid,
                advice='one <Stream> of track="both_tracks" is enough',
            )

    async def move(self, ask_for_stream: Callable[[], Awaitable[None]]) -> None:
        """
        Let another media stream take the call; returns once one has it.

        Raises:
            MoveFailed: it stays.
        """
        await self._mover.move(ask_for_stream)
        self.streams.current.finish(End.MOVED)

    def hurry(self) -> None:
        """This process is leaving soon: a move that goes on is to come to its end."""
        self._mover.hurry()

    def leave(self) -> None:
        """This process is leaving: flush the tail, but do not end the call."""
        self._advance(CallState.LEAVING)
        self.writer.update(leaving=True)
        self._mover.leave()
        self.streams.current.finish(End.DRAINED)
        self.streams.close()

    async def close_socket(self, code: int, reason: str) -> None:
        """Close the websockets of the current media streams, if they are open."""
        stream = self.streams.current
        if stream.end is None:
            stream.finish(End.LOST)
            await stream.close(code, reason)

    async def abandon(self) -> None:
        """Let other processes end the call: this one has failed it."""
        received = time.time() - self._clock.started_at / 1000
        with suppress(TimeoutError):
            await self.writer.abandon(max(0.0, received))

    async def run(self, predecessor: asyncio.Task[None] | None = None) -> None:
        """
        Carry the call from its first frame to its last record.

        Args:
            predecessor: The call's former life, whose last records come first. Audio does not wait
                for it.
        """
        with self._outcome.watched(self._note_status):
            async with self._mover:
                end = await self._carry(predecessor)
        duration = seconds(self._end)
        status = self._outcome.status
        self._log.info(
            "call over", reason=end.value, call_status=status, seconds=round(duration, 3)
        )

    async def _carry(self, predecessor: asyncio.Task[None] | None) -> End:
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._write(predecessor), name=f"{self.call_sid} writer")
            transcribing = tasks.create_task(
                self._recogniser.run(), name=f"{self.call_sid} recogniser"
            )
            end = await self._listen(tasks)
            if self._outcome.status is not None and end is not End.MOVED:
                end = End.STOPPED  # whatever became of its media stream
            self._advance(CallState.FINISHING)
            self._recogniser.finish()
            await transcribing
            self._advance(CallState.OVER)
            if end is not End.MOVED:
                self._put_last_records(end)
            self.writer.finish()
            await writing
        return end

    def _note_status(self, status: str) -> None:
        """Take Twilio's word that the call is over: no other media stream is waited for."""
        self._log.info("call is over, says twilio", call_status=status)
        self.writer.update(call_status=status)  # so others know that its owner lives
        self.streams.close()

    def _advance(self, state: CallState) -> None:
        if state.value > self._state.value:
            self._state = state

    async def _write(self, predecessor: asyncio.Task[None] | None) -> None:
        if predecessor is not None:
            await asyncio.wait({predecessor})
        await self._claiming.last_words()
        await self.writer.run(self._claiming.may_claim)

    # Media streams, placed on the call clock, to the recogniser.

    async def _listen(self, tasks: asyncio.TaskGroup) -> End:
        """Take media streams one after the other, until the call is over; returns how it ended."""
        stream: MixedStream | None = self.streams.pop()
        while stream is not None:
            await self._listen_to(stream, tasks)
            if await self._mover.has_moved():
                return End.MOVED
            match stream.end:
                case End.STOPPED:
                    self.writer.update(leaving=True, stream_sids=())
                    return End.STOPPED
                case End.DRAINED:
                    # At once: what Twilio sends from now on would be read by nobody.
                    tasks.create_task(stream.close(1012, "draining"))
                    return End.DRAINED
                case End.REPLACED:
                    stream = self.streams.pop()
                case _:
                    stream = await self._outlive_loss(tasks)
            if stream is not None:
                self._mover.go_on()
                self.writer.update(
                    state="live",
                    leaving=False,
                    covered={},
                    abandoned="crashed",
                    **self.streams.listed,
                )
                self.writer.resume(stream.first.stream_sid)
        return End.DRAINED if self._state is CallState.LEAVING else End.LOST

    async def _listen_to(self, stream: MixedStream, tasks: asyncio.TaskGroup) -> None:
        """Take one media stream from where it lies on the call clock to its end."""
        await self._place_on_call_clock(stream)
        await self._pump(stream, tasks)

    async def _pump(self, stream: MixedStream, tasks: asyncio.TaskGroup) -> None:
        await stream.pump(self._ticker, functools.partial(self._forward, stream, tasks))

    async def _outlive_loss(self, tasks: asyncio.TaskGroup) -> MixedStream | None:
        """Wait for another media stream, as long as a call outlives the loss of one."""
        self._lost_at = time.time_ns() // 1_000_000
        self.writer.update(leaving=True)
        self._recogniser.flush()
        beside = self._announce_loss(), self._outcome.keep_asking()
        waiting = [tasks.create_task(work) for work in beside]
        stream = await self.streams.next(self._settings.resume_seconds)
        for task in waiting:
            task.cancel()
        if stream is not None:
            self._lost_at = None
        return stream

    async def _announce_loss(self) -> None:
        """Let another container take the call over, once the last words of this one are out."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.close_seconds):
                await self._recogniser.settled()
                await self.writer.stored()
        self.writer.update(state="waiting", covered=self._transcribed(), abandoned=End.LOST.value)

    async def _place_on_call_clock(self, stream: MixedStream) -> None:
        await self._claiming.wait()
        audio_end, claim = self._recogniser.audio_end, self._claiming.found()
        place = self._clock.place(stream.first.received_at, audio_end, claim)
        stream.offset = place.offset
        for loss in self._claiming.losses(place):
            self._publisher.lose(loss)

    def _forward(self, stream: MixedStream, tasks: asyncio.TaskGroup, tick: Tick) -> None:
        """Take what media streams bring. Never waits."""
        for over in tick.over:
            self._log.info("media stream over", **over.summary(), **stream.summary())
            if over.end is End.REPLACED:
                tasks.create_task(over.socket.close(1008, "replaced by another media stream"))
        if tick.over:
            self.writer.update(**self.streams.listed)
        match tick.changed:
            case Activity.ACTIVE:
                self.writer.update(state="live", covered={})
            case Activity.SILENT:  # another may take over, here or elsewhere
                self.writer.update(state="waiting", covered=self._transcribed())
        if stream.end is None and stream.is_silent(tick.now):
            self._look_for_end(stream, tasks, tick.now)
        self._hear(tick)

    def _hear(self, tick: Tick) -> None:
        """Take what was said, and what of it was lost."""
        for chunk in tick.chunks:
            self._mover.send(chunk)
        self._publisher.add_losses(self._mover.lose(tick.losses), tick.now)

    def _look_for_end(self, stream: MixedStream, tasks: asyncio.TaskGroup, now: float) -> None:
        """End what brings nothing any more, if Twilio says that the call is over."""
        if self._outcome.status is not None:
            if (since := stream.dead_since(now)) is not None:
                self._lost_at = round((time.time() - (now - since)) * 1000)
            stream.finish(End.STOPPED)
            tasks.create_task(stream.close(1000, "the call is over"))
        elif self._outcome.may_ask(now):
            tasks.create_task(self._outcome.ask())

    def _put_last_records(self, end: End) -> None:
        """Say how the call ended, and what of it nobody received as its media stream was lost."""
        self._publisher.lose_all()
        if end is End.DRAINED:  # others go on with it
            self.writer.update(
                state="waiting", covered=self._transcribed(), abandoned=End.DRAINED.value
            )
            return
        unheard = self._clock.unheard(self._end, self._lost_at, self._outcome.at)
        if unheard is not None:
            self._publisher.lose(unheard)
            self._clock.reached = unheard.end
        request_ids, status = self._recogniser.request_ids, self._outcome.status
        self._publisher.end(self._end, end.value, request_ids, status)

    def _transcribed(self) -> dict[str, float]:
        """Return how far each track is transcribed, as the registry has it."""
        reached = self._recogniser.transcribed_until
        return {track.value: seconds(position) for track, position in reached.items()}
