"""How the calls of an account go: who answers, how fast time passes, how streams behave."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rehearsal.twilio.delivery import Delivery
from rehearsal.twilio.legs import Status
from rehearsal.twilio.options import Options

# About 15 letters a second.
LETTER_SECONDS = 0.065


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """
    What becomes of a call to somebody.

    Attributes:
        ring_seconds: How long the phone rings before that.
        outcome: ``in-progress``: it is answered; or ``busy``, ``failed``, ``no-answer``.
        talk_seconds: When they hang up; None: when the caller does.
    """

    ring_seconds: float = 0.4
    outcome: Status = Status.IN_PROGRESS
    talk_seconds: float | None = None


def usual_stream(number: int) -> Options:
    """Return how the streams of a call behave, by their number: each clock begins elsewhere."""
    return Options(first_timestamp_ms=5 + (number * 37 + 150) % 195, seed=number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """
    How calls go.

    Attributes:
        speed: Of a call's clock; 1 is real time.
        letter_seconds: How long ``<Say>`` takes for each letter.
        callees: What becomes of a call to an address; to others, what :class:`Callee` says.
        streams: How the streams of a call behave, by their number from 0. Of what it returns the
            SIDs, the token, the parameters and the tracks are those of the stream.
        recordings: What is said in calls that the API makes: by who is called, and to them.
        delivery: Of status callbacks.
        stopped_after_error: Whether ``stream-stopped`` follows ``stream-error``; it is not known
            whether Twilio sends it.
        keep_frames: Keep what each stream sent, for tests.
    """

    speed: float = 1.0
    letter_seconds: float = LETTER_SECONDS
    callees: Mapping[str, Callee] = field(default_factory=dict)
    streams: Callable[[int], Options] = usual_stream
    recordings: tuple[bytes, bytes] = field(default=(b"", b""), repr=False)
    delivery: Delivery = field(default_factory=Delivery)
    stopped_after_error: bool = False
    keep_frames: bool = False

    def callee(self, address: str) -> Callee:
        return self.callees.get(address) or Callee()
