"""Audio that nobody will read: one shape for every loss, whoever found it. Pure."""

from dataclasses import dataclass, replace
from typing import Literal

from handler.audio.mulaw import Track

Reason = Literal[
    "recogniser-unreachable",
    "recogniser-rejected",
    "recogniser-unreadable",  # what it said of it could not be read
    "media-lost",  # its timestamp fits nowhere, or it never came
    "late-audio",  # its place had been sent as silence
    "owner-lost",  # received by an owner that is gone
    "paused",  # Twilio was told to stop, and later to go on
]


@dataclass(frozen=True, slots=True)
class Loss:
    """
    A piece of a call that is in no transcript.

    Attributes:
        start: Position of its first sample, in samples (1/8000 s): on the clock of the media stream
            inside the mixer, on the call clock from the call on.
        end: Position after its last sample.
        track: The side of the call; None if both lost it.
        reason: Why, as ``Gap.reason`` has it.
    """

    start: int
    end: int
    track: Track | None
    reason: Reason

    def moved(self, offset: int) -> "Loss":
        """Return the same loss on a clock whose zero lies ``offset`` samples earlier."""
        return replace(self, start=self.start + offset, end=self.end + offset)
