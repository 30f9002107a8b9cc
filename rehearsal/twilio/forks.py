"""
The media streams of one leg: forks, each with a clock of its own, of audio that is the same.

Source: https://www.twilio.com/docs/voice/twiml/stream, /docs/voice/api/streams-subresource
"""

import asyncio
import itertools
import secrets
import time
from dataclasses import replace
from functools import partial

from rehearsal.audio import SAMPLE_RATE
from rehearsal.errors import CallFailed
from rehearsal.frames import BYTES_PER_MS, FRAME_MS, live
from rehearsal.twilio import forms
from rehearsal.twilio.call_audio import CallAudio
from rehearsal.twilio.call_clock import CallClock
from rehearsal.twilio.callbacks import Callbacks
from rehearsal.twilio.legs import Callback, Leg
from rehearsal.twilio.line import Line
from rehearsal.twilio.media_stream import MediaStream, opened
from rehearsal.twilio.options import Report
from rehearsal.twilio.reach import may_be_called
from rehearsal.twilio.twiml import Stream

MAX_TRACKS = 4  # of all streams of a call that run at a time
GRID = FRAME_MS * BYTES_PER_MS


class Fork:
    """
    One media stream.

    Attributes:
        sid: Its streamSid.
        stream: What was asked for.
        report: What became of it so far; None before it was opened.
        error: Why it failed, in the words of ``StreamError``; empty if it did not.
        begun: Where on the call it begins, in samples; None before.
    """

    def __init__(self, sid: str, stream: Stream, clock: CallClock) -> None:
        self.sid = sid
        self.stream = stream
        self.report: Report | None = None
        self.error = ""
        self.begun: int | None = None
        self.updated_at = time.time()
        self.ended = asyncio.Event()
        self._clock = clock
        self._stopped_at: float | None = None  # on the clock of the call
        self._media: MediaStream | None = None

    @property
    def name(self) -> str:
        return self.stream.name or self.sid

    @property
    def live(self) -> bool:
        """Whether it counts as one that runs."""
        return self._stopped_at is None and not self.ended.is_set()

    def stop(self) -> None:
        """Have it end where the call is now, as soon as it can say so."""
        if self._stopped_at is None:
            self._stopped_at = self._clock.now()
        self.updated_at = time.time()
        self._end_media()

    def opened(self, media: MediaStream, begun: int) -> None:
        """Note its socket, and where on the call it begins, in samples."""
        self._media, self.begun = media, begun
        self.report = media.report
        self._end_media()

    def _end_media(self) -> None:
        if self._stopped_at is None or self._media is None or self.begun is None:
            return
        self._media.stop(self._stopped_at - self.begun / SAMPLE_RATE)


