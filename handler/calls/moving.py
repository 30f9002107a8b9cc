"""
A live call moves: what its owner and its successor say to each other, and when.

The successor asks, again and again, and the owner answers: whatever is lost is said once more, and
either notices within seconds that the other is gone. Neither has to be there for the call to go on:
an owner that nobody follows sends what it had kept, and a successor whose owner is gone goes on
where the stored records end.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from structlog.typing import FilteringBoundLogger as BoundLogger

from broker.errors import OwnerSilent
from broker.moves import Moves
from handler.audio.fingerprint import Print
from handler.audio.loss import Loss
from handler.audio.mixer import Chunk
from handler.audio.mulaw import seconds
from handler.calls.handover import MARGIN, Giving, Taking
from handler.errors import MoveFailed, Stay

# From the wish for another media stream until it has come, through Twilio and a load balancer.
COMING_SECONDS = 10.0
# A successor asks so often; one that says nothing for so long is gone.
ASKING_SECONDS = 0.25
SILENT_SECONDS = 2.0
# An owner that does not answer so many times in a row is gone: each of them may take a second.
UNANSWERED = 3
# The last results of what was sent come within a second.
SETTLE_SECONDS = 5.0
# How long an owner that has to leave waits for a successor that was told the cut.
LAST_SECONDS = 0.5
# So long both have to have heard the call before samples are compared; before it is compared how
# loud they are, which says less; and before neither is: twice as long where there is something to
# compare.
SOON_SECONDS = 0.5
ENOUGH_SECONDS = 1.0
PLENTY_SECONDS = 2.5


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What a successor says and asks.

    Attributes:
        has_from: Position from which it has the call; None while it does not know where it is.
        claimed: It writes the call.
    """

    has_from: int | None = None
    claimed: bool = False


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What an owner answers.

    Attributes:
        over: There is nothing to take: the call has ended, or it stays.
        epoch: The claim under which it writes; "" from earlier versions.
        started_at: Unix ms: the zero of the call clock.
        print: What it hears sounds like; until the successor knows where it is, and None before
            the owner knows where what it hears lies.
        late: How far that lags behind what is said, in samples; 0 from earlier versions.
        cut: Position from which the successor is to send; None until all before it is stored.
        open_utterances: Tracks whose utterance had not ended there.
    """

    over: bool = False
    epoch: str = ""
    started_at: int = 0
    print: Print | None = None
    late: int = 0
    cut: int | None = None
    open_utterances: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """
    A call that was handed over.

    Attributes:
        started_at: Unix ms: the zero of the call clock.
        offset: Position of the media stream's zero.
        cut: Position from which it is ours.
        open_utterances: Tracks whose utterance had not ended there.
    """

    started_at: int
    offset: int
    cut: int
    open_utterances: tuple[str, ...]


class Departure:
    """
    The owner's side of one move.

    Args:
        epoch: Returns the claim under which the call is written.
        started_at: Returns the zero of the call clock, in Unix ms.
        settle: Waits until all that was sent to the recogniser is stored.
        open_utterances: Returns the tracks whose utterance has not ended.
        late: Returns how far what it takes lags behind what is said, in samples.
        log: Told of each step.
        reached: Position up to which the call was heard before; None if that is not known yet.
    """

    def __init__(
        self,
        epoch: Callable[[], str],
        started_at: Callable[[], int],
        settle: Callable[[], Awaitable[None]],
        open_utterances: Callable[[], tuple[str, ...]],
        late: Callable[[], int],
        log: BoundLogger,
        *,
        reached: int | None = 0,
    ) -> None:
        self._epoch = epoch
        self._started_at = started_at
        self._settle = settle
        self._open_utterances = open_utterances
        self._late = late
        self._log = log
        self._giving = Giving(reached)
        self._cut = asyncio.Event()
        self._settled = False
        self._claimed = asyncio.Event()
        self._over = False
        self._asked = self._followed = self._leaving = False
        self._silence: asyncio.Timeout | None = None

    def take(self, chunk: Chunk) -> list[Chunk]:
        """Take what the media stream brings; returns what of it is to be sent. Never waits."""
        sent = self._giving.take(chunk)
        if self._giving.cut is not None and not self._cut.is_set():
            self._log.debug("move: cut", position=self._giving.cut)
            self._cut.set()
        return sent

    def end_of_stream(self) -> None:
        """Nothing more will be taken: without a cut by now, nobody is waited for."""
        self._cut.set()
        if self._giving.cut is None:
            self._end_in(0.0)

    def hurry(self) -> None:
        """This process has little time left: the cut is to come soon."""
        self._giving.hurry()

    def leave(self) -> None:
        """
        This process is leaving, and cannot wait for the move.

        A successor is not sent away: it goes on from what is stored once its owner is gone.
        """
        self._leaving = True
        self._end_in(LAST_SECONDS if self._settled else 0.0)

    async def run(self, ask_for_stream: Callable[[], Awaitable[None]]) -> None:
        """
        Move the call: returns once somebody else writes it.

        Args:
            ask_for_stream: Asks Twilio for another media stream of the call.

        Raises:
            MoveFailed: nobody does; :meth:`give_up` has what was kept.
        """
        if self._leaving or self._cut.is_set():
            self._over = True
            raise self._failure()
        try:
            async with asyncio.timeout(COMING_SECONDS) as self._silence:
                await self._run(ask_for_stream)
        except TimeoutError as exc:
            raise self._failure() from exc
        finally:
            self._silence = None
            self._over = True

    async def _run(self, ask_for_stream: Callable[[], Awaitable[None]]) -> None:
        await ask_for_stream()
        self._asked = True
        self._log.debug("move: another media stream is on its way")
        await self._cut.wait()
        if self._giving.cut is None:
            raise MoveFailed("the media stream has ended", Stay.OVER)
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._settle()
        except TimeoutError as exc:
            what = "what was said is not transcribed and stored in time"
            raise MoveFailed(what, Stay.NOT_STORED) from exc
        self._settled = True
        self._log.debug("move: all before the cut is stored")
        await self._claimed.wait()

    def _failure(self) -> MoveFailed:
        """Say what was waited for in vain."""
        if self._leaving:
            return MoveFailed("this process leaves before another has the call", Stay.LEAVING)
        if self._cut.is_set() and self._giving.cut is None:
            return MoveFailed("the media stream has ended", Stay.OVER)
        if not self._asked:
            return MoveFailed("twilio's API gives no answer", Stay.REFUSED)
        waited_for = "writes the call" if self._settled else "takes the call"
        return MoveFailed(f"no other container {waited_for}", Stay.NOBODY)

    def _end_in(self, seconds: float) -> None:
        """Wait no longer than so."""
        if self._silence is not None and not self._silence.expired():
            self._silence.reschedule(asyncio.get_running_loop().time() + seconds)

    def lose(self, losses: list[Loss]) -> list[Loss]:
        """Take what was lost; returns what of it is to be told."""
        return self._giving.lose(losses)

    def give_up(self) -> tuple[list[Chunk], list[Loss]]:
        """Return what was kept: it is to be sent, and told, after all."""
        return self._giving.give_up()

    def answer(self, data: bytes) -> bytes:
        """Answer a question of the successor's."""
        question = msgspec.msgpack.decode(data, type=Question)
        return msgspec.msgpack.encode(self._answer(question))

    def _answer(self, question: Question) -> Answer:
        if question.claimed:
            self._log.debug("move: the successor writes the call")
            self._claimed.set()
        if not self._leaving:
            if self._over or self._silence is None:
                return Answer(over=True)
            self._end_in(SILENT_SECONDS)
        if not self._followed:
            self._followed = True
            self._log.debug("move: the successor listens")
        if not self._over:  # else what would be kept now, nobody would send
            self._giving.listen()
            if question.has_from is not None:
                self._giving.cut_from(question.has_from)
        asks_where = question.has_from is None and self._giving.placed
        return Answer(
            epoch=self._epoch(),
            started_at=self._started_at(),
            print=self._giving.fingerprint.print() if asks_where else None,
            late=self._late() if asks_where else 0,
            cut=self._giving.cut if self._settled else None,
            open_utterances=self._open_utterances() if self._settled else (),
        )


