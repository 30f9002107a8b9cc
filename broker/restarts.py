"""When media streams of a call were started again: one container does it at a time."""

from dataclasses import dataclass

import msgspec

from broker.bucket import Bucket
from broker.subjects import Subjects

# As long as a start counts for anything.
KEPT_SECONDS = 600
# More are not looked at.
MAX_KEPT = 10


class _Entry(msgspec.Struct, frozen=True):
    """Unix ms of each start, the newest last."""

    at: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Starts:
    """
    The starts of a call's media streams that count.

    Attributes:
        call_sid: The call.
        at: Unix ms of each, the newest last.
        revision: Of the key that says so; 0 if there never was one.
    """

    call_sid: str
    at: tuple[int, ...] = ()
    revision: int = 0


class Restarts:
    """Keys of the registry's bucket, one a call; each goes by itself."""

    def __init__(self, bucket: Bucket, subjects: Subjects) -> None:
        self._bucket = bucket
        self._subjects = subjects

    async def of(self, call_sid: str) -> Starts:
        """
        Ask the leader for the starts of a call.

        Raises:
            HistoryUnavailable: that cannot be known now.
        """
        revision, entry = await self._bucket.look(self._subjects.restart_key(call_sid), _Entry)
        return Starts(call_sid, () if entry is None else entry.at, revision)

    async def begin(self, known: Starts, at: int) -> bool:
        """
        Say that a media stream is started, at a Unix time in ms; False if another one was first.

        Raises:
            NotWritten: it cannot be said now.
        """
        subject = self._subjects.restart_key(known.call_sid)
        data = msgspec.json.encode(_Entry((*known.at, at)[-MAX_KEPT:]))
        return await self._bucket.keep(subject, data, ttl=KEPT_SECONDS, expected=known.revision)
