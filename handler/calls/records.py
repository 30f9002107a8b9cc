"""What becomes a record: the facts of a call, and which of Deepgram's results. Pure."""

from collections.abc import Iterable

from broker.records import CallFacts
from handler.audio.mulaw import Track
from handler.deepgram.messages import Result
from handler.parameters import Parameters
from handler.twilio.start import StartDetails


class Utterances:
    """
    The utterances of a call that have begun, as far as its records say so.

    A final with text is a record. When it ends no utterance, the track's next ``speech_final`` is
    one even if it is empty, so that an utterance's end is never missing.
    """

    def __init__(self) -> None:
        self._unended: set[Track] = set()

    @property
    def open(self) -> tuple[str, ...]:
        """Of which tracks an utterance has begun and not ended."""
        return tuple(self._unended)

    def go_on(self, tracks: Iterable[str]) -> None:
        """Know of those that began elsewhere."""
        self._unended.update(map(Track, tracks))

    def is_record(self, result: Result) -> bool:
        """Whether a result is kept. Each is to be asked for once, in order."""
        if not result.is_final:
            return False
        kept = bool(result.transcript) or (result.speech_final and result.track in self._unended)
        if kept and not result.speech_final:
            self._unended.add(result.track)
        elif kept:
            self._unended.discard(result.track)
        return kept


def spoken_until(result: Result) -> float | None:
    """Return where the last word of a result ends, in seconds on the call clock; None if none."""
    match result.body:
        case {"channel": {"alternatives": [{"words": [*_, {"end": end}]}, *_]}}:
            return float(end)
    return None


def call_facts(
    start: StartDetails, parameters: Parameters, received_at: int, options: str | None = None
) -> CallFacts:
    """
    Return what a media stream says of its call.

    Args:
        start: Twilio's ``start``.
        parameters: Its ``<Parameter>``s, as they are read.
        received_at: Unix ms at which it came in.
        options: What Deepgram was asked for before, if it says nothing of that.
    """
    return CallFacts(
        call_sid=start.call_sid,
        account_sid=start.account_sid,
        from_=parameters.from_,
        to=parameters.to,
        direction=parameters.direction,
        caller_name=parameters.caller_name,
        callee_name=parameters.callee_name,
        metadata=parameters.metadata,
        options=parameters.options or options,
        started_at=received_at,
        stream_sid=start.stream_sid,
    )