class Arrival:
    """
    The successor's side of one move.

    Attributes:
        taking: What it has heard.
        epoch: The owner's claim, as it said last; "" before.
    """

    def __init__(
        self, call_sid: str, moves: Moves, late: Callable[[], int], log: BoundLogger
    ) -> None:
        """
        Begin to listen.

        Args:
            call_sid: The call.
            moves: Where its owner is asked.
            late: Returns how far what is taken lags behind what is said, in samples.
            log: Told of each step.
        """
        self.taking = Taking()
        self.epoch = ""
        self._late = late
        self._log = log
        self._call_sid = call_sid
        self._moves = moves
        self._since: float | None = None  # loop time from which on something is heard
        self._theirs: tuple[Print, int] | None = None  # the newest, and where we would lie by time

    async def run(self) -> Given | None:
        """
        Listen until the call is handed over; None if its owner is gone.

        Raises:
            MoveFailed: the owner keeps the call, or it has ended.
        """
        unanswered, heard_at = 0, self._now()
        while unanswered < UNANSWERED or self._now() - heard_at < SILENT_SECONDS:
            asked = self._reached
            try:
                answer = await self._ask(Question(has_from=self.taking.begins))
            except OwnerSilent:
                unanswered += 1
                if not self._moves.reachable:  # that says nothing of the owner
                    unanswered, heard_at = 0, self._now()
            else:
                unanswered, heard_at = 0, self._now()
                if answer.over:
                    raise MoveFailed("the owner keeps the call, or it has ended")
                self.epoch = answer.epoch or self.epoch
                if answer.print is not None:
                    self._place(answer.print, answer.late, asked)
                if answer.cut is not None and self.taking.offset is not None:
                    return Given(
                        answer.started_at, self.taking.offset, answer.cut, answer.open_utterances
                    )
            await asyncio.sleep(ASKING_SECONDS)
        if self.taking.offset is None and self._theirs is not None:
            self.taking.place(*self._theirs)  # our side has heard by now what was on its way then
            self._tell_placed("what it sounded like")
        return None

    async def confirm(self) -> None:
        """Tell the owner that the call is written here; one that is gone finds that out itself."""
        for _ in range(UNANSWERED):
            try:
                await self._ask(Question(claimed=True))
            except OwnerSilent:
                await asyncio.sleep(ASKING_SECONDS)
            else:
                return

    @property
    def _reached(self) -> int:
        """How far what is said has come by now, on the media stream's own clock."""
        return self.taking.end + self._late()

    def _place(self, theirs: Print, late: int, asked: int) -> None:
        """
        Find out where the media stream lies, by what the owner hears.

        Args:
            theirs: What that sounds like.
            late: How far it lags behind what is said, in samples.
            asked: How far what is said had come as the owner was asked, on our clock.
        """
        now = self._now()
        if not self.taking.length:
            return
        way = self._reached - asked
        guess = theirs.end + late - asked - way // 2
        self._theirs = theirs, guess
        if self._since is None:
            self._since = now
        # What either has not heard, as it is behind, both have not.
        behind = seconds(max(0, late - self._late()))
        heard = min(now - self._since - behind, seconds(self.taking.length))
        if heard < SOON_SECONDS:
            return
        self.taking.place(theirs, guess, early=heard < ENOUGH_SECONDS)
        by = "what it sounds like"
        enough = (2 if self.taking.hears_speech else 1) * PLENTY_SECONDS
        if self.taking.offset is None and heard >= enough and way <= MARGIN:
            self.taking.place_by_time(guess)
            by = "the time at which it comes"
        self._tell_placed(by)

    def _tell_placed(self, by: str) -> None:
        if self.taking.offset is not None:
            self._log.debug("successor: placed", by=by, offset=self.taking.offset)

    async def _ask(self, question: Question) -> Answer:
        data = await self._moves.ask(self._call_sid, msgspec.msgpack.encode(question))
        return msgspec.msgpack.decode(data, type=Answer)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
