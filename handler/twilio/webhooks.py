"""
Twilio's webhooks: who may knock, and what they bring.

``POST /twilio/voice`` asks what to do with a call, ``POST /twilio/status`` tells what became of it.
An account of its own is named by the path: ``/twilio/AC…/voice``.
"""

import logging
from collections.abc import Awaitable, Callable

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from broker.identifiers import ACCOUNT_SID
from handler.config import Settings
from handler.errors import WebhookRefused
from handler.refusals import refusals
from handler.twilio import forms, places, signature
from handler.twilio.accounts import Account, Accounts
from handler.twilio.forms import Form
from handler.twilio.places import SIGNATURE

FORM = "application/x-www-form-urlencoded"

FORBIDDEN = (
    "forbidden: webhooks must be signed by Twilio (X-Twilio-Signature); the log of the service "
    "says what was wrong"
)

# No secret to whoever asked, and the one thing that tells a proxy's fault from a wrong token.
NO_SIGNATURE = (
    "forbidden: no X-Twilio-Signature came: it is not from Twilio, or a proxy before the service "
    "cuts that header off; the log of the service says what was wrong"
)

Handle = Callable[[Form, Account, Request], Awaitable[Response]]


class _AccountSid(Convertor[str]):
    """A part of a path that names an account."""

    regex = ACCOUNT_SID.pattern

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("account_sid", _AccountSid())
OF_ACCOUNT = "{account_sid:account_sid}"


class Webhooks:
    """Lets signed forms of Twilio's in, and refuses others in words."""

    def __init__(self, settings: Settings, accounts: Accounts) -> None:
        self._settings = settings
        self._accounts = accounts

    def routes(self, name: str, handle: Handle) -> list[Route]:
        """Make the routes of one webhook: of the account that is ours, and of those by name."""

        async def endpoint(request: Request) -> Response:
            try:
                form, account = await self.receive(request)
                return await handle(form, account, request)
            except WebhookRefused as exc:
                refusals.note(
                    "webhook refused",
                    exc.status,
                    logging.WARNING,
                    path=request.url.path[:200],
                    reason=exc.reason,
                    **exc.facts,
                )
                return PlainTextResponse(f"{exc.words}\n", exc.status)

        paths = (places.path(None, name), places.path(OF_ACCOUNT, name))
        return [Route(path, endpoint, methods=["POST"]) for path in paths]

    async def receive(self, request: Request) -> tuple[Form, Account]:
        """
        Read a webhook, and find whose it is.

        Raises:
            WebhookRefused: it is not Twilio's, or cannot be read.
        """
        # Whose it is decides nothing before the signature does: no answer tells who is known here.
        if self._accounts.signed and SIGNATURE not in request.headers:
            raise WebhookRefused(
                403,
                "no X-Twilio-Signature, so it is not from Twilio",
                words=NO_SIGNATURE,
                advice="if it is, let the proxy before us pass that header on",
            )
        body = await _body(request)
        account = self._accounts.find(request.path_params.get("account_sid"))
        if account is None:
            raise WebhookRefused(403, "an account that is not ours", words=FORBIDDEN)
        try:
            form, defect = _form(request, body), None
        except ValueError as exc:
            form, defect = Form(()), str(exc)
        self._check_signature(request, form, account, defect)
        if defect is not None:
            raise WebhookRefused(400, defect)
        if not account.owns(given := form.get("AccountSid")):
            raise WebhookRefused(403, "of another account", words=FORBIDDEN, account_sid=given)
        return form, account

    def _check_signature(
        self, request: Request, form: Form, account: Account, defect: str | None
    ) -> None:
        if not account.auth_tokens:
            return  # --insecure
        given = request.headers.get(SIGNATURE, "")
        urls = signed_urls(self._settings.public_url, request, schemes=signature.WEBHOOK_SCHEMES)
        if signature.matching_url(given, urls, account.auth_tokens, form.fields) is None:
            raise WebhookRefused(
                403,
                "wrong X-Twilio-Signature",
                words=FORBIDDEN,
                tried=urls,
                auth_tokens=len(account.auth_tokens),
                unreadable=defect,
                advice="set PUBLIC_URL so that one of these is the webhook's URL in Twilio's "
                "console, and TWILIO_AUTH_TOKEN to the auth token of the account that owns the "
                "number",
            )


def signed_urls(
    public_url: str | None,
    connection: HTTPConnection,
    *,
    schemes: tuple[str, ...] = signature.STREAM_SCHEMES,
) -> list[str]:
    """Return the URLs that Twilio may have signed for what came to us."""
    host = connection.headers.get("host", "")
    path = connection.scope["raw_path"].decode("ascii", "replace")
    query = connection.scope["query_string"].decode("ascii", "replace")
    base = public_url or f"http://{host}"
    return signature.candidates(base, path, host, query=query, schemes=schemes)


async def _body(request: Request) -> bytes:
    """Read a body up to its bound, which another server than ours does not hold."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > forms.MAX_BODY:
            raise WebhookRefused(413, f"a body is at most {forms.MAX_BODY} bytes here")
    return body


def _form(request: Request, body: bytes) -> Form:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != FORM:
        raise ValueError(f"the body is {kind[:60] or 'of no type'!r}, and not {FORM}")
    return forms.read_form(body)
