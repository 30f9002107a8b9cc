"""The ledger of one stream as NATS keeps it: looked at by many, written by the one who works."""

import msgspec
import nats.errors
import nats.js.errors

from broker.bucket import Bucket
from broker.errors import NotWritten, Replaced
from broker.ledger import NOBODY, Ledger, decode, encode
from broker.stream import WRONG_LAST_SEQUENCE
from broker.words import said


class KeptLedger:
    """
    One stream's ledger, as one process looks at it and writes it.

    Who takes it up writes it under its own name; whoever had it before is refused from then on, as
    each write names the one before it. No lease guards it: see ``handler/forward/worker.py``.

    Attributes:
        revision: Of what was seen or written last; another one was written by somebody else.
    """

    def __init__(self, bucket: Bucket, subject: str, owner: str) -> None:
        self.revision = 0
        self._bucket = bucket
        self._subject = subject
        self._owner = owner

    async def look(self) -> Ledger | None:
        """
        Ask the leader for the ledger; None if there is none.

        Raises:
            HistoryUnavailable: that cannot be known now.
        """
        newest = await self._bucket.newest(self._subject)
        if newest is None:
            self.revision = 0
            return None
        self.revision = newest.sequence
        return decode(newest.data)

    async def write(self, ledger: Ledger) -> None:
        """
        Write the ledger as the one that follows what was seen or written last.

        Raises:
            Replaced: somebody else has written since.
            NotWritten: it cannot be known to be written now; to be tried again.
            HistoryUnavailable: likewise.
        """
        await self._write(msgspec.structs.replace(ledger, owner=self._owner))

    async def leave(self, ledger: Ledger) -> None:
        """Write it for the last time, so that another process goes on at once; raises likewise."""
        await self._write(msgspec.structs.replace(ledger, owner=NOBODY))

    async def _write(self, ledger: Ledger) -> None:
        data = encode(ledger)
        try:
            self.revision = await self._bucket.write(self._subject, data, expected=self.revision)
        except nats.js.errors.APIError as exc:
            if exc.err_code not in WRONG_LAST_SEQUENCE:
                raise NotWritten(said(exc)) from exc
            # It may be an earlier try of our own, whose answer alone was lost.
            newest = await self.look()
            if newest is None or newest.owner != self._owner:
                raise Replaced("another process forwards now") from exc
            raise NotWritten("what was written before was not known to be") from exc
        except (nats.errors.Error, TimeoutError, OSError) as exc:
            raise NotWritten(said(exc)) from exc