class Forks:
    """
    The streams of a leg.

    Attributes:
        all: Those that ran and run, in order.
    """

    def __init__(self, leg: Leg, audio: CallAudio, callbacks: Callbacks, line: Line) -> None:
        self.all: list[Fork] = []
        self._leg, self._audio = leg, audio
        self._callbacks = callbacks
        self._line = line
        self._numbers = itertools.count()

    @property
    def running(self) -> list[Fork]:
        return [fork for fork in self.all if fork.live]

    def refusal(self, stream: Stream) -> tuple[int, str, str] | None:
        """Return why a stream cannot begin, as Twilio's code, name and detail; None if it can."""
        if stream.problem is not None:
            return stream.problem
        if not stream.url.startswith(("ws://", "wss://")):
            return 31922, "URL schema unsupported", f"{stream.url} is not like wss://HOST/twilio"
        if not may_be_called(stream.url):
            return 31922, "URL schema unsupported", f"{stream.url} is neither wss nor on this host"
        tracks = sum(len(fork.stream.tracks) for fork in self.running)
        if tracks + len(stream.tracks) > MAX_TRACKS:
            detail = f"{tracks} tracks of this call are streamed, and {MAX_TRACKS} may be"
            # That it fails is documented; with which error is not.
            return 31941, "Too many tracks", detail
        if stream.name and any(fork.name == stream.name for fork in self.running):
            return 31941, "Name is not unique", f"a stream of this call is called {stream.name!a}"
        return None

    def start(self, stream: Stream, clock: CallClock) -> Fork:
        """Begin a stream. It never ends the call: what goes wrong is told by callback."""
        refusal = self.refusal(stream)
        fork = Fork(f"MZ{secrets.token_hex(16)}", stream, clock)
        self.all.append(fork)
        if refusal is not None:
            self._failed(fork, CallFailed(*refusal))
            self._over(fork)
        else:
            self._line.spawn(self._run(fork, clock, next(self._numbers)), f"{fork.sid} fork")
        return fork

    def find(self, name: str) -> Fork | None:
        """Return the stream of this name or SID; of one name, the newest."""
        found = (fork for fork in reversed(self.all) if name in (fork.sid, fork.name))
        return next(found, None)

    async def end(self) -> None:
        """Stop all streams; returns when they have."""
        for fork in self.running:
            fork.stop()
        for fork in self.all:
            await fork.ended.wait()

    async def _run(self, fork: Fork, clock: CallClock, number: int) -> None:
        stream = fork.stream
        options = replace(
            self._line.behaviour.streams(number),
            auth_token=self._line.auth_token,
            account_sid=self._leg.account_sid,
            call_sid=self._leg.sid,
            stream_sid=fork.sid,
            tracks=stream.tracks,
            parameters=dict(stream.parameters),
            reach=self._line.reach,
            trust=self._line.trust,
            speed=clock.speed,
        )
        try:
            async with opened(
                stream.url, options, keep_frames=self._line.behaviour.keep_frames
            ) as media:
                begun = self._position(clock) + options.cut
                fork.opened(media, begun)
                reads = {track: partial(self._read, track, begun) for track in stream.tracks}
                await media.play(
                    live(reads, options),
                    lambda at: clock.until(begun / SAMPLE_RATE + at),
                    begun=lambda: self._tell(fork, "stream-started"),
                )
            if fork.report is not None and fork.report.ended_by:
                self._failed(fork, fork.report.ended_by)
            else:
                self._tell(fork, "stream-stopped")
        except CallFailed as exc:
            self._failed(fork, exc)
        finally:
            self._over(fork)

    def _position(self, clock: CallClock) -> int:
        """Return where the next frame of the call begins, in samples."""
        return -(-int(clock.now() * SAMPLE_RATE) // GRID) * GRID

    def _read(self, track: str, begun: int, position: int, size: int) -> bytes | None:
        return self._audio.read(track, begun + position, size)

    def _failed(self, fork: Fork, why: CallFailed | str) -> None:
        fork.error = str(why)
        self._alert(fork.error)
        self._tell(fork, "stream-error")
        if self._line.behaviour.stopped_after_error:
            self._tell(fork, "stream-stopped")

    def _over(self, fork: Fork) -> None:
        fork.updated_at = time.time()
        for problem in fork.report.problems if fork.report is not None else ():
            if problem != fork.error:
                self._alert(problem)
        fork.ended.set()

    def _alert(self, problem: str) -> None:
        """Note a problem, whose text begins with Twilio's code."""
        self._line.alert(int(problem.partition(" ")[0]), problem)

    def _tell(self, fork: Fork, event: str) -> None:
        stream = fork.stream
        frames = 0 if fork.report is None else fork.report.frames
        self._line.report(f"{self._leg.sid}: {event} {fork.name}, {frames} frames sent")
        form = forms.stream(
            account_sid=self._leg.account_sid,
            call_sid=self._leg.sid,
            stream_sid=fork.sid,
            name=stream.name,
            event=event,
            at=time.time(),
            error=fork.error if event == "stream-error" else "",
        )
        self._callbacks.send(Callback(stream.status_callback, stream.status_callback_method, form))
