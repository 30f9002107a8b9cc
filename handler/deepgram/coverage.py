"""
How far a call is transcribed, what of it is lost, and what is sent once more. Pure.

Positions are samples on the call clock. Deepgram's finals reach further on one track than on the
other; audio is kept until both have passed it, and sent again when a connection breaks.
"""

from handler.audio.loss import Loss, Reason
from handler.audio.mixer import Chunk
from handler.audio.mulaw import (
    CHANNELS,
    SAMPLES_PER_MS,
    SILENCE,
    TRACKS,
    Track,
    samples,
    seconds,
)
from handler.deepgram.messages import Result, trim
from handler.deepgram.replay import ReplayBuffer

UNREACHABLE: Reason = "recogniser-unreachable"
REJECTED: Reason = "recogniser-rejected"
UNREADABLE: Reason = "recogniser-unreadable"
# What lies between two finals and is no longer is rounding: a track's finals follow each other.
ROUNDING = 20 * SAMPLES_PER_MS


class Coverage:
    """
    The audio of one call, as far as it is not transcribed yet.

    Attributes:
        transcribed_until: How far the finals of each track reach.
    """

    def __init__(self, *, capacity: int) -> None:
        """Begin with nothing; ``capacity`` is how many samples are kept."""
        self.transcribed_until = dict.fromkeys(TRACKS, 0)
        self._buffer = ReplayBuffer(capacity=capacity)
        # Of these a final may be missing: one came that could not be read.
        self._doubtful: set[Track] = set()

    @property
    def both_until(self) -> int:
        """Both tracks are transcribed up to here."""
        return min(self.transcribed_until.values())

    @property
    def end(self) -> int:
        """After the newest audio."""
        return self._buffer.end

    @property
    def backlog(self) -> int:
        """How many samples are kept."""
        return self._buffer.size

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be transcribed."""
        return self.both_until >= self._buffer.end

    def append(self, chunk: Chunk) -> None:
        """Add the newest audio; what came before the first of it is not ours."""
        if self._buffer.end == 0:
            self.transcribed_until = dict.fromkeys(TRACKS, chunk.start)
        self._buffer.append(chunk)

    def after(self, position: int) -> Chunk | None:
        """Return the first audio that is kept at or after ``position``, if there is any."""
        return self._buffer.after(position)

    def unsaid(self, chunk: Chunk) -> bytes:
        """
        Return the audio of a chunk, a track silent where its finals have passed.

        In a replay one track may be further than the other. What it said would be cut anew if it
        were sent again, and come out differently.
        """
        said = {t: end for t, end in self.transcribed_until.items() if end > chunk.start}
        if not said:
            return chunk.audio
        audio = bytearray(chunk.audio)
        for track, end in said.items():
            count = min(end, chunk.end) - chunk.start
            audio[track.channel : CHANNELS * count : CHANNELS] = SILENCE * count
        return bytes(audio)

    def receive(self, result: Result, sent_end: int) -> Result | None:
        """
        Note a final of a connection that was sent audio up to ``sent_end``.

        Returns what is new in it: all, the words after those that were published, or nothing.
        """
        fresh = trim(result, seconds(self.transcribed_until[result.track]))
        # No final covers what was not sent, whatever it says.
        self.cover(result.track, min(samples(result.end), sent_end))
        return fresh

    def unread(
        self, track: Track | None, span: tuple[float, float] | None, sent_end: int
    ) -> Loss | None:
        """
        Note that what may have been a final was not read: of ``track`` or any, of a span or any.

        Returns what nobody will read of it; where that is not known, the next final tells.
        """
        if track is None or span is None:
            self._doubtful.update(TRACKS if track is None else (track,))
            return None
        start = max(samples(span[0]), self.transcribed_until[track])
        end = min(samples(span[1]), sent_end)
        self.cover(track, end)
        return Loss(start, end, track, UNREADABLE) if start < end else None

    def hole_before(self, track: Track, start: int) -> Loss | None:
        """
        Return what is missing before the next final of a track, or the end of a connection.

        A track's finals follow each other without a hole; if one was not read, it lay in between.
        """
        if track not in self._doubtful:
            return None
        self._doubtful.discard(track)
        begins = self.transcribed_until[track]
        if start - begins <= ROUNDING:
            return None
        self.cover(track, start)
        return Loss(begins, start, track, UNREADABLE)

    def begin_anew(self) -> None:
        """A new connection is sent again all that was not transcribed: nothing is in doubt."""
        self._doubtful.clear()

    def cover(self, track: Track, until: int) -> None:
        """Note that a track is transcribed, or told to be lost, up to ``until``."""
        self.transcribed_until[track] = max(self.transcribed_until[track], until)
        self._buffer.release(self.both_until)

    def cover_all(self, until: int) -> None:
        """Note that of both tracks."""
        for track in TRACKS:
            self.cover(track, until)

    def collect_dropped(self, position: int) -> Loss | None:
        """Return what fell out of the buffer before a connection at ``position`` was sent it."""
        dropped = self._buffer.collect_dropped(position)
        if dropped is None:
            return None
        if dropped.start <= self.both_until:  # told: what is lost at the end begins after it
            self.cover_all(dropped.end)
        return dropped

    def discard(self) -> None:
        """Keep nothing of what is there: nobody will transcribe it."""
        self._buffer.release(self._buffer.end)

    def rest(self, reason: Reason) -> list[Loss]:
        """Return what was never transcribed, as the call is over: one loss if both tracks agree."""
        end = self._buffer.end
        lacking = {t: start for t, start in self.transcribed_until.items() if start < end}
        if len(lacking) == len(TRACKS) and len(set(lacking.values())) == 1:
            return [Loss(self.both_until, end, None, reason)]
        return [Loss(start, end, track, reason) for track, start in lacking.items()]
