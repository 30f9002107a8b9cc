"""
How far a forwarder is with one stream: what it must know again after its end. Pure.

A stream is read in its order, and a call's records are sent one after the other. So two things say
where a forwarder is: up to where the stream was seen, and where each call is that is not done with
what was seen of it. Most of the time that is a few calls, whatever the number of those that live.
"""

from collections.abc import Mapping

import msgspec

from broker.errors import BadName
from broker.identifiers import check_call_sid

NOBODY = ""


class Place(msgspec.Struct, frozen=True, array_like=True):
    """
    Where a call is that is not done with what was seen of it.

    Attributes:
        due: The ``seq`` of the record that is sent next; 0 if that is whichever comes next.
        after: The stream sequence after which it lies.
        newest: The highest ``seq`` that was seen of the call; 0 if nobody knows.
    """

    due: int
    after: int
    newest: int = 0


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """
    How far a forwarder is with one stream.

    Attributes:
        owner: The process that works, and alone writes this; empty if it has left.
        created: When the stream was, as NATS says it: another one with the same name begins anew.
        start: The stream sequence after which the forwarder began: a call that was under way then
            is sent from its first record all the same.
        seen: Each record up to this stream sequence is done, but for those of ``behind``.
        behind: The calls that are not, by callSid.
    """

    owner: str
    created: str
    start: int
    seen: int
    behind: dict[str, Place] = {}


def encode(ledger: Ledger) -> bytes:
    """Write a ledger as it is stored."""
    return msgspec.json.encode(ledger)


def decode(data: bytes) -> Ledger | None:
    """Read a ledger, whose calls become part of subjects; None if it is not ours."""
    try:
        ledger = _decode(data)
        for call_sid in ledger.behind:
            check_call_sid(call_sid)
    except (msgspec.MsgspecError, BadName):
        return None
    return ledger


def begun(created: str, first: int, last: int, start: int | None) -> Ledger:
    """
    Return the ledger of a forwarder that begins.

    Args:
        created: When the stream was.
        first: The stream sequence of its oldest record.
        last: Of its newest.
        start: After which sequence to begin; None is at the oldest record.
    """
    oldest = max(first - 1, 0)
    place = min(max(oldest if start is None else start, oldest), last)
    return Ledger(owner=NOBODY, created=created, start=place, seen=place)


def again(ledger: Ledger, start: int, firsts: Mapping[str, int]) -> Ledger:
    """
    Return the ledger of a forwarder that is let send again; what waits is not dropped for it.

    Args:
        ledger: How far it is, as it fits the stream.
        start: The stream sequence after which all is sent again.
        firsts: Of the calls that wait and have spoken since then, the ``seq`` of the first record
            that the stream keeps: each is sent from there.
    """
    place = min(ledger.seen, start)
    behind = dict(ledger.behind)
    for call_sid in behind.keys() & firsts.keys():
        waits, first = behind[call_sid], firsts[call_sid]
        behind[call_sid] = Place(min(first, waits.due or first), 0, waits.newest)
    return msgspec.structs.replace(ledger, start=place, seen=place, behind=behind)


def fitted(ledger: Ledger, created: str, first: int, last: int) -> Ledger:
    """
    Return a ledger as it is to be used with the stream that is there now.

    Of a stream that was made anew all is to be seen. One that came back without its newest records,
    as after a power cut, gives their sequences to others: what follows is to be seen again.
    """
    if ledger.created != created:
        return begun(created, first, last, None)
    if ledger.seen <= last:
        return ledger
    behind = {
        call_sid: msgspec.structs.replace(place, after=min(place.after, last))
        for call_sid, place in ledger.behind.items()
    }
    return msgspec.structs.replace(ledger, start=min(ledger.start, last), seen=last, behind=behind)


_decode = msgspec.json.Decoder(Ledger).decode
