"""What becomes a record: the facts of a call, and which of Deepgram's results. Pure."""

from broker.identifiers import restore_plus
from broker.records import CallFacts
from handler.audio.mulaw import Track
from handler.deepgram.messages import Result
from handler.twilio.start import StartDetails

# How a ``<Parameter>`` may be spelled, without regard to capitals and to what joins its words: as
# our examples have it, as Twilio names it in a webhook (``From`` or ``Caller``), as people do.
FROM = ("from", "fromnumber", "caller", "callernumber", "callerid")
TO = ("to", "tonumber", "called", "callednumber", "callee", "calleenumber")
DIRECTION = ("direction", "calldirection")


class Utterances:
    """
    The utterances of a call that have begun, as far as its records say so.

    A final with text is a record. When it ends no utterance, the track's next ``speech_final`` is
    one even if it is empty, so that an utterance's end is never missing.
    """

    def __init__(self) -> None:
        self._unended: set[Track] = set()

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


def call_facts(start: StartDetails, received_at: int) -> CallFacts:
    """
    Read what a media stream says of its call; numbers and direction come as ``<Parameter>``.

    Args:
        start: Twilio's ``start``.
        received_at: Unix ms at which it came in.
    """
    parameters = start.custom_parameters
    direction, from_, to = (_given(parameters, names) for names in (DIRECTION, FROM, TO))
    # Callers may be withheld (``anonymous``) or have a SIP address: shown, and granting nothing.
    return CallFacts(
        call_sid=start.call_sid,
        account_sid=start.account_sid,
        from_=None if from_ is None else restore_plus(from_),
        to=None if to is None else restore_plus(to),
        direction=direction,
        started_at=received_at,
        stream_sid=start.stream_sid,
    )


def unread_parameters(start: StartDetails) -> list[str]:
    """Return the names of the ``<Parameter>``s that say nothing to us."""
    read = {*FROM, *TO, *DIRECTION}
    return [name for name in start.custom_parameters if _plain(name) not in read]


def _given(parameters: dict[str, str], names: tuple[str, ...]) -> str | None:
    """
    Read a parameter by the first of its names under which something was given.

    A TwiML Bin that is no template sends ``{{From}}`` as it stands.
    """
    values = {
        _plain(name): text
        for name, text in reversed(parameters.items())  # of two alike, the first counts
        if text.strip() and not text.strip().startswith("{{")
    }
    return next((values[name] for name in names if name in values), None)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter not in " _-.")
