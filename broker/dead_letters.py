"""What is told of records of a call that are never forwarded. Pure."""

import msgspec


class GivenUp(msgspec.Struct, frozen=True, rename="camel"):
    """
    A dead letter: what of a call was given up last, and how much.

    Attributes:
        call_sid: The call.
        first: The ``seq`` of the first record that was given up.
        last: Of the last one.
        records: How many there were.
        reason: Why the last one was: ``expired``, ``refused``, ``gone``.
        detail: What the receiver answered, in words.
        at: Unix time in ms of the last one.
    """

    call_sid: str
    first: int
    last: int
    records: int
    reason: str
    detail: str
    at: int


def joined(before: GivenUp | None, new: GivenUp, begun_at: int) -> GivenUp | None:
    """
    Return the letter that tells of what was given up before, and of what is now.

    Args:
        before: The letter that is there.
        new: Of what is given up now alone.
        begun_at: Unix time in ms at which the forwarder began, or was let send again.

    Returns:
        None if the one that is there tells of it: whoever noted it was killed before it could say
        that it had. What was noted before the forwarder began anew is another matter: that was
        sent again, and is given up again.
    """
    if before is None:
        return new
    more = new.records
    if before.last >= new.first:
        if before.at < begun_at:
            return new
        more = new.last - before.last
    if more <= 0:
        return None
    return msgspec.structs.replace(new, first=before.first, records=before.records + more)
