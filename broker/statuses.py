"""How calls ended by Twilio's own word: whoever is told keeps it for all, and all hear of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec

from broker.bucket import Bucket
from broker.entries import CallStatus, is_gone, read_status
from broker.errors import NotWritten
from broker.subjects import Subjects

# For so long it is known of a call that it is over, to whom it may still concern: an owner that has
# lost its media stream, or who ends the calls of an owner that is gone.
STATUS_SECONDS = 3600


Hear = Callable[[CallStatus], None]


class Statuses:
    """
    The final statuses of calls. Here none is kept: who needs one later asks for it.

    Attributes:
        hear: Told of every one.
    """

    def __init__(self, bucket: Bucket, subjects: Subjects) -> None:
        self.hear: Hear = _nobody
        self._bucket = bucket
        self._subjects = subjects
        self._watched: dict[str, set[Hear]] = {}

    @contextmanager
    def watch(self, call_sid: str, hear: Hear) -> Iterator[None]:
        """Let the owner of a call hear of its end; maybe more often than once."""
        self._watched.setdefault(call_sid, set()).add(hear)
        try:
            yield
        finally:
            self._watched[call_sid].discard(hear)
            if not self._watched[call_sid]:
                del self._watched[call_sid]

    async def put(self, status: CallStatus) -> None:
        """
        Tell everybody, and keep it.

        Raises:
            NotWritten: nobody elsewhere can be told now, and the call is not owned here.
        """
        owned = status.call_sid in self._watched
        self._tell(status)
        subject = self._subjects.status_key(status.call_sid, status.account_sid)
        try:
            await self._bucket.keep(subject, msgspec.json.encode(status), ttl=STATUS_SECONDS)
        except NotWritten:
            if not owned:
                raise

    async def of(self, call_sid: str, account_sid: str) -> CallStatus | None:
        """
        Ask the leader how a call ended, if it did.

        Raises:
            HistoryUnavailable: that cannot be known now.
        """
        data = await self._bucket.read(self._subjects.status_key(call_sid, account_sid))
        return None if data is None else read_status(data)

    def receive(self, _: str, headers: Mapping[str, str], data: bytes) -> None:
        """Take what the bucket tells of a status's key."""
        if not is_gone(headers) and (status := read_status(data)) is not None:
            self._tell(status)

    def _tell(self, status: CallStatus) -> None:
        for hear in list(self._watched.get(status.call_sid, ())):
            hear(status)
        self.hear(status)


def _nobody(_: CallStatus) -> None:
    """Hear nothing."""
