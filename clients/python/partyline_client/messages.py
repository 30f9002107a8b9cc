"""
What a service says, as frozen dataclasses. Pure.

The protocol page of the service is the contract; names are those of the wire, in Python's spelling.
Times of speech (``start``, ``end``, ``duration``) are seconds on the call clock, ``at`` and
``started_at`` Unix milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

Track = Literal["inbound", "outbound"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    Anything that a service says.

    Attributes:
        wire: The JSON text of it, as it came.
    """

    wire: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMessage(Message):
    """Something of one call."""

    call_sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(CallMessage):
    """
    What is kept of a call, each once and in order.

    Attributes:
        seq: 1, 2, 3 … for each call, without holes.
        epoch: The claim under which it was written: which process owned the call.
        at: When it was published.
    """

    seq: int
    epoch: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """
    A word, and where it lies.

    Attributes:
        word: Without capitals and punctuation, as it was recognised.
        punctuated_word: As it stands in the text.
        speaker: Its voice, with Deepgram's option ``diarize``.
    """

    word: str
    start: float
    end: float
    confidence: float | None = None
    punctuated_word: str | None = None
    speaker: int | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Final(Record):
    """What was said on one track, for good. An empty text ends an utterance."""

    track: Track
    start: float
    duration: float
    transcript: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    speech_final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Interim(CallMessage):
    """
    What is being said on one track, until the next interim or final of it.

    An empty text takes back what was there.

    Attributes:
        after: The last ``seq`` that was stored when it was made.
    """

    track: Track
    start: float
    duration: float
    transcript: str
    after: int
    epoch: str
    at: int
    words: tuple[Word, ...] = ()
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceEnd(CallMessage):
    """A side has paused; worth nothing after the next interim."""

    track: Track
    last_word_end: float
    after: int
    epoch: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted(CallMessage):
    """A side has begun to speak; worth nothing after the next interim."""

    track: Track
    timestamp: float
    after: int
    epoch: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(Record):
    """The first record of a call."""

    started_at: int
    account_sid: str
    stream_sid: str
    from_: str | None
    to: str | None
    direction: str | None
    caller_name: str | None = None
    callee_name: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResumed(Record):
    """
    The call goes on with another media stream.

    Attributes:
        reason: ``moved`` if nothing is missing before it: people need not be told.
    """

    stream_sid: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Record):
    """
    Audio that was not transcribed.

    Attributes:
        track: None for both.
    """

    start: float
    end: float
    track: Track | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recogniser(Record):
    """The recogniser is away (``down``) or back (``up``)."""

    state: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Record):
    """
    The call has ended; for a few seconds it may still go on with :class:`CallResumed`.

    Attributes:
        words: How many its finals say; None of a call from before that was told.
    """

    duration: float
    reason: str
    request_ids: tuple[str, ...]
    call_status: str | None = None
    words: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed(CallMessage):
    """
    The call is read from now on: records ``first`` to ``last`` are its past.

    Attributes:
        from_: Its numbers, as ``CallStarted`` has them; None if they are not known.
        to: Likewise.
        parent_call_sid: Of a child leg that was asked for: the call, as its records name it.
    """

    first: int
    last: int
    from_: str | None
    to: str | None
    parent_call_sid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp(CallMessage):
    """The past has been told, up to a record; what follows is live."""

    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(CallMessage):
    """Nobody knows the call yet; it is awaited for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired(CallMessage):
    """Records before ``first`` are no longer kept."""

    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Over(CallMessage):
    """The call has ended, and the time has passed in which it may go on."""

    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(Message):
    """One call cannot be read, or no longer (``Error`` on the wire); without a call, all of it."""

    code: int
    message: str
    call_sid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCall:
    """A live call, as the list has it."""

    call_sid: str
    from_: str | None
    to: str | None
    direction: str | None
    started_at: int
    state: str
    caller_name: str | None = None
    callee_name: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls(Message):
    """The live calls that the token may see, all of them, the oldest first."""

    calls: tuple[ListedCall, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed(Message):
    """A fresh token was taken (``Token`` on the wire); None: it needs none."""

    exp: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Other(Message):
    """
    What this version of the client does not know, or cannot read: the protocol may grow.

    Attributes:
        type: As it names itself.
        seq: If it is a record.
    """

    type: str
    call_sid: str | None = None
    seq: int | None = None


class State(Enum):
    """How what is shown stands to what is said."""

    LIVE = "live"
    OFFLINE = "offline"  # the connection is lost; it is tried again
    DRAINING = "draining"  # the process leaves; another one takes over
    EXPIRED = "expired"  # the token has ended; a fresh one is asked for, if it can be


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """
    The connection is there, or is not: among the messages, in its place.

    What is interim when it is lost stands for nothing: its final may come, or may have been told.

    Attributes:
        reason: Why it is not there, in a few words.
        cause: What the connection ended with.
    """

    state: State
    reason: str = ""
    cause: Exception | None = field(default=None, repr=False, compare=False)


Event = Message | StateChanged
