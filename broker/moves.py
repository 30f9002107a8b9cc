"""Where the owner of a call that moves and its successor talk: one asks, the other answers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import nats.errors
import structlog
from nats.aio.msg import Msg

from broker.connection import Connection
from broker.errors import OwnerSilent
from broker.subjects import Subjects

# An owner that lives answers within a round trip.
ANSWER_SECONDS = 1.0

_log = structlog.get_logger()


class Moves:
    """
    Questions about calls that move, and their answers; no audio and no words among them.

    They go by core NATS, on a subject that only the service may use. What is lost is asked again.
    """

    def __init__(self, connection: Connection, subjects: Subjects) -> None:
        self._connection = connection
        self._subjects = subjects

    @asynccontextmanager
    async def answering(
        self, call_sid: str, answer: Callable[[bytes], bytes]
    ) -> AsyncIterator[None]:
        """
        Answer what a successor of a call asks.

        Args:
            call_sid: The call that moves.
            answer: Returns the answer to a question; never waits. What it raises is a defect.
        """

        async def receive(message: Msg) -> None:
            try:
                await message.respond(answer(message.data))
            except (nats.errors.Error, OSError):
                pass  # it will be asked again
            except Exception:  # noqa: BLE001  it would end the client's reading
                _log.exception("defect: no answer to a successor", call_sid=call_sid)

        client = self._connection.client
        subscription = await client.subscribe(self._subjects.move(call_sid), cb=receive)
        try:
            await self._connection.flush()
            yield
        finally:
            with suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()

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
