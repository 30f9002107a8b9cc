"""NATS as the rest of the service knows it: the one place where its parts are put together."""

import itertools
from typing import Self

import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext

from broker.bucket import Bucket
from broker.connection import Connection
from broker.follow import Replicas
from broker.janitor import Janitor
from broker.legs import Legs
from broker.moves import Moves
from broker.observer import NOBODY, Observer
from broker.provision import check_version, provision
from broker.records import CallFacts
from broker.registry import Registry
from broker.restarts import Restarts
from broker.room import Room
from broker.settings import BrokerSettings
from broker.statuses import Statuses
from broker.stored_calls import StoredCalls
from broker.subjects import LEG, STATUS, Subjects
from broker.tickets import Tickets
from broker.wishes import Wishes
from broker.writer import CallWriter

_log = structlog.get_logger()


class Broker:
    """
    This process's dealings with NATS.

    An async context manager that opens at once, also when NATS is away.

    Attributes:
        lost: How many times NATS went away.
    """

    def __init__(self, settings: BrokerSettings, *, observer: Observer = NOBODY) -> None:
        """
        Begin without NATS.

        Args:
            settings: What is set.
            observer: Told of each record that is published or read here.
        """
        self.settings = settings
        self.lost = 0
        self._observer = observer
        self.subjects = Subjects(settings.prefix, settings.shards)
        self.room = Room(self.subjects)
        self._claims = itertools.count(1)
        self.connection = Connection(settings, self, self._check)
        bucket = Bucket(self.connection, self.subjects)
        self.statuses = Statuses(bucket, self.subjects)
        self.stored_calls = StoredCalls(self.connection, self.subjects)
        self.legs = Legs(bucket, self.subjects, self.stored_calls, seconds=settings.retention)
        others = {STATUS: self.statuses.receive, LEG: self.legs.receive}
        self.registry = Registry(self.connection, self.subjects, settings, others)
        self.tickets = Tickets(bucket, self.subjects, settings.instance)
        self.restarts = Restarts(bucket, self.subjects)
        self.replicas = Replicas(self.connection, self.subjects, observer)
        self.moves = Moves(self.connection, self.subjects)
        self.wishes = Wishes(self.connection, self.subjects, settings.instance)
        self.janitor = Janitor(
            self.connection,
            self.subjects,
            self.registry,
            self.statuses,
            settings,
            next_epoch=self.next_epoch,
            observer=observer,
        )

    async def __aenter__(self) -> Self:
        await self.connection.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.connection.stop()
            await self.janitor.close()
            await self.replicas.close()
            await self.registry.close()
        finally:
            await self.connection.__aexit__()

    @property
    def client(self) -> Client:
        """The client of NATS; connected only after :meth:`wait_ready`."""
        return self.connection.client

    @property
    def js(self) -> JetStreamContext:
        """JetStream over the client."""
        return self.connection.js

    @property
    def problem(self) -> str | None:
        """What keeps the server from being as we need it, in words."""
        return self.connection.problem

    @property
    def ready(self) -> bool:
        """Whether NATS was reached and found in order once; stays true when it goes away."""
        return self.connection.ready

    @property
    def connected(self) -> bool:
        """Whether NATS is there now."""
        return self.connection.connected

    async def wait_ready(self) -> None:
        """Wait until NATS was reached and found in order."""
        await self.connection.wait_ready()

    async def flush(self, timeout: float = 2.0) -> None:
        """Return once what the server had sent us by now has come in; at the latest in time."""
        await self.connection.flush(timeout)

    def next_epoch(self) -> str:
        """Name a claim: unique, as the process's name is."""
        return f"{self.settings.instance}-{next(self._claims)}"

    def writer(self, call: CallFacts, epoch: str) -> CallWriter:
        """Return what writes one call, under a claim of that name."""
        return CallWriter(
            self.connection,
            self.subjects,
            self.registry,
            call,
            epoch,
            next_epoch=self.next_epoch,
            owner=self.settings.instance,
            observer=self._observer,
        )

    # What the connection tells

    def on_ready(self) -> None:
        """NATS is there for the first time: begin the work that goes on by itself."""
        self.registry.start()
        self.janitor.start()

    def on_lost(self) -> None:
        """NATS went away."""
        self.lost += 1
        self.replicas.on_lost()
        self.registry.on_lost()

    def on_back(self) -> None:
        """NATS is back."""
        self.replicas.on_back()
        self.registry.on_back()
        self.wishes.on_back()

    async def _check(self, client: Client) -> None:
        check_version(client)
        if changed := await provision(client, self.subjects, self.settings):
            _log.warning("brought up to date", changed=changed)
        await self.room.look(client)
