"""handler/twilio/webhooks.py: only Twilio's forms get in."""

import contextlib
from urllib.parse import urlencode

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from structlog.testing import capture_logs
from support.served import serving
from twilio.request_validator import RequestValidator

from handler.config import Settings
from handler.server.bodies import Bodies
from handler.twilio import forms, webhooks
from handler.twilio.accounts import Account, Accounts
from handler.twilio.places import WEBHOOKS
from handler.twilio.webhooks import Webhooks

TOKEN = "12345"
ACCOUNT, ANOTHER = "AC" + "1" * 32, "AC" + "2" * 32
BASE = "https://calls.example.com"
FORM = {"AccountSid": ACCOUNT, "CallSid": "CA1", "CallerCity": "", "From": "+15550000001"}


@contextlib.asynccontextmanager
async def hooks(tokens=(TOKEN,), public_url=BASE):
    """Serve one webhook; yields a client, and what came in."""
    came = []

    async def handle(form, account, request):
        came.append((form, account))
        return PlainTextResponse("taken\n")

    accounts = Accounts(Account(sid=ACCOUNT, auth_tokens=tokens))
    app = Starlette(
        routes=Webhooks(Settings(public_url=public_url), accounts).routes("voice", handle)
    )
    async with (
        serving(app, bodies=Bodies(WEBHOOKS, forms.MAX_BODY)) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        yield client, came


def signed(url: str, form: dict[str, str], token: str = TOKEN) -> dict[str, str]:
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, form)}


@pytest.mark.parametrize("path", ["/twilio/voice", f"/twilio/{ACCOUNT}/voice"])
@pytest.mark.parametrize("query", ["", "?a=1&b=%20x"])
async def test_a_signed_form_is_taken_by_either_path(path, query):
    async with hooks() as (client, came):
        target = f"{path}{query}"
        answer = await client.post(target, data=FORM, headers=signed(f"{BASE}{target}", FORM))
    assert (answer.status_code, answer.text) == (200, "taken\n")
    ((form, account),) = came
    assert dict(form.fields) == FORM
    assert account.sid == ACCOUNT


@pytest.mark.parametrize(
    ("path", "form", "headers", "status", "reason"),
    [
        ("/twilio/voice", FORM, {}, 403, "no X-Twilio-Signature"),
        ("/twilio/voice", FORM, {"X-Twilio-Signature": "x"}, 403, "wrong X-Twilio-Signature"),
        (
            "/twilio/voice",
            {**FORM, "From": "+15550000002"},
            signed(f"{BASE}/twilio/voice", FORM),
            403,
            "wrong X-Twilio-Signature",
        ),
        (
            "/twilio/voice",
            FORM,
            signed("https://other.example.com/twilio/voice", FORM),
            403,
            "wrong X-Twilio-Signature",
        ),
        (f"/twilio/{ANOTHER}/voice", FORM, {}, 403, "an account that is not ours"),
        (
            "/twilio/voice",
            {**FORM, "AccountSid": ANOTHER},
            signed(f"{BASE}/twilio/voice", {**FORM, "AccountSid": ANOTHER}),
            403,
            "of another account",
        ),
    ],
    ids=str,
)
async def test_what_twilio_has_not_signed_is_refused_and_the_log_says_why(
    path, form, headers, status, reason
):
    with capture_logs() as lines:
        async with hooks() as (client, came):
            answer = await client.post(path, data=form, headers=headers)
    assert answer.status_code == status
    assert "the log of the service says what was wrong" in answer.text
    assert came == []
    (line,) = [line for line in lines if line["event"] == "webhook refused"]
    assert line["reason"].startswith(reason)
    assert TOKEN not in str(line)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 400),
        (b"From=%ff", webhooks.FORM, 400),
        (b"a=" + b"b" * forms.MAX_BODY, webhooks.FORM, 413),
    ],
)
async def test_what_is_no_form_is_refused_in_words(body, kind, status):
    async with hooks() as (client, came):
        answer = await client.post("/twilio/voice", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.text.strip()
    assert came == []


async def test_a_bound_holds_under_any_server():
    """ASGI alone bounds no body."""

    async def handle(form, account, request):
        raise AssertionError

    app = Starlette(routes=Webhooks(Settings(), Accounts(Account())).routes("voice", handle))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://calls.example.com"
    ) as client:
        answer = await client.post(
            "/twilio/voice",
            content=urlencode({"a": "b" * forms.MAX_BODY}).encode(),
            headers={"Content-Type": webhooks.FORM},
        )
    assert answer.status_code == 413


async def test_nothing_is_signed_where_no_token_is():
    async with hooks(tokens=(), public_url=None) as (client, came):
        answer = await client.post("/twilio/voice", data=FORM)
    assert answer.status_code == 200
    assert len(came) == 1
