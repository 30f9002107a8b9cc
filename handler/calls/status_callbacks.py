"""``POST /twilio/status``: what became of a call, of one of its legs, or of a media stream."""

import logging
from collections import Counter
from collections.abc import Callable

from starlette.responses import PlainTextResponse, Response

from broker.broker import Broker
from broker.entries import Leg
from broker.errors import NotWritten
from handler.calls.outcome import final_status
from handler.errors import TwilioProtocolError
from handler.refusals import refusals
from handler.twilio.accounts import Account
from handler.twilio.callbacks import (
    KINDS,
    OTHER,
    CallCallback,
    StreamCallback,
    read_callback,
)
from handler.twilio.forms import Form
from handler.twilio.stream_errors import PROBLEMS, explain

# So many are written to NATS at a time: some thousand a second while it is well.
MAX_WRITING = 200
# Twilio asks again where the webhook's address says so, as ours do (places.RETRIES).
RETRY = {"retry-after": "1"}

UNEXPLAINED = "not one of the errors that Twilio documents for media streams"


class StatusCallbacks:
    """
    Takes status callbacks: in any order, again and again, of calls that nobody here knows.

    Attributes:
        counts: How many came, by kind: all of ``KINDS``.
        note_stream: Told of each callback of a media stream.
        stream_errors: Twilio's errors of media streams, by code; ``other`` is what has none.
    """

    def __init__(self, broker: Broker) -> None:
        self.counts = Counter(dict.fromkeys(KINDS, 0))
        self.note_stream: Callable[[StreamCallback], None] = lambda _: None
        self.stream_errors = Counter(dict.fromkeys((*map(str, PROBLEMS), OTHER), 0))
        self._broker = broker
        self._writing = 0

    async def serve(self, form: Form, _: Account) -> Response:
        """Take one callback, which is signed by the account that it names."""
        try:
            callback = read_callback(form)
        except TwilioProtocolError as exc:
            self.counts[exc.kind] += 1
            refusals.note("status callback refused", 400, logging.WARNING, reason=exc.detail)
            return PlainTextResponse(f"{exc.detail}\n", 400)
        self.counts[callback.kind] += 1
        try:
            match callback:
                case StreamCallback():
                    self._take_stream(callback)
                case CallCallback():
                    await self._take_call(callback)
        except NotWritten as exc:
            names = {"call_sid": callback.call_sid, "kind": callback.kind}
            refusals.note(
                "status callback not kept", 503, logging.WARNING, reason=str(exc), **names
            )
            return PlainTextResponse("it cannot be kept now: try again\n", 503, RETRY)
        return Response(status_code=204)

    def _take_stream(self, callback: StreamCallback) -> None:
        """Pass it on, and say in the log why a media stream failed."""
        self.note_stream(callback)
        if callback.event != "stream-error":
            return
        problem = explain(callback.error)
        code = OTHER if problem is None else str(problem.code)
        self.stream_errors[code] += 1
        refusals.note(
            "twilio: media stream in trouble",
            None if problem is None else problem.code,
            logging.WARNING,
            call_sid=callback.call_sid,
            stream_sid=callback.stream_sid,
            error=callback.error,
            name=None if problem is None else problem.name,
            cause=UNEXPLAINED if problem is None else problem.cause,
            advice=None if problem is None else problem.advice,
            goes_on=problem is not None and problem.warning,
        )

    async def _take_call(self, callback: CallCallback) -> None:
        """
        Tell who it concerns: those who look for a leg, and the owner of a call that is over.

        Raises:
            NotWritten: they cannot be told now.
        """
        if callback.parent_call_sid is None and not callback.is_final:
            return
        if self._writing >= MAX_WRITING:
            raise NotWritten(f"{MAX_WRITING} others wait for NATS")
        account_sid, call_sid = callback.account_sid, callback.call_sid
        self._writing += 1
        try:
            if callback.is_final:
                status = final_status(account_sid, call_sid, callback.status, callback.at)
                await self._broker.statuses.put(status)
            if callback.parent_call_sid is not None:
                await self._broker.legs.put(Leg(account_sid, call_sid, callback.parent_call_sid))
        finally:
            self._writing -= 1
