"""
Where the audio of a call goes while the call goes elsewhere, or is on its way here.

What that takes is loaded with the first call that does: numpy takes a tenth of a second, and a
container that is never left by a call needs none of it.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

import msgspec
import structlog

from broker import supervise
from broker.claim import Claim
from broker.errors import OwnerSilent
from broker.moves import Moves
from broker.writer import CallWriter
from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.audio.mulaw import seconds
from handler.calls.call_clock import CallClock
from handler.calls.mixed_stream import StreamQueue
from handler.calls.publisher import Publisher
from handler.deepgram.recogniser import Recogniser
from handler.errors import MoveFailed, Stay

if TYPE_CHECKING:
    from handler.calls.moving import Arrival, Departure, Given

MOVING = "handler.calls.moving"
# What is kept of a call that is on its way here before anything is loaded.
MAX_EARLY = 200
MAX_LOSSES = 100
# By so much the last final before a cut may seem to reach beyond it.
ROUNDING_SECONDS = 0.1
# The answer of a call that stays, or is over; as handler.calls.moving has it.
OVER = msgspec.msgpack.encode({"over": True})


class Mover:
    """
    Forwards the audio of a call that is ours, and lets the call go if another container takes it.

    An async context manager around the call's life: who asks for a call that stayed is told so.
    """

    def __init__(
        self,
        moves: Moves,
        writer: CallWriter,
        recogniser: Recogniser,
        clock: CallClock,
        publisher: Publisher,
        streams: StreamQueue,
    ) -> None:
        self._moves = moves
        self._writer = writer
        self._recogniser = recogniser
        self._clock = clock
        self._publisher = publisher
        self._streams = streams
        self._departure: Departure | None = None
        self._moving: asyncio.Task[MoveFailed | None] | None = None
        self._ended = self._hurried = self._leaving = False
        self._stack = AsyncExitStack()
        self._log = structlog.get_logger().bind(call_sid=writer.call.call_sid)

    @property
    def active(self) -> bool:
        """Whether the call is on its way to another container."""
        return self._moving is not None and not self._moving.done()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._moving is not None:
            await supervise.end(self._moving)
        await self._stack.aclose()
        # Both hold us, with all of the call; else they would wait together for the collector.
        self._moving = self._departure = None

    def send(self, chunk: Chunk) -> None:
        """Take the next piece of the call. Never waits."""
        if self._departure is None:
            self._recogniser.send(chunk)
            return
        for part in self._departure.take(chunk):
            self._recogniser.send(part)

    def lose(self, losses: list[Loss]) -> list[Loss]:
        """Take what was lost of it; returns what is to be told by us."""
        return losses if self._departure is None else self._departure.lose(losses)

    async def move(self, ask_for_stream: Callable[[], Awaitable[None]]) -> None:
        """
        Let the call go: returns once another container has it. A move that goes on is waited for.

        Args:
            ask_for_stream: Asks Twilio for another media stream of the call; raises MoveFailed.

        Raises:
            MoveFailed: it stays, and has lost nothing.
        """
        if self._moving is None or (not self.active and self._moving.result() is not None):
            self._moving = asyncio.create_task(
                self._move(ask_for_stream), name=f"{self._writer.call.call_sid} move"
            )
        if (failure := await asyncio.shield(self._moving)) is not None:
            raise failure.anew()

    def hurry(self) -> None:
        """This process is leaving soon: no move waits for a long pause any more."""
        self._hurried = True
        if self._departure is not None:
            self._departure.hurry()

    def leave(self) -> None:
        """This process is leaving, and cannot wait for a move that goes on."""
        self._leaving = True
        if self.active and self._departure is not None:
            self._departure.leave()

    def go_on(self) -> None:
        """Another media stream brings what follows: the call may move again."""
        self._ended = False

    async def has_moved(self) -> bool:
        """Nothing more will be sent: returns whether another container has the call by now."""
        self._ended = True
        if self._moving is None:
            return False
        if self._departure is not None:
            self._departure.end_of_stream()
        return await asyncio.shield(self._moving) is None

    async def _move(self, ask_for_stream: Callable[[], Awaitable[None]]) -> MoveFailed | None:
        """Let the call go; returns why it stays, None if it has gone."""
        try:
            await self._let_go(ask_for_stream)
        except MoveFailed as exc:
            failure = exc.anew()
        except Exception:  # noqa: BLE001  whatever it is, the call is to go on here
            self._log.exception("defect: a call cannot move")
            failure = MoveFailed("a defect of ours: the log has it", Stay.DEFECT)
        else:
            return None
        self._stay(failure)
        return failure

    async def _let_go(self, ask_for_stream: Callable[[], Awaitable[None]]) -> None:
        moving: Any = await asyncio.to_thread(importlib.import_module, MOVING)
        departure: Departure = moving.Departure(
            lambda: self._writer.epoch,
            lambda: self._clock.started_at,
            self._settle,
            lambda: self._publisher.utterances.open,
            lambda: self._streams.late,
            self._log,
            reached=self._reached,
        )
        self._departure = departure
        if self._hurried:
            departure.hurry()
        if self._leaving:
            departure.leave()
        if self._ended:
            departure.end_of_stream()
        call_sid = self._writer.call.call_sid
        await self._stack.aclose()  # of an earlier move; the client may be another one by now
        try:
            await self._stack.enter_async_context(self._moves.answering(call_sid, self._answer))
        except OwnerSilent as exc:
            raise MoveFailed(str(exc), Stay.NATS) from exc
        await departure.run(ask_for_stream)

    @property
    def _reached(self) -> int | None:
        """How far the call was heard; None before it is known where its media stream lies."""
        begun = self._clock.reached
        return None if begun is None else max(begun, self._recogniser.audio_end)

    def _stay(self, failure: MoveFailed) -> None:
        """Go on with what was kept for another container."""
        departure = self._departure
        if departure is None:
            return
        if failure.kind is not Stay.LEAVING:
            self._departure = None  # who comes now is told that it stays
        chunks, losses = departure.give_up()
        for chunk in chunks:
            self._recogniser.send(chunk)
        for loss in losses:
            self._publisher.lose(loss)

    def _answer(self, data: bytes) -> bytes:
        """Answer a successor: of a call that stayed there is nothing to take."""
        return OVER if self._departure is None else self._departure.answer(data)

    async def _settle(self) -> None:
        """Wait until all that was sent to the recogniser is stored."""
        self._recogniser.flush()
        await self._recogniser.settled()
        self._publisher.lose_all()  # what was lost before the cut nobody else can tell
        await self._writer.stored()


class Succession:
    """
    Keeps the audio of a call that is another container's, until that hands the call over.

    Attributes:
        given: What was handed over; None before, and if the owner is gone.
    """

    def __init__(self, call_sid: str, moves: Moves, epoch: str, streams: StreamQueue) -> None:
        """
        Begin to keep it.

        Args:
            call_sid: The call.
            moves: Where its owner is asked.
            epoch: The owner's claim, as far as it is known before it is asked; "" if it is not.
            streams: Which bring it.
        """
        self._epoch = epoch
        self._streams = streams
        self._call_sid = call_sid
        self._moves = moves
        self._early: list[Chunk] = []
        self._losses: list[Loss] = []
        self._log = structlog.get_logger().bind(call_sid=call_sid)
        self._arrival: Arrival | None = None
        self.given: Given | None = None

    @property
    def offset(self) -> int | None:
        """Position of the media stream's zero on the call clock; None if it is not known."""
        return None if self._arrival is None else self._arrival.taking.offset

    def take(self, chunks: list[Chunk], losses: list[Loss]) -> None:
        """Take what comes, and what was lost, on the media stream's own clock. Never waits."""
        self._losses += losses[: MAX_LOSSES - len(self._losses)]
        if self._arrival is None:
            self._early += chunks[: MAX_EARLY - len(self._early)]
            return
        for chunk in chunks:
            self._arrival.taking.take(chunk)

    async def run(self) -> "Given | None":
        """
        Listen until the call is handed over; None if its owner is gone.

        Raises:
            MoveFailed: the owner keeps the call, or it has ended.
        """
        moving: Any = await asyncio.to_thread(importlib.import_module, MOVING)
        streams = self._streams  # or what we hold would hold us, until the collector comes
        arrival: Arrival = moving.Arrival(
            self._call_sid, self._moves, lambda: streams.late, self._log
        )
        for chunk in self._early:
            arrival.taking.take(chunk)
        self._early.clear()
        self._arrival = arrival
        self.given = await arrival.run()
        return self.given

    def may_claim(self, stored: Claim) -> bool:
        """
        Whether the call may be taken, by what is stored of it.

        From the owner that was listened to alone: where another stream was asked for as well, as
        the owner was slow, or died, whoever claims first has the call. And an owner that waited for
        us in vain goes on: what it has written behind the cut would be written twice.
        """
        owners = self._owners_epoch()
        # Of a call that outlives its first records, the claim may be stored no more.
        if stored.ended or (owners and stored.epoch not in ("", owners)):
            return False
        ends = max(stored.ends.values(), default=0.0)
        return self.given is None or ends <= seconds(self.given.cut) + ROUNDING_SECONDS

    def begin(self, offset: int, cut: int) -> tuple[list[Chunk], list[Loss]]:
        """Return what was kept, and lost, from a position of the call clock on."""
        losses = [loss.moved(offset) for loss in self._losses]
        chunks = [] if self._arrival is None else self._arrival.taking.begin(offset, cut)
        return chunks, [loss for loss in losses if loss.end > cut]

    def _owners_epoch(self) -> str:
        return self._epoch if self._arrival is None else self._arrival.epoch or self._epoch

    async def confirm(self) -> None:
        """Tell the owner that it is ours; what was heard for that is needed no more."""
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            await arrival.confirm()
