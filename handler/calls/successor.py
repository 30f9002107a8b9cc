"""A call that another media stream has, in whichever container, until that hands it over."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from handler.audio.loss import Loss
from handler.audio.mulaw import TRACKS, Track
from handler.calls.call import Call, CallState, Shared
from handler.calls.call_clock import MEDIA_LOST, OWNER_LOST, by_side
from handler.calls.media_stream import End, MediaStream
from handler.calls.mixed_stream import MixedStream, Tick
from handler.calls.relocation import Succession
from handler.errors import MoveFailed
from handler.twilio.start import StartDetails

# What the first record says of a call that went from one media stream to another, whole.
MOVED = "moved"


class Successor(Call):
    """
    A call on its way here: it listens before it writes.

    Once its owner has handed it over, or is gone, it goes on as any call does.
    """

    def __init__(self, shared: Shared, start: StartDetails, stream: MediaStream) -> None:
        super().__init__(shared, start, stream)
        owners = shared.broker.registry.entry(start.call_sid)
        epoch = "" if owners is None else owners.epoch
        self._succession = Succession(start.call_sid, shared.broker.moves, epoch, self.streams)
        self._state = CallState.ARRIVING
        self._why: str | None = None
        self._ours: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    @property
    def arriving(self) -> bool:
        return self._state is CallState.ARRIVING

    async def _write(self, _: asyncio.Task[None] | None) -> None:
        if await self._ours:
            await self.writer.run(self._succession.may_claim, self._why)

    async def _listen(self, tasks: asyncio.TaskGroup) -> End:
        """Listen as a call does; returns at once if there is nothing to take."""
        try:
            return await super()._listen(tasks)
        except MoveFailed as exc:
            self._log.info("nothing to take", reason=str(exc))
            self._ours.set_result(False)
            stream = self.streams.current
            stream.finish(End.MOVED)
            tasks.create_task(stream.close(1000, "the call stays where it is"))
            return End.MOVED

    async def _listen_to(self, stream: MixedStream, tasks: asyncio.TaskGroup) -> None:
        """Take the first media stream while another has the call; later ones as any call does."""
        if not self.arriving:
            await super()._listen_to(stream, tasks)
            return
        pumping = tasks.create_task(self._pump(stream, tasks))
        await self._succeed(stream)
        tasks.create_task(self._confirm())
        await pumping

    def _hear(self, tick: Tick) -> None:
        if self.arriving:
            self._succession.take(tick.chunks, tick.losses)
        else:
            super()._hear(tick)

    async def _succeed(self, stream: MixedStream) -> None:
        """
        Listen until the call is handed over, or its owner is gone, and go on from there.

        Raises:
            MoveFailed: its owner keeps it.
        """
        self._log.debug("successor: listens")
        given = await self._succession.run()
        self._log.debug("successor: goes on", given=given is not None)
        self._why = None if given is None else MOVED
        covered = self._claiming.covered()  # our own claim will write over it
        self._ours.set_result(True)
        if given is not None:
            self._clock.go_on(given.started_at, given.cut)
            self._publisher.utterances.go_on(given.open_utterances)
            begins = self._begin(stream, given.offset, given.cut)
            if begins > given.cut:  # we could not keep all that has come meanwhile
                self._publisher.lose(Loss(given.cut, begins, None, MEDIA_LOST))
            return
        await self._claiming.wait()
        # From now on the clock is that of the call, whose zero the claim knows.
        self._clock.place(stream.first.received_at, 0, self._claiming.found())
        offset = self._succession.offset
        if offset is None:  # as it may lie before what is stored, it is not where a new one would
            offset = self._clock.position(stream.first.received_at)
        stored = self._claiming.ends()
        self._take_over(stream, offset, {one: max(stored[one], covered[one]) for one in TRACKS})

    def _take_over(self, stream: MixedStream, offset: int, ends: Mapping[Track, int]) -> None:
        """Go on behind what is stored of each side: its owner had the rest, and is gone."""
        newest = max(ends.values())
        lost = by_side(Loss(newest, newest, None, OWNER_LOST), ends)
        begins = self._begin(stream, offset, min(loss.start for loss in lost))
        self._recogniser.cover(ends)
        for loss in lost:
            if loss.start < begins:
                self._publisher.lose(replace(loss, end=begins))

    def _begin(self, stream: MixedStream, offset: int, position: int) -> int:
        """Go on at a position of the call clock, or behind it; returns where."""
        stream.offset = offset
        chunks, losses = self._succession.begin(offset, position)
        self._advance(CallState.LISTENING)
        for chunk in chunks:
            self._recogniser.send(chunk)
        for loss in losses:
            self._publisher.lose(loss)
        return chunks[0].start if chunks else max(offset, position)

    async def _confirm(self) -> None:
        """Let the owner know once the call is written here."""
        await self.writer.claimed.wait()
        self._log.debug("successor: writes")
        await self._succession.confirm()
