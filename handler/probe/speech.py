"""What the canary call says: two recorded sentences, one of each side."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from handler.audio.mulaw import SAMPLES_PER_MS, SILENCE

RECORDINGS = Path(__file__).parent / "speech"
FRAME_MS = 20
FRAME = FRAME_MS * SAMPLES_PER_MS
# Between what one side says and the other; and behind it, so that the last sentence has an end.
PAUSE_MS = 500
TAIL_MS = 1200
TEXTS = {
    "outbound": "My name is Rachel. How can I help you today?",
    "inbound": "My internet connection has been down since yesterday evening and I work from home.",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """
    20 ms of both sides.

    Attributes:
        timestamp: Of its first sample, in ms from the beginning of the media stream.
        payloads: The samples of each track.
    """

    timestamp: int
    payloads: dict[str, bytes]

    @property
    def due(self) -> float:
        """When it can be sent, in seconds: once its last sample was said."""
        return (self.timestamp + FRAME_MS) / 1000


@dataclass(frozen=True, slots=True)
class Speech:
    """
    A call's audio.

    Attributes:
        tracks: The mu-law samples of each track, of the same length.
        texts: What is said on each.
    """

    tracks: dict[str, bytes]
    texts: dict[str, str]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return max(map(len, self.tracks.values())) / (1000 * SAMPLES_PER_MS)

    def frames(self) -> Iterator[Frame]:
        """Yield it in the order of sending; the first timestamp on the wire is never 0."""
        for start in range(FRAME, int(self.seconds * 1000) * SAMPLES_PER_MS, FRAME):
            payloads = {track: audio[start : start + FRAME] for track, audio in self.tracks.items()}
            yield Frame(start // SAMPLES_PER_MS, payloads)


def recorded() -> Speech:
    """Return what is shipped for the purpose."""
    callee = (RECORDINGS / "callee.ulaw").read_bytes()
    caller = (RECORDINGS / "caller.ulaw").read_bytes()
    pause, tail = (ms * SAMPLES_PER_MS for ms in (PAUSE_MS, TAIL_MS))
    whole = pause + len(callee) + pause + len(caller) + tail
    whole += -whole % FRAME
    return Speech(
        {
            "outbound": (SILENCE * pause + callee).ljust(whole, SILENCE),
            "inbound": (SILENCE * (2 * pause + len(callee)) + caller).ljust(whole, SILENCE),
        },
        TEXTS,
    )
