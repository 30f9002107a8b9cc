"""The calls that this process owns."""

import asyncio
import logging
from collections.abc import Callable
from typing import Self

import structlog

from broker.broker import Broker
from broker.entries import CallEntry
from broker.errors import Fenced
from handler.audio.counts import AudioCounts
from handler.audio.mulaw import TRACKS
from handler.calls.call import Call, Shared
from handler.calls.call_clock import Before
from handler.calls.lost_calls import is_taken, let_go
from handler.calls.media_stream import MediaStream, Received, StreamSocket
from handler.calls.promised_places import PromisedPlaces
from handler.calls.successor import Successor
from handler.calls.ticker import Ticker
from handler.config import Settings
from handler.deepgram.retry import Breaker
from handler.errors import StreamRefused
from handler.refusals import refusals
from handler.twilio.accounts import Account
from handler.twilio.start import MediaFormat, StartDetails

# The only format that Twilio documents.
MEDIA_FORMAT = MediaFormat()

# What Twilio is told, whose console shows it: 120 bytes at most.
ELSEWHERE = (
    'a media stream of this call is alive in another container: send one alone, track="both_tracks"'
)
ELSEWHERE_HALF = (
    'another container has this call\'s other track: send both in one stream, track="both_tracks"'
)
# Its path, or TWILIO_ACCOUNT_SID, is of another one; or TWILIO_ACCOUNTS alone names it.
NOT_ITS_ACCOUNT = (
    "start.accountSid is not the account of this address: /twilio/AC… is that of the call's account"
)

# So many times MAX_CALLS may be carried, with those that are over and wait for NATS.
UNSTORED_SHARE = 4

_log = structlog.get_logger()


