"""Where the owner of a call that moves and its successor talk: one asks, the other answers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import nats.errors
import structlog
from nats.aio.msg import Msg

from broker.connection import Connection
from broker.errors import OwnerSilent
from broker.subjects import Subjects

# An owner that lives answers within a round trip.
ANSWER_SECONDS = 1.0
AWAY = "NATS is away"
FORBIDDEN = (
    "not even to ourselves: let the service's user of NATS publish to, and subscribe to, moves.>, "
    "as broker/server/users.conf has it"
)

_log = structlog.get_logger()


class Moves:
    """
    Questions about calls that move, and their answers; no audio and no words among them.

    They go by core NATS, on a subject that only the service may use. What is lost is asked again.
    """

    def __init__(self, connection: Connection, subjects: Subjects) -> None:
        self._connection = connection
        self._subjects = subjects

    @property
    def reachable(self) -> bool:
        """Whether NATS is there."""
        return self._connection.connected

    @asynccontextmanager
    async def answering(
        self, call_sid: str, answer: Callable[[bytes], bytes]
    ) -> AsyncIterator[None]:
        """
        Answer what a successor of a call asks.

        Args:
            call_sid: The call that moves.
            answer: Returns the answer to a question; never waits. What it raises is a defect.

        Raises:
            OwnerSilent: NATS is away, or its user may not do that: no successor would be heard.
        """

        async def receive(message: Msg) -> None:
            try:
                await message.respond(answer(message.data) if message.data else b"")
            except (nats.errors.Error, OSError):
                pass  # it will be asked again
            except Exception:  # noqa: BLE001  it would end the client's reading
                _log.exception("defect: no answer to a successor", call_sid=call_sid)

        async with self._subscribed(self._subjects.move(call_sid), receive):
            await self._check(call_sid)
            yield

    @asynccontextmanager
    async def _subscribed(
        self, subject: str, receive: Callable[[Msg], Awaitable[None]]
    ) -> AsyncIterator[None]:
        try:
            subscription = await self._connection.client.subscribe(subject, cb=receive)
        except (nats.errors.Error, OSError) as exc:
            raise OwnerSilent(subject.rpartition(".")[2], AWAY) from exc
        try:
            yield
        finally:
            with suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()

    async def _check(self, call_sid: str) -> None:
        """Ask ourselves: a user without the rights is told nothing, and hears nothing."""
        if not self.reachable:
            raise OwnerSilent(call_sid, AWAY)
        try:
            await self.ask(call_sid, b"")
        except OwnerSilent as exc:
            raise OwnerSilent(call_sid, FORBIDDEN if self.reachable else AWAY) from exc

    async def ask(self, call_sid: str, question: bytes) -> bytes:
        """
        Ask the owner of a call that moves.

        Raises:
            OwnerSilent: nobody answers.
        """
        subject = self._subjects.move(call_sid)
        try:
            client = self._connection.client
            return (await client.request(subject, question, timeout=ANSWER_SECONDS)).data
        except (nats.errors.Error, TimeoutError, OSError) as exc:
            raise OwnerSilent(call_sid, str(exc) or type(exc).__name__) from exc
