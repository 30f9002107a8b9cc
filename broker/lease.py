"""This process's sign of life: a key that is gone when it is not renewed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec
import nats.errors

from broker import supervise
from broker.bucket import WRITE_SECONDS, Bucket
from broker.settings import BrokerSettings
from broker.subjects import Subjects


class Lease:
    """
    Renews the lease of this process for as long as it lives.

    A renewal that fails is not repeated at once: the next one is due before the lease ends.
    """

    def __init__(
        self,
        bucket: Bucket,
        subjects: Subjects,
        settings: BrokerSettings,
        on_renewed: Callable[[str, int, bytes], None],
    ) -> None:
        """Prepare it; ``on_renewed`` gets the key, its revision and what it holds."""
        self._bucket = bucket
        self._subject = subjects.lease_key(settings.instance)
        self._key = subjects.key_of(self._subject)
        self._settings = settings
        self._on_renewed = on_renewed
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to renew it."""
        self._task = supervise.keep(self._renew, "lease")

    async def close(self) -> None:
        """Give it back, so that this process's calls leave the list at once."""
        if self._task is None:
            return
        await supervise.end(self._task)
        with suppress(nats.errors.Error, TimeoutError, OSError):
            async with asyncio.timeout(WRITE_SECONDS):
                await self._bucket.delete(self._subject)

    async def _renew(self) -> None:
        data = msgspec.json.encode({"instance": self._settings.instance})
        while True:
            with suppress(nats.errors.Error, TimeoutError, OSError):
                ttl = self._settings.lease_ttl
                revision = await self._bucket.write(self._subject, data, ttl=ttl)
                self._on_renewed(self._key, revision, data)
            await asyncio.sleep(self._settings.lease_refresh)
