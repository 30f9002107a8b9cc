"""Whether the stream has room for what is to be kept, told once and measured."""

import time
from contextlib import suppress

import nats.errors
import structlog
from nats.aio.client import Client

from broker.keeping import Keeping
from broker.provision import look_at, oldest_age
from broker.subjects import Subjects

_log = structlog.get_logger()


class Room:
    """
    Looks at the stream whenever NATS is checked: at the start, and every half a minute.

    Attributes:
        keeping: What it held then; nothing as long as nobody knows.
    """

    def __init__(self, subjects: Subjects) -> None:
        self.keeping = Keeping(subjects.stream)
        self._told = False

    async def look(self, client: Client) -> None:
        """Look once; what NATS does not say stays as it was."""
        with suppress(nats.errors.Error, TimeoutError, OSError):
            config, state = await look_at(client, self.keeping.stream)
            if config:
                self.keeping = Keeping.of(config, state, oldest_age(state, time.time()))
        if self.keeping.short and not self._told:
            self._told = True
            _log.warning("transcripts go before their time", what=self.keeping.words())
