"""Recognising recordings in this process: no Twilio, no mixer, no websocket."""

from collections.abc import Callable, Iterable

from rehearsal.errors import MissingExtra
from rehearsal.segments import RecogniserFactory, Segment

# As the service asks Deepgram for. A comparison with a live call is fair only if they agree.
ENDPOINTING_MS = 300
PIECE = 8000  # a second between reports of progress


def load_moonshine() -> RecogniserFactory:
    """
    Return what makes real recognisers, its model loaded.

    Raises:
        MissingExtra: a package of the demo extra is not there.
    """
    try:
        from rehearsal.recogniser import Moonshine  # noqa: PLC0415  the demo extra, and heavy
    except ModuleNotFoundError as exc:
        raise MissingExtra(f"{exc.name} is not installed") from exc
    moonshine = Moonshine()
    moonshine.load()
    return moonshine


def recognise(
    audio: bytes,
    make_recogniser: RecogniserFactory,
    *,
    endpointing: int | None = ENDPOINTING_MS,
    progress: Callable[[float], None] | None = None,
) -> list[Segment]:
    """
    Return the finals with words, of one track of mu-law samples.

    Args:
        audio: The samples.
        make_recogniser: What makes the recogniser.
        endpointing: The pause in ms that ends an utterance; None for none.
        progress: Called with the share that is done, 0 to 1.
    """
    recogniser = make_recogniser(channel=0, endpointing=endpointing)
    said: list[Segment] = []
    for at in range(0, len(audio), PIECE):
        said += recogniser.feed(audio[at : at + PIECE])
        if progress is not None:
            progress(min(1.0, (at + PIECE) / len(audio)))
    said += recogniser.finish()
    return [segment for segment in said if segment.final and segment.words]


def transcript(segments: Iterable[Segment]) -> str:
    """Return the text of segments in a row."""
    return " ".join(segment.text for segment in segments)
