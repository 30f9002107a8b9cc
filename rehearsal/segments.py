"""What the recogniser of one channel is, and what it says. Pure."""

from dataclasses import dataclass
from typing import Protocol

# What ends or begins a written word and is not part of it.
PUNCTUATION = '.,?!;:"()'


@dataclass(frozen=True, slots=True)
class Word:
    """
    A recognised word.

    Attributes:
        text: As it is written in a sentence, with capitals and punctuation.
        start: In seconds from the first byte of the channel.
        end: Likewise.
        confidence: 0 to 1.
    """

    text: str
    start: float
    end: float
    confidence: float

    @property
    def plain(self) -> str:
        """The word alone, in lower case."""
        return self.text.strip(PUNCTUATION).lower() or self.text


@dataclass(frozen=True, slots=True)
class Segment:
    """
    What a recogniser says of a span of one channel.

    Attributes:
        start: The first sample of the span.
        end: The sample behind its last. Finals tile: each begins where the one before ended.
        final: The span will not be revised.
        speech_final: A pause was found behind it; only finals have it.
        words: Empty in silence.
    """

    start: int
    end: int
    final: bool
    speech_final: bool = False
    words: tuple[Word, ...] = ()

    @property
    def text(self) -> str:
        """The words in a row."""
        return " ".join(word.text for word in self.words)


class ChannelRecogniser(Protocol):
    """
    Recognises one channel.

    What it says depends on the bytes alone: neither on the sizes of the pieces that they come in,
    nor on the time.
    """

    def feed(self, audio: bytes) -> list[Segment]:
        """Take the next mu-law samples; returns what there is to say by now."""

    def finish(self) -> list[Segment]:
        """Return finals up to the last sample. More audio may follow."""


class RecogniserFactory(Protocol):
    """Makes the recogniser of a channel."""

    @property
    def heavy(self) -> bool:
        """Whether recognising takes long enough to belong into a thread."""

    def __call__(self, *, channel: int, endpointing: int | None) -> ChannelRecogniser:
        """Make one; ``endpointing`` is the pause in ms that ends an utterance, None for none."""