class LiveCalls:
    """
    The live calls of this process, by callSid; each runs in a task that this object owns.

    An async context manager: leaving it ends what still runs.
    """

    def __init__(self, settings: Settings, broker: Broker) -> None:
        self._settings = settings
        self._earlier_audio = AudioCounts()  # of calls that are gone
        self._earlier_dropped = 0
        self._earlier_unreadable = 0
        self._advised = False  # on how both sides are sent
        self._broker = broker
        self.breaker = Breaker()  # one for all: a Deepgram that is down is down for each of them
        self.promised = PromisedPlaces()
        self._shared = Shared(
            settings=settings,
            broker=broker,
            breaker=self.breaker,
            ticker=Ticker(settings.chunk_ms / 1000),
        )
        self._calls: dict[str, Call] = {}
        # Those that listen to a call which another stream has.
        self._successors: dict[str, Successor] = {}
        self._tasks: dict[Call, asyncio.Task[None]] = {}
        self.draining = False
        self.note_change: Callable[[], None] = lambda: None  # of how many are carried
        self.one_sided = 0  # calls that are over, of which one side was sent

    def __len__(self) -> int:
        """
        How many calls are carried, those included whose last records are on their way.

        One that goes from one media stream to another here is one, and one on its way here none.
        """
        return len({call.call_sid for call in self._tasks if not call.arriving})

    @property
    def full(self) -> bool:
        """
        Whether the process carries as many calls as it may, those included whose stream will come.

        A call that is over and only waits for NATS to store its last records costs little; but not
        any number of them is kept.
        """
        return self._lacks_room(self._count_promised())

    def _count_promised(self) -> int:
        """Count the places that are kept; a stream that came to another container needs none."""
        for call_sid in self.promised:
            former = self._broker.registry.entry(call_sid)
            if former is not None and self._is_elsewhere(former):
                self.promised.give_up(call_sid)
        return self.promised.count(asyncio.get_running_loop().time())

    def _is_elsewhere(self, entry: CallEntry) -> bool:
        """Whether another container has a call, and neither leaves it nor is gone."""
        theirs = entry.owner != self._settings.instance
        return theirs and not entry.free and self._broker.registry.has_lease(entry.owner)

    def _lacks_room(self, promised: int) -> bool:
        most = self._settings.max_calls
        active = len({call.call_sid for call in self._tasks if not call.over})
        return active + promised >= most or len(self._tasks) >= UNSTORED_SHARE * most

    def promise(self, call_sid: str) -> bool:
        """Keep a place for a call's media stream, which is to come soon; False if there is none."""
        known = self.find(call_sid)
        if known is not None and known.listening:
            return True  # it has one
        if call_sid not in self.promised and self.full:
            return False
        self.promised.keep(call_sid, asyncio.get_running_loop().time())
        return True

    @property
    def audio(self) -> AudioCounts:
        """What all media streams carried, those that are over included."""
        return sum((call.audio for call in list(self._tasks)), self._earlier_audio)

    @property
    def outbox_depth(self) -> int:
        """Records of all calls that are not known to be stored yet."""
        return sum(call.writer.depth for call in list(self._tasks))

    @property
    def outbox_dropped(self) -> int:
        """Finals that made room in a full outbox, of calls that are over included."""
        return self._earlier_dropped + sum(call.writer.dropped for call in list(self._tasks))

    @property
    def unreadable(self) -> int:
        """Messages of Deepgram that could not be read, of calls that are over included."""
        return self._earlier_unreadable + sum(
            call.recogniser.unread.unreadable for call in list(self._tasks)
        )

    def refusal(self) -> str | None:
        """
        Why no media stream may come in now.

        A full process may still take a call's next one, or one that was promised a place.
        """
        if self.draining:
            return "draining"
        if self._lacks_room(0) and not any(call.waiting or call.moving for call in self._tasks):
            return "full"
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def open(
        self,
        start: StartDetails,
        socket: StreamSocket,
        received: Received,
        account: Account,
        *,
        succeeding: bool = False,
        takes_over: bool = False,
    ) -> MediaStream:
        """
        Begin a media stream: of a new call, of one that lost its stream, or of its other track.

        Args:
            start: What it says of itself.
            socket: Where it comes from.
            account: Whose auth token vouches for it.
            succeeding: Whether a ticket says that it is to take the call from its owner.
            takes_over: Whether one says that those that the call had are dead.

        Raises:
            StreamRefused: we cannot read its format, may not take it, or have no room.
        """
        self._check(start, account)
        self.promised.give_up(start.call_sid)
        stream = MediaStream(
            start.stream_sid,
            received.at,
            socket,
            now=received.loop_time,
            tracks=start.tracks,
            takes_over=takes_over,
        )
        if (takes_over or succeeding) and self.is_arriving(start.call_sid):
            raise StreamRefused("another media stream is about to take the call")
        known = self.find(start.call_sid)
        if known is not None and is_taken(known, self._broker):
            let_go(known)
            known = None
        if succeeding:
            self._succeed(start, stream, known)
        elif known is not None and known.listening:
            known.attach(stream, start.account_sid)
        else:
            self._begin(start, stream, known)
        return stream

    def find(self, call_sid: str) -> Call | None:
        """Return a call that is ours, or was and waits for its last records."""
        successor = self._successors.get(call_sid)
        if successor is not None and not successor.arriving:
            self._calls[call_sid] = self._successors.pop(call_sid)
        return self._calls.get(call_sid)

    @property
    def carried(self) -> list[Call]:
        """All calls whose last record is not known to be stored."""
        return list(self._tasks)

    @property
    def arriving(self) -> int:
        """How many calls another media stream has that are on their way here."""
        return sum(call.arriving for call in self._tasks)

    def is_arriving(self, call_sid: str) -> bool:
        """Whether a media stream here that goes on is about to take a call from another one."""
        successor = self._successors.get(call_sid)
        if successor is None or not successor.arriving:
            return False
        return successor.streams.current.end is None

    def movable(self) -> list[Call]:
        """Return the calls that another media stream might take."""
        return [call for call in self._tasks if call.listening and not call.moving]

    def _begin(self, start: StartDetails, stream: MediaStream, known: Call | None) -> None:
        """Begin a call, anew if ``known`` is its life here before, or as others have left it."""
        before = self._before(start, stream) if known is None else known.before
        self._check_room()
        self._advise(start)
        call = self._calls[start.call_sid] = Call(self._shared, start, stream, before=before)
        self._run(call, self._tasks.get(known) if known is not None else None)

    def _succeed(self, start: StartDetails, stream: MediaStream, known: Call | None) -> None:
        """Begin to listen to a call that another media stream has, maybe one of ours."""
        if known is None:
            self._check_room()
        call = self._successors[start.call_sid] = Successor(self._shared, start, stream)
        self._run(call)

    def _check_room(self) -> None:
        if self.full:
            raise StreamRefused("no room for another call", 1013)

    def _advise(self, start: StartDetails) -> None:
        """Say once how both sides of a call are sent: Twilio's own default is one of them."""
        if self._advised or len(start.tracks) == len(TRACKS):
            return
        self._advised = True
        _log.warning(
            "media stream of one track: the other side of the call is not heard",
            call_sid=start.call_sid,
            tracks=list(start.tracks),
            advice='set track="both_tracks" in <Stream> (without it Twilio sends inbound_track), '
            "or send the other track in a stream of its own",
        )

    def _before(self, start: StartDetails, stream: MediaStream) -> Before | None:
        """
        Return the call as another container left it, if one did.

        Raises:
            StreamRefused: that container has it, or it is not of the same account.
        """
        former = self._broker.registry.entry(start.call_sid)
        if former is None or former.owner == self._settings.instance:
            return None  # our own is of a call that is over
        if self._is_elsewhere(former) and not stream.takes_over:
            raise StreamRefused(ELSEWHERE_HALF if len(start.tracks) < len(TRACKS) else ELSEWHERE)
        if former.account_sid != start.account_sid:
            raise StreamRefused("another account's call")
        return Before.of_entry(former)

    async def wait_over(self, seconds: float) -> None:
        """Wait until all calls are over, so long at the most."""
        if self._tasks and seconds > 0:
            await asyncio.wait(self._tasks.values(), timeout=seconds)

    def _check(self, start: StartDetails, account: Account) -> None:
        if self.draining:
            raise StreamRefused("draining", 1012)
        if start.media_format != MEDIA_FORMAT:
            given = start.media_format
            shown = f"{given.encoding[:40]}/{given.sample_rate:g}/{given.channels:g}"
            raise StreamRefused(f"media format {shown}: only audio/x-mulaw/8000/1 is read", 1003)
        if not account.owns(start.account_sid):
            raise StreamRefused(NOT_ITS_ACCOUNT)

    def _run(self, call: Call, predecessor: asyncio.Task[None] | None = None) -> None:
        self._tasks[call] = asyncio.create_task(
            self._carry(call, predecessor), name=f"{call.call_sid} call"
        )
        self.note_change()

    async def _carry(self, call: Call, predecessor: asyncio.Task[None] | None) -> None:
        """Run a call to its end, and close its media stream if it ends before that."""
        log = _log.bind(call_sid=call.call_sid)
        try:
            await call.run(predecessor)
        except* Fenced:
            advice = ELSEWHERE_HALF if call.one_sided else None
            refusals.note(
                "another container owns this call now",
                1008,
                logging.WARNING,
                call_sid=call.call_sid,
                advice=advice,
            )
            await call.close_socket(1008, advice or "another container owns this call")
        except* Exception:
            log.exception("defect: call ended")
            await call.close_socket(1011, "internal error")
            await call.abandon()
        finally:
            self._earlier_audio += call.audio
            self._earlier_unreadable += call.recogniser.unread.unreadable
            self.one_sided += call.one_sided
            self._earlier_dropped += call.writer.dropped
            del self._tasks[call]
            if self._calls.get(call.call_sid) is call:
                del self._calls[call.call_sid]
            if self._successors.get(call.call_sid) is call:
                del self._successors[call.call_sid]
            self.note_change()
