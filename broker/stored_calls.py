"""The newest record of a single call, as the stream's leader has it."""

import msgspec

from broker.connection import Connection
from broker.records import Stored
from broker.stream import last_stored
from broker.subjects import Subjects


class _Head(msgspec.Struct):
    type: str = ""
    at: int = 0


class StoredCalls:
    """
    Asks for calls that may be of any process, or over.

    Whatever is asked may fail: :exc:`~broker.errors.HistoryUnavailable`.
    """

    def __init__(self, connection: Connection, subjects: Subjects) -> None:
        self._connection = connection
        self._subjects = subjects

    async def is_known(self, call_sid: str, account_sid: str) -> bool:
        """Whether there is a record of an account's call."""
        return await self._newest(call_sid, account_sid) is not None

    async def ended_at(self, call_sid: str, account_sid: str) -> int | None:
        """Return the Unix time in ms at which a call has ended; None if it has not."""
        newest = await self._newest(call_sid, account_sid)
        if newest is None:
            return None
        try:
            head = _decode(newest.data)
        except msgspec.MsgspecError:  # none of ours
            return None
        return head.at if head.type == "CallEnded" else None

    async def _newest(self, call_sid: str, account_sid: str) -> Stored | None:
        subject = self._subjects.call(call_sid, account_sid)
        stream = self._subjects.stream_of(call_sid)
        return await last_stored(self._connection.client, stream, subject)


_decode = msgspec.json.Decoder(_Head).decode
