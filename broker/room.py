"""Whether the streams have room for what is to be kept, told once and measured."""

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
    """Looks at the streams whenever NATS is checked: at the start, and every half a minute."""

    def __init__(self, subjects: Subjects) -> None:
        self._streams = {stream: Keeping(stream) for stream in subjects.streams}
        self._told = False

    @property
    def kept(self) -> float:
        """For how many seconds a record is kept; of several streams, by that which keeps least."""
        return min(keeping.kept for keeping in self._streams.values())

    @property
    def full(self) -> bool:
        """Whether a stream drops records for the room that they take."""
        return any(keeping.full for keeping in self._streams.values())

    @property
    def subjects(self) -> int:
        """How many subjects the records of a stream have; of several, of the one with most."""
        return max(keeping.subjects for keeping in self._streams.values())

    async def look(self, client: Client) -> None:
        """Look once; what NATS does not say stays as it was."""
        for stream in self._streams:
            with suppress(nats.errors.Error, TimeoutError, OSError):
                config, state = await look_at(client, stream)
                if config:
                    age = oldest_age(state, time.time())
                    self._streams[stream] = Keeping.of(config, state, age, len(self._streams))
        short = [keeping for keeping in self._streams.values() if keeping.short]
        if short and not self._told:
            self._told = True
            worst = min(short, key=lambda keeping: keeping.kept)
            _log.warning("transcripts go before their time", what=worst.words())
