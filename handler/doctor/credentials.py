"""Are signatures and tokens that are made with the settings here taken by the service there?"""

import secrets
import time

from handler import addresses
from handler.config import Settings
from handler.doctor.accounts import Tried
from handler.errors import TicketRefused
from handler.findings import Findings
from handler.probe import answers, doors, twiml
from handler.probe.doors import Doors
from handler.probe.sockets import Unopened, opened
from handler.probe.web import Answer, Unanswered, Web
from handler.tokens import tokens
from handler.twilio import tickets

TOKEN_SECONDS = 60
SET_PUBLIC_URL = "let PUBLIC_URL be the same here and for the service"


class Credentials:
    """What opens the service's doors: a signature to Twilio, a token to a reader."""

    names = ("signature.webhook", "signature.stream", "tokens")

    def __init__(self, settings: Settings, tried: Tried, doors: Doors, token: str) -> None:
        self._settings = settings
        self._tried = tried
        self._doors = doors
        self._token = token
        self._stripped = False  # a proxy cuts signatures off, as the webhook has said

    async def look(self, asking: Web, findings: Findings) -> None:
        """Come to each door with what opens it, and with what must not."""
        await self._webhook(asking, findings)
        await self._stream(findings)
        if self._doors.auth_token and not findings.holds("signature.webhook"):
            # It may be another's, who is to learn no token.
            findings.skipped("tokens", "signature.webhook failed: is it this very service?")
        else:
            await self._tokens(asking, findings)

    async def _webhook(self, asking: Web, findings: Findings) -> None:
        """A signed form is let in, and one whose signature is wrong is not."""
        name = "signature.webhook"
        call_sid = f"CA{secrets.token_hex(16)}"
        if not self._doors.auth_token:
            findings.skipped(name, self._unsigned)
            return
        try:
            wrong = await self._doors.ask_webhook(asking, call_sid, wrongly=True)
            right = await self._doors.ask_webhook(asking, call_sid)
        except Unanswered as exc:
            findings.failed(name, str(exc), "the service's log says more")
            return
        self._stripped = answers.is_unsigned(right.status, right.text)
        if wrong.status != 403:
            findings.failed(name, *_too_open("webhook", wrong.status))
            return
        if right.status not in (200, 501):
            findings.failed(name, *answers.of_status(right.status, right.text))
            return
        self._judge_webhook(findings, right, call_sid)

    def _judge_webhook(self, findings: Findings, answer: Answer, call_sid: str) -> None:
        """Its ticket can be made by none who has not the auth token: so it is this very service."""
        name = "signature.webhook"
        if answer.status != 200:
            findings.ok(name, "a right signature is taken, a wrong one refused")
            return
        try:
            stream = twiml.read(answer.text)
        except ValueError as exc:
            findings.failed(name, f"what it answers is no use to Twilio: {exc}", "see its log")
            return
        if not self._doors.is_stream_url(stream.url):
            where = addresses.shown(stream.url)
            findings.failed(name, f"the TwiML leads to {where}", f"{SET_PUBLIC_URL}.")
            return
        scope = tickets.Scope(tickets.STREAM, self._doors.account_sid, call_sid)
        try:
            tickets.check(
                stream.ticket or "", self._tried.account.auth_tokens, [scope], time.time()
            )
        except TicketRefused as exc:
            findings.failed(
                name,
                f"the ticket that it answers with is no good here: {exc}",
                "let TWILIO_AUTH_TOKEN be the same here and for the service, and both clocks right",
            )
            return
        findings.ok(name, "answered with a ticket of this very service; a wrong one refused")

    async def _stream(self, findings: Findings) -> None:
        """A signed handshake is let in, and one whose signature is wrong is not."""
        name = "signature.stream"
        if not self._doors.auth_token:
            findings.skipped(name, self._unsigned)
            return
        url = self._doors.stream_url
        try:
            async with opened(url, self._doors.signed(url, wrongly=True)):
                findings.failed(name, *_too_open("media stream", 101))
                return
        except Unopened as exc:
            if exc.status != 403:
                findings.failed(name, *exc.fault)
                return
        try:
            async with opened(url, self._doors.signed(url)):
                findings.ok(name, "a right handshake is taken, a wrong one refused")
        except Unopened as exc:
            said, advice = exc.fault
            findings.failed(name, said, answers.STRIPPED if self._stripped else advice)

    @property
    def _unsigned(self) -> str:
        open_to = "" if self._tried.signed else ": anybody may send audio"
        return f"no auth token to sign with{open_to}"

    async def _tokens(self, asking: Web, findings: Findings) -> None:
        name = "tokens"
        token = self._minted() or self._token
        if not token:
            findings.skipped(name, "no TOKEN_SECRET to make one with: give one in PARTYLINE_TOKEN")
            return
        try:
            answer = await asking.get(f"{self._doors.base}/calls", doors.bearer(token))
        except Unanswered as exc:
            findings.failed(name, str(exc), "the service's log says more")
            return
        if answer.status == 200:
            findings.ok(name, "one that is made here opens the list of calls there")
        else:
            findings.failed(name, *answers.of_subscriber(answer.status, answer.text))

    def _minted(self) -> str:
        """Make a token, if there is a secret to make it with; in a rotation the new one signs."""
        secret = next((k.key for k in self._settings.token_keys if k.algorithm == "HS256"), None)
        if secret is None:
            return ""
        return tokens.mint(
            secret,
            expires=time.time() + TOKEN_SECONDS,
            calls=["*"],
            subject="partyline doctor",
            audience=self._settings.token_audience,
        )


def _too_open(what: str, status: int) -> answers.Fault:
    return answers.Fault(
        f"a {what} with a wrong signature is not refused ({status})",
        "start the service with TWILIO_AUTH_TOKEN and without --insecure; or it is something else "
        "that answers",
    )
