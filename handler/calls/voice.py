"""``POST /twilio/voice``: a number is called, and Twilio asks what to do."""

import asyncio
import logging
import re
from collections.abc import Iterable, Iterator

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from broker.identifiers import ACCOUNT_SID, CALL_SID
from handler.calls.live_calls import LiveCalls
from handler.calls.tickets import Tickets, stream_name
from handler.config import Settings
from handler.errors import WebhookRefused
from handler.forwarding import Forward
from handler.parameters import TICKET, fits
from handler.refusals import refusals
from handler.server.connection import ELSEWHERE_ON_FLY
from handler.twilio import places, twiml
from handler.twilio.accounts import Account
from handler.twilio.forms import Form
from handler.twilio.places import PROBE, RETRIES, STATUS
from handler.twilio.tickets import STREAM, Scope

IDEMPOTENCY = "i-twilio-idempotency-token"
# What a media stream is told of its call, and how a webhook names it.
TOLD = {
    "from": ("From", "Caller"),
    "to": ("To", "Called"),
    "direction": ("Direction",),
    "callerName": ("CallerName",),
}

_log = structlog.get_logger()


class VoiceWebhook:
    """Answers how a call goes on: its audio comes to us, and somebody is called."""

    def __init__(self, settings: Settings, calls: LiveCalls, tickets: Tickets) -> None:
        self._settings = settings
        self._calls = calls
        self._tickets = tickets

    async def answer(self, form: Form, account: Account, request: Request) -> Response:
        """
        Answer with TwiML; without room for the call, with an error upon which Twilio asks again.

        Raises:
            WebhookRefused: it does not say which call, or one that is over.
        """
        scope = Scope(
            STREAM,
            _one(form, "AccountSid", ACCOUNT_SID),
            _one(form, "CallSid", CALL_SID),
        )
        if (reason := self._no_room(scope.call_sid)) is not None:
            return self._elsewhere(reason)
        ticket, over = await asyncio.gather(
            self._tickets.issue(account, scope, request.headers.get(IDEMPOTENCY)),
            self._tickets.is_over(scope.call_sid, scope.account_sid),
        )
        if over:
            self._calls.promised.give_up(scope.call_sid)
            raise WebhookRefused(410, "the call is over", call_sid=scope.call_sid)
        probe = {"probe": True} if form.get(PROBE) == "1" else {}
        if not probe:
            self._tickets.note_use()
        forward = self._forward(form, scope.call_sid)
        _log.info("call answered", call_sid=scope.call_sid, ringing=len(forward.dial), **probe)
        answer = self._answer(form, request, forward, ticket)
        return Response(
            twiml.write(answer), media_type="text/xml", headers={"Cache-Control": "no-store"}
        )

    def _forward(self, form: Form, call_sid: str) -> Forward:
        called = _values(form, TOLD["to"])
        forward = self._settings.forward_to.of(called)
        kept = forward.without([*called, *_values(form, TOLD["from"])])
        if left_out := len(forward.dial) - len(kept.dial):
            _log.warning(
                "not rung: in the call already",
                call_sid=call_sid,
                left_out=left_out,
                advice="FORWARD_TO leads the number that is called, or who calls, to itself",
            )
        return kept

    def _no_room(self, call_sid: str) -> str | None:
        """Why a call cannot come in now, as its stream would be refused; else a place is kept."""
        if self._calls.draining:
            return "draining"
        return None if self._calls.promise(call_sid) else "full"

    def _elsewhere(self, reason: str) -> Response:
        refusals.note(
            "webhook refused",
            503,
            logging.WARNING,
            reason=reason,
            advice="Twilio asks again, which may lead to another container, if the number's voice "
            f"URL ends with {RETRIES}",
        )
        headers = {"Retry-After": "1", **(ELSEWHERE_ON_FLY if self._settings.on_fly else {})}
        return PlainTextResponse(f"no room here: {reason}; ask again\n", 503, headers)

    def _answer(self, form: Form, request: Request, forward: Forward, ticket: str) -> twiml.Answer:
        base = self._settings.public_url or f"http://{request.headers.get('host', '')}"
        sid = request.path_params.get("account_sid")
        return twiml.Answer(
            stream_url=places.stream_url(base, sid),
            stream_name=stream_name(ticket),
            status_url=places.webhook_setting(base, STATUS, sid),
            parameters=[(TICKET[0], ticket), *_told(form), *forward.parameters],
            notice=self._settings.notice if forward.notice is None else forward.notice,
            dial=forward.dial,
        )


def _one(form: Form, name: str, pattern: re.Pattern[str]) -> str:
    """Return a SID; of two that differ, none is the call's."""
    values = {value for field, value in form.fields if field == name}
    if len(values) == 1 and pattern.fullmatch(value := values.pop()):
        return value
    raise WebhookRefused(400, f"{name} must be there once, {pattern.pattern[:2]} and 32 hex digits")


def _values(form: Form, names: Iterable[str]) -> list[str]:
    return [value for name in names if (value := form.get(name)) is not None]


def _told(form: Form) -> Iterator[tuple[str, str]]:
    """Yield what the webhook says of the call; a value too long for Twilio says nothing."""
    for parameter, names in TOLD.items():
        for value in _values(form, names)[:1]:
            if fits(parameter, value):
                yield parameter, value
