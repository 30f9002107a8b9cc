"""Single keys of a bucket: written, deleted and asked for, by their revision."""

from dataclasses import dataclass
from typing import TypeVar

import msgspec
import nats.errors
import nats.js.errors

from broker.connection import Connection
from broker.entries import CallEntry, is_gone
from broker.errors import HistoryUnavailable, NotWritten
from broker.records import Stored
from broker.stream import WRONG_LAST_SEQUENCE, last_stored, read_history
from broker.subjects import Subjects
from broker.words import said

WRITE_SECONDS = 2.0
TOMBSTONE_SECONDS = 60  # whole seconds, as NATS wants them

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """
    What the leader says of a key.

    Attributes:
        revision: Of its newest message; 0 if there is none.
        epoch: The claim that has written the entry; None if it is gone, or not ours.
    """

    revision: int
    epoch: str | None


class Bucket:
    """
    Writes and reads single keys. The client's own KV knows no time to live.

    Whatever it asks of NATS may fail: :exc:`nats.errors.Error`, TimeoutError, OSError; a question
    to the leader, :exc:`HistoryUnavailable`.
    """

    def __init__(
        self, connection: Connection, subjects: Subjects, *, name: str | None = None
    ) -> None:
        """Prepare it; ``name`` is that of another bucket than that of live calls."""
        self._connection = connection
        self._stream = f"KV_{name or subjects.bucket}"

    async def write(
        self, subject: str, data: bytes, *, ttl: int = 0, expected: int | None = None
    ) -> int:
        """Write a key, if its revision is as expected; returns its new one."""
        headers = {}
        if expected is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(expected)
        return await self._publish(subject, data, headers, ttl=ttl)

    async def keep(
        self, subject: str, data: bytes, *, ttl: int, expected: int | None = None
    ) -> bool:
        """
        Write a key that goes by itself; returns False if its revision is not as expected.

        Raises:
            NotWritten: it cannot be written now.
        """
        try:
            await self.write(subject, data, ttl=ttl, expected=expected)
        except nats.js.errors.APIError as exc:
            if exc.err_code in WRONG_LAST_SEQUENCE:
                return False
            raise NotWritten(said(exc)) from exc
        except (nats.errors.Error, TimeoutError, OSError) as exc:
            raise NotWritten(said(exc)) from exc
        return True

    async def newest(self, subject: str) -> Stored | None:
        """
        Ask the leader for a key's newest message, be it gone; None if there never was one.

        Raises:
            HistoryUnavailable: that cannot be known now.
        """
        return await last_stored(self._connection.client, self._stream, subject)

    async def look(self, subject: str, kind: type[T]) -> tuple[int, T | None]:
        """
        Ask the leader for a key's revision, and for what it holds.

        The revision is 0 if there never was one; it holds None if it is gone, or what it holds is
        none of ours.

        Raises:
            HistoryUnavailable: that cannot be known now.
        """
        newest = await self.newest(subject)
        if newest is None:
            return 0, None
        if is_gone(newest.headers):
            return newest.sequence, None
        try:
            return newest.sequence, msgspec.json.decode(newest.data, type=kind)
        except msgspec.MsgspecError:
            return newest.sequence, None

    async def read(self, subject: str) -> bytes | None:
        """
        Ask the leader for what a key holds; None if it is not there.

        Raises:
            HistoryUnavailable: that cannot be known now.
        """
        newest = await self.newest(subject)
        return None if newest is None or is_gone(newest.headers) else newest.data

    async def read_all(self, subject: str) -> list[bytes]:
        """
        Return what several keys hold (wildcards allowed); a replica may lack all but the newest.

        Raises:
            HistoryUnavailable: that cannot be known now.
        """
        newest = await self.newest(subject)
        if newest is None:
            return []
        stored = await read_history(self._connection.client, self._stream, subject)
        found = {one.subject: one for one in [*stored, newest]}
        return [one.data for one in found.values() if not is_gone(one.headers)]

    async def delete(self, subject: str, *, revision: int | None = None) -> None:
        """Delete a key, if its revision is as given."""
        headers = {"KV-Operation": "DEL", "Nats-TTL": str(TOMBSTONE_SECONDS)}
        if revision is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(revision)
        await self._publish(subject, b"", headers)

    async def stored(self, subject: str) -> StoredKey | None:
        """Ask the leader for a call's key; None if that cannot be known now."""
        try:
            revision, entry = await self.look(subject, CallEntry)
        except HistoryUnavailable:
            return None
        return StoredKey(revision, None if entry is None else entry.epoch)

    async def _publish(
        self, subject: str, data: bytes, headers: dict[str, str], *, ttl: int = 0
    ) -> int:
        if not self._connection.connected:  # else the client would keep it for later
            raise nats.errors.ConnectionReconnectingError
        ack = await self._connection.js.publish(
            subject, data, timeout=WRITE_SECONDS, headers=headers, msg_ttl=ttl or None
        )
        return ack.seq
