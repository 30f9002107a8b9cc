"""An operator's wish that a live call be elsewhere: asked of the process that has the call."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
import nats.errors
import structlog
from nats.aio.msg import Msg

from broker import supervise
from broker.connection import Connection
from broker.errors import BadName
from broker.identifiers import check_call_sid
from broker.subjects import Subjects

# A move that is not over by then has failed.
GRANT_SECONDS = 40.0
# Wishes at once; who asks for more is told to come again.
MAX_WISHES = 100

_log = structlog.get_logger()


class Wish(msgspec.Struct, frozen=True, rename="camel"):
    """
    What is asked.

    Attributes:
        call_sid: The call that is to move.
    """

    call_sid: str


class Wished(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What became of it.

    Attributes:
        problem: Why the call stays, in words; empty: it went.
        kind: The same in one word.
    """

    problem: str = ""
    kind: str = ""


Grant = Callable[[Wish], Awaitable[Wished]]


class Wishes:
    """The wishes that come to this process, under its own name."""

    def __init__(self, connection: Connection, subjects: Subjects, instance: str) -> None:
        self._connection = connection
        self._subject = subjects.wishes(instance)
        self._back = asyncio.Event()
        self._granting: set[asyncio.Task[None]] = set()

    def on_back(self) -> None:
        """NATS is back, maybe with another client."""
        self._back.set()

    async def serve(self, grant: Grant) -> None:
        """
        Grant wishes, until cancelled.

        Args:
            grant: Fulfils one; what it raises is a defect.
        """

        async def receive(message: Msg) -> None:
            await self._receive(message, grant)

        await self._connection.wait_ready()
        try:
            while True:
                client = self._connection.client
                self._back.clear()
                with suppress(nats.errors.Error, OSError):
                    await client.subscribe(self._subject, cb=receive)
                while client is self._connection.client:  # which subscribes again by itself
                    await self._back.wait()
                    self._back.clear()
        finally:
            await supervise.end(*self._granting)

    async def _receive(self, message: Msg, grant: Grant) -> None:
        try:
            wish = msgspec.json.decode(message.data, type=Wish)
            check_call_sid(wish.call_sid)
        except (msgspec.MsgspecError, BadName) as exc:
            await _respond(message, Wished(str(exc)[:200], "unreadable"))
            return
        if len(self._granting) >= MAX_WISHES:
            await _respond(message, Wished("too many calls are asked to move at once", "busy"))
            return
        granting = supervise.start(self._grant(message, wish, grant), f"{wish.call_sid} wish")
        self._granting.add(granting)
        granting.add_done_callback(self._granting.discard)

    async def _grant(self, message: Msg, wish: Wish, grant: Grant) -> None:
        _log.info("call is to move: somebody asks for it", call_sid=wish.call_sid)
        try:
            async with asyncio.timeout(GRANT_SECONDS):
                wished = await grant(wish)
        except TimeoutError:
            wished = Wished(f"it has not moved within {GRANT_SECONDS:g} s", "late")
        await _respond(message, wished)


async def _respond(message: Msg, wished: Wished) -> None:
    with suppress(nats.errors.Error, OSError):
        await message.respond(msgspec.json.encode(wished))
