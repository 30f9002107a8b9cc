"""Tickets, as all processes know them: when one that was promised ends, and which are spent."""

import itertools

import msgspec

from broker.bucket import Bucket
from broker.subjects import Subjects

# A key may change once, from promised to spent, between our look and our write.
ATTEMPTS = 3


class TicketEntry(msgspec.Struct, frozen=True, rename="camel"):
    """
    A ticket, as the bucket keeps it.

    Attributes:
        expiry: Unix time in s at which it ends.
        spent_by: Who has spent it, one name for each attempt; nobody yet, if it is empty.
    """

    expiry: int
    spent_by: str = ""


class Tickets:
    """
    Single tickets in the registry's bucket; each key goes by itself.

    Whatever is asked may fail as a bucket's :meth:`~Bucket.keep` and :meth:`~Bucket.look` do.
    """

    def __init__(self, bucket: Bucket, subjects: Subjects, instance: str) -> None:
        self._subjects = subjects
        self._bucket = bucket
        self._instance = instance
        self._attempts = itertools.count(1)

    async def promise(self, nonce: str, expiry: int, *, ttl: int) -> int:
        """
        Say when a ticket ends, that others may make too; returns when it does.

        Args:
            nonce: Its name.
            expiry: When it is to end, if nobody has said so before.
            ttl: For how long that is to be known, in s.
        """
        subject = self._subjects.ticket_key(nonce)
        entry = TicketEntry(expiry)
        if await self._bucket.keep(subject, msgspec.json.encode(entry), ttl=ttl, expected=0):
            return expiry
        _, found = await self._bucket.look(subject, TicketEntry)
        return expiry if found is None else found.expiry

    async def spend(self, nonce: str, expiry: int, *, ttl: int) -> bool:
        """
        Spend a ticket, whether it was promised or not; False if it is spent.

        Args:
            nonce: Its name.
            expiry: When it ends.
            ttl: For how long it is to be known as spent, in s: beyond its end.
        """
        subject = self._subjects.ticket_key(nonce)
        ours = f"{self._instance}-{next(self._attempts)}"
        data = msgspec.json.encode(TicketEntry(expiry, ours))
        expected = 0
        for _ in range(ATTEMPTS):
            if await self._bucket.keep(subject, data, ttl=ttl, expected=expected):
                return True
            expected, found = await self._bucket.look(subject, TicketEntry)
            if found is None:
                return False  # it was there, and is over; or who wrote what is not ours has had it
            if found.spent_by:
                return found.spent_by == ours  # the answer to our own write was lost
        return False

    async def require(self, *, ttl: int) -> None:
        """Let all processes know that media streams need a ticket, for so many seconds."""
        await self._bucket.keep(self._subjects.tickets_required, b"{}", ttl=ttl)

    async def required(self) -> bool:
        """Ask the leader whether media streams need a ticket."""
        return await self._bucket.read(self._subjects.tickets_required) is not None
