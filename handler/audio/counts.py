"""What is counted of the audio: plain integers, read when somebody asks. Pure."""

from dataclasses import dataclass, fields


@dataclass(slots=True)
class AudioCounts:
    """
    What media streams carried; those of one, or the sum of many. Samples are of both tracks.

    Attributes:
        frames: Media messages.
        filled_samples: Silence that was made up.
        late_samples: Audio that came after its place had been popped as silence, or was said to lie
            where other audio was, by a clock that was set back.
        overlap_samples: Audio whose place held audio already.
        slipped_samples: Left out or repeated because clock and audio drift apart.
        refused_frames: Their timestamps fit nowhere.
        leaps: Leaps of timestamps that were believed.
        restarts: Of a track's timestamps.
    """

    frames: int = 0
    filled_samples: int = 0
    late_samples: int = 0
    overlap_samples: int = 0
    slipped_samples: int = 0
    refused_frames: int = 0
    leaps: int = 0
    restarts: int = 0

    @property
    def unplaced_samples(self) -> int:
        """Audio that found no place: late, or where audio was."""
        return self.late_samples + self.overlap_samples

    def __add__(self, other: "AudioCounts") -> "AudioCounts":
        names = [field.name for field in fields(self)]
        return AudioCounts(*(getattr(self, name) + getattr(other, name) for name in names))
