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

from broker.moves import Moves
from broker.writer import CallWriter
from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.calls.call_clock import CallClock
from handler.calls.publisher import Publisher
from handler.deepgram.recogniser import Recogniser
from handler.errors import MoveFailed

if TYPE_CHECKING:
    from handler.calls.moving import Arrival, Departure, Given

MOVING = "handler.calls.moving"
# What is kept of a call that is on its way here before anything is loaded.
MAX_EARLY = 200
MAX_LOSSES = 100
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
    ) -> None:
        self._moves = moves
        self._writer = writer
        self._recogniser = recogniser
        self._clock = clock
        self._publisher = publisher
        self._departure: Departure | None = None
        self._moving: asyncio.Task[bool] | None = None
        self._answers = False
        self._stack = AsyncExitStack()
        self._log = structlog.get_logger().bind(call_sid=writer.call.call_sid)

    @property
    def active(self) -> bool:
        """Whether the call is on its way to another container."""
        return self._moving is not None and not self._moving.done()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

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

    async def move(self, ask_for_stream: Callable[[], Awaitable[None]]) -> bool:
        """
        Let the call go; returns whether another container has it.

        Args:
            ask_for_stream: Asks Twilio for another media stream of the call; raises MoveFailed.
        """
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(
                self._move(ask_for_stream), name=f"{self._writer.call.call_sid} move"
            )
        return await asyncio.shield(self._moving)

    async def has_moved(self) -> bool:
        """Nothing more will be sent: returns whether another container has the call by now."""
        if self._moving is None:
            return False
        if self._departure is not None:
            self._departure.end_of_stream()
        return await asyncio.shield(self._moving)

    async def _move(self, ask_for_stream: Callable[[], Awaitable[None]]) -> bool:
        moving: Any = await asyncio.to_thread(importlib.import_module, MOVING)
        departure: Departure = moving.Departure(
            lambda: self._clock.started_at,
            self._settle,
            lambda: self._publisher.utterances.open,
            self._log,
        )
        self._departure = departure
        call_sid = self._writer.call.call_sid
        try:
            if not self._answers:
                self._answers = True
                await self._stack.enter_async_context(self._moves.answering(call_sid, self._answer))
            await departure.run(ask_for_stream)
        except MoveFailed as exc:
            self._log.warning("call stays here", reason=str(exc))
            self._stay(departure)
            return False
        self._log.info("call moved")
        return True

    def _stay(self, departure: "Departure") -> None:
        """Go on with what was kept for another container."""
        self._departure = None
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
        await self._writer.stored()


class Succession:
    """Keeps the audio of a call that is another container's, until that hands the call over."""

    def __init__(self, call_sid: str, moves: Moves) -> None:
        self._call_sid = call_sid
        self._moves = moves
        self._early: list[Chunk] = []
        self._losses: list[Loss] = []
        self._log = structlog.get_logger().bind(call_sid=call_sid)
        self._arrival: Arrival | None = None

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
        arrival: Arrival = moving.Arrival(self._call_sid, self._moves, self._log)
        for chunk in self._early:
            arrival.taking.take(chunk)
        self._early.clear()
        self._arrival = arrival
        return await arrival.run()

    def begin(self, offset: int, cut: int) -> tuple[list[Chunk], list[Loss]]:
        """Return what was kept, and lost, from a position of the call clock on."""
        losses = [loss.moved(offset) for loss in self._losses]
        chunks = [] if self._arrival is None else self._arrival.taking.begin(offset, cut)
        return chunks, [loss for loss in losses if loss.end > cut]

    async def confirm(self) -> None:
        """Tell the owner that it is ours."""
        if self._arrival is not None:
            await self._arrival.confirm()
