"""What is sent of a record: itself, or the whole transcript of the call that it ends. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from handler.forward.lanes import Kept
from handler.subscribers import captions
from handler.subscribers.speakers import speakers_of

# What reading what is no record raises: a text that is no UTF-8 is an error of its own.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
# The types of records of which a transcript tells more than that they are there.
SPOKEN = frozenset({"Results", "Gap", "CallStarted"})


class Extent(msgspec.Struct, frozen=True):
    """The ``seq`` of the first and the last record of a call of which a transcript tells."""

    first: int
    last: int

    def exceeds(self, other: "Extent") -> bool:
        """Whether this tells of what the other does not, so that it is not to be replaced by it."""
        return self.last > other.last or (self.last == other.last and self.first < other.first)


NOTHING = Extent(0, 0)


@dataclass(frozen=True, slots=True)
class Parcel:
    """
    What is sent at once.

    Attributes:
        name: The same each time that it is sent; no other parcel has it.
        call_sid: Whose it is.
        body: JSON.
        captions: WebVTT; empty but for a whole transcript.
        extent: What a whole transcript tells of.
    """

    name: str
    call_sid: str
    body: bytes
    captions: bytes = b""
    extent: Extent = NOTHING


class _Head(msgspec.Struct):
    type: str = ""


class _Started(msgspec.Struct):
    """What ``CallStarted`` says of who is on the telephone."""

    type: str = ""
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None


# What captions and turns are made of, and cannot be made without.


class _Word(msgspec.Struct):
    start: float
    end: float
    word: str
    punctuated_word: str | None = None


class _Alternative(msgspec.Struct):
    transcript: str
    words: list[_Word] = []


class _Channel(msgspec.Struct):
    alternatives: Annotated[list[_Alternative], msgspec.Meta(min_length=1)]


class _Results(msgspec.Struct, tag="Results"):
    track: str
    start: float
    duration: float
    channel: _Channel


class _Gap(msgspec.Struct, tag="Gap"):
    start: float
    end: float
    reason: str
    track: str | None = None


class _Beginning(msgspec.Struct, tag="CallStarted"):
    direction: str | None = None
    callerName: str | None = None  # noqa: N815  as on the wire
    calleeName: str | None = None  # noqa: N815


def is_end(record: Kept) -> bool:
    """Whether a record is a ``CallEnded``."""
    return record.kind == "event" and _read_head(record.payload) == "CallEnded"


def numbers(payload: bytes) -> tuple[str | None, str | None] | None:
    """Return the numbers of a call whose first record this is; None if it is none such."""
    try:
        started = _decode_started(payload)
    except UNREADABLE:
        return None
    return (started.from_, started.to) if started.type == "CallStarted" else None


def of_record(call_sid: str, record: Kept) -> Parcel:
    """Return a record as it is sent: the bytes that subscribers and taps get."""
    return Parcel(f"{call_sid}:{record.seq}", call_sid, record.payload)


def of_call(call_sid: str, end: Kept, payloads: Sequence[bytes], *, first: int) -> Parcel:
    """
    Return the whole transcript of a call, as ``GET /calls/{callSid}/transcript.json`` has it.

    Args:
        call_sid: The call.
        end: Its ``CallEnded``, which names this: a call that goes on ends, and is sent, again.
        payloads: All that is kept of it up to there.
        first: The ``seq`` of the first of them: above 1 the beginning is lost.
    """
    records = list(_readable(payloads))
    started = next((record for record in records if record["type"] == "CallStarted"), {})
    names = speakers_of(started)
    body = msgspec.json.encode(captions.document(records, names))
    spoken = "".join(captions.vtt(captions.all_captions(records, names), expired=first > 1))
    name, extent = f"{call_sid}:{end.seq}:transcript", Extent(first, end.seq)
    return Parcel(name, call_sid, body, spoken.encode(), extent)


def extent_of(body: bytes) -> Extent | None:
    """Read of which records a transcript tells; None if it is none."""
    try:
        return _decode_extent(body)
    except UNREADABLE:
        return None


def _readable(payloads: Sequence[bytes]) -> Iterator[captions.Message]:
    """Yield the records; what cannot be read, as what somebody else has stored, is left out."""
    for payload in payloads:
        try:
            if (kind := _decode_head(payload).type) in SPOKEN:
                _check(payload)
            if kind:
                yield _decode(payload)
        except UNREADABLE:
            continue


def _read_head(payload: bytes) -> str:
    try:
        return _decode_head(payload).type
    except UNREADABLE:
        return ""


_check = msgspec.json.Decoder(_Results | _Gap | _Beginning).decode
_decode = msgspec.json.Decoder(dict).decode
_decode_extent = msgspec.json.Decoder(Extent).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_started = msgspec.json.Decoder(_Started).decode
