"""
What is heard on a leg: one timeline for all of its streams. Pure.

Positions are samples since the leg was answered.
"""

from collections.abc import Mapping

from rehearsal.audio import SAMPLE_RATE, SILENCE
from rehearsal.frames import INBOUND, OUTBOUND

# A conversation begins so much after it was decided: what a stream sends was read a frame before.
LEAD = SAMPLE_RATE // 4


class CallAudio:
    """
    Both sides of a leg.

    Args:
        inbound: mu-law samples of what is heard from it, from the beginning of the conversation;
            empty for a side that never sends.
        outbound: What is played to it, likewise: the other leg's voice.
    """

    def __init__(self, inbound: bytes = b"", outbound: bytes = b"") -> None:
        self._recordings: Mapping[str, bytes] = {INBOUND: inbound, OUTBOUND: outbound}
        self._begun: int | None = None
        # Outbound sends nothing before Twilio has something to play.
        self._outbound_from: int | None = None

    def other_side(self) -> "CallAudio":
        """Return what is heard on the leg that this one is put through to."""
        return CallAudio(self._recordings[OUTBOUND], self._recordings[INBOUND])

    @property
    def silent(self) -> bool:
        """Whether nobody says anything, ever."""
        return not any(self._recordings.values())

    @property
    def end(self) -> int | None:
        """Where all is said, if the conversation has begun and there is something to say."""
        if self._begun is None or self.silent:
            return None
        return self._begun + max(map(len, self._recordings.values()))

    def play(self, position: int) -> None:
        """Have Twilio play something of its own from here on: what it says is silent."""
        self._outbound_from = position if self._outbound_from is None else self._outbound_from

    def begin(self, position: int) -> None:
        """Have the conversation begin shortly; once only."""
        if self._begun is None:
            self._begun = position + LEAD
            self.play(self._begun)

    def read(self, track: str, position: int, size: int) -> bytes | None:
        """Return samples of a track; None where it sends nothing."""
        recording = self._recordings[track]
        if track == OUTBOUND and (
            self._outbound_from is None or position + size <= self._outbound_from
        ):
            return None
        if not recording and not self.silent:
            return None
        if self._begun is None:
            return SILENCE * size
        offset = position - self._begun
        before = SILENCE * min(size, max(0, -offset))
        heard = recording[max(0, offset) : max(0, offset + size)]
        return (before + heard).ljust(size, SILENCE)
