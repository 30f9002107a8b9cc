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
from handler.twilio.accounts_file import Entry
from handler.twilio.places import WEBHOOKS
from handler.twilio.webhooks import Webhooks

TOKEN = "12345"
ACCOUNT, ANOTHER, NOBODYS = ("AC" + digit * 32 for digit in "123")
BASE = "https://calls.example.com"
FORM = {"AccountSid": ACCOUNT, "CallSid": "CA1", "CallerCity": "", "From": "+15550000001"}


@contextlib.asynccontextmanager
async def hooks(tokens=(TOKEN,), public_url=BASE, sid=ACCOUNT, named=None):
    """Serve one webhook; yields a client, and what came in."""
    came = []

    async def handle(form, account, request):
        came.append((form, account))
        return PlainTextResponse("taken\n")

    accounts = Accounts(Account(sid=sid, auth_tokens=tokens), named)
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
        (
            f"/twilio/{ANOTHER}/voice",
            FORM,
            {"X-Twilio-Signature": "x"},
            403,
            "an account that is not ours",
        ),
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
        headers = {"Content-Type": kind, **signed(f"{BASE}/twilio/voice", {})}
        answer = await client.post("/twilio/voice", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.text.strip()
    assert came == []


@pytest.mark.parametrize("headers", [{}, {"X-Twilio-Signature": "x"}])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (urlencode(FORM).encode(), webhooks.FORM),
        (b"{}", "application/json"),
        (b"From=%ff", webhooks.FORM),
        (b"a=" + b"b" * forms.MAX_BODY, webhooks.FORM),
    ],
)
async def test_without_a_good_signature_no_answer_tells_which_accounts_are_known(
    headers, body, kind
):
    async with hooks(named={ANOTHER: Entry(("x",))}) as (client, came):
        paths = [
            f"/twilio/{part}voice" for part in ("", f"{ACCOUNT}/", f"{ANOTHER}/", f"{NOBODYS}/")
        ]
        sent = {"Content-Type": kind, **headers}
        answers = [await client.post(path, content=body, headers=sent) for path in paths]
    assert came == []
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1


async def test_the_tokens_of_the_settings_open_nothing_of_an_account_that_the_file_names():
    async with hooks(sid=None, named={ANOTHER: Entry(("theirs",))}) as (client, came):
        for sid, status in ((ANOTHER, 403), (NOBODYS, 200), (ACCOUNT, 200)):
            form = {**FORM, "AccountSid": sid}
            headers = signed(f"{BASE}/twilio/voice", form)
            answer = await client.post("/twilio/voice", data=form, headers=headers)
            assert answer.status_code == status
    assert [form.get("AccountSid") for form, _ in came] == [NOBODYS, ACCOUNT]


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
