"""handler/front_door.py: who comes to a wrong door is told which one is right."""

from collections.abc import AsyncIterator

import httpx
import pytest
from structlog.testing import capture_logs
from support.sids import account_sid

from handler.app import create_app
from handler.config import Settings
from handler.front_door import MAX_FIELDS, MAX_TARGET, Advice, without_spare_slashes
from handler.roles import Role

OURS = "https://calls.example.com"
STREAM = '<Start><Stream url="wss://calls.example.com/twilio"/></Start>'
SIGNED = {"X-Twilio-Signature": "c2lnbmF0dXJl"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that has not begun: doors alone."""
    settings = Settings(public_url=OURS, allowed_origins=("https://crm.example.com",))
    transport = httpx.ASGITransport(app=create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.7:8080") as asking:
        yield asking


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "words"),
    [
        ("GET", "/twilio", {}, 426, "a proxy takes Upgrade away"),
        ("GET", "/twilio", SIGNED, 426, "proxy_set_header Upgrade $http_upgrade"),
        ("GET", "/twilio?CallSid=CA1", SIGNED, 426, STREAM),
        ("GET", f"/twilio/{account_sid(1)}", SIGNED, 426, "a proxy takes Upgrade away"),
        ("POST", f"/twilio/{account_sid(1)}", SIGNED, 405, "is no webhook. If this is a webhook"),
        ("GET", "/client", {}, 426, "a proxy takes Upgrade away"),
        ("POST", "/twilio", SIGNED, 405, "is no webhook. If this is a webhook of Twilio's: point"),
        ("POST", "/twilio", SIGNED, 405, STREAM),
        ("GET", "/twilio/voice", SIGNED, 405, "let it come by HTTP POST"),
        ("PUT", "/twilio/status/", SIGNED, 405, "let it come by HTTP POST"),
        ("POST", "/twilio/voices", SIGNED, 405, STREAM),
        ("POST", "/twilio/ACx/voice", SIGNED, 405, STREAM),
        ("POST", "/", {}, 405, STREAM),
        ("POST", "/calls", {}, 405, "only GET and HEAD here"),
        ("DELETE", "/calls/CA1/transcript.txt", {}, 405, "only GET and HEAD here"),
        ("OPTIONS", "/calls", {}, 405, "only GET and HEAD here"),
        ("GET", "/media", SIGNED, 404, f"/twilio, in TwiML {STREAM}"),
        ("GET", "/", SIGNED, 404, f"/twilio, in TwiML {STREAM}"),
        ("GET", "/nothing", {}, 404, "/calls/CA…/transcript.txt"),
        ("GET", "/%00", {}, 404, "nothing here"),
        ("GET", "/" + "a" * 5000, {}, 404, "nothing here"),
        ("GET", "/../../etc/passwd", {}, 404, "nothing here"),
        ("GET", "/healthz", {"Host": "["}, 400, "Host header"),
        ("GET", "/healthz", {"Host": "a]b"}, 400, "Host header"),
        ("GET", "/healthz", {"Host": "a" * 8000}, 400, "Host header"),
        ("GET", "/calls?a=" + "b" * MAX_TARGET, {}, 414, "longer than"),
        ("GET", "/calls?" + "&" * MAX_FIELDS, {}, 414, "longer than"),
        ("GET", "/" + "a" * MAX_TARGET, {}, 414, "longer than"),
    ],
)
async def test_a_wrong_door_says_which_one_is_right_and_the_log_has_a_line(
    client, method, path, headers, status, words
):
    with capture_logs() as lines:
        answer = await client.request(method, path, headers=headers)
    assert answer.status_code == status
    assert words in answer.text
    (line,) = lines
    assert (line["status"], line["method"]) == (status, method)
    assert line["advice"] + "\n" == answer.text
    assert line["log_level"] == ("warning" if headers is SIGNED or "twilio" in path else "info")
    assert len(str(line)) < 2000


async def test_two_host_headers_are_one_too_many(client):
    answer = await client.get("/healthz", headers=[("Host", "a"), ("Host", "b")])
    assert (answer.status_code, answer.text) == (400, "more than one Host header.\n")


@pytest.mark.parametrize("path", ["healthz", "healthz/", "/healthz", "healthz//"])
async def test_a_slash_too_many_changes_nothing(client, path):
    assert (await client.get(f"http://10.0.0.7:8080/{path}")).text == "ok\n"


async def test_what_is_at_a_right_door_is_not_logged(client):
    with capture_logs() as lines:
        for path in ("/", "/healthz", "/main.js", "//"):
            assert (await client.get(path)).status_code == 200
    assert lines == []


@pytest.mark.parametrize("status", [426, 405])
async def test_an_answer_has_the_headers_that_go_with_its_status(client, status):
    answer = await client.request("GET" if status == 426 else "POST", "/twilio")
    wanted = {426: {"upgrade": "websocket"}, 405: {"allow": "GET, HEAD", "connection": "close"}}
    assert wanted[status].items() <= dict(answer.headers).items()


HARMLESS = [
    "authorization",
    "Last-Event-ID",
    "cache-control,x-requested-with",
    "accept, accept-language, content-language, content-type, range",
    "if-none-match",
    "pragma,x-client-version",
    "traceparent,baggage,sentry-trace",
]


@pytest.mark.parametrize("asked", HARMLESS)
async def test_a_browser_may_send_headers_that_nobody_reads(client, asked):
    origin = "https://crm.example.com"
    answer = await client.options(
        "/calls/CA1/events",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": asked,
            "Access-Control-Request-Private-Network": "true",
        },
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-headers"] == asked
    assert answer.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize(
    ("origin", "method"),
    [
        ("https://evil.example", "GET"),
        ("null", "GET"),
        ("https://crm.example.com", "PUT"),
    ],
)
async def test_a_preflight_that_is_refused_says_why(client, origin, method):
    with capture_logs() as lines:
        answer = await client.options(
            "/calls", headers={"Origin": origin, "Access-Control-Request-Method": method}
        )
    assert (answer.status_code, "ALLOWED_ORIGINS" in answer.text) == (400, True)
    assert "access-control-allow-origin" not in answer.headers
    assert [(line["event"], line["origin"]) for line in lines] == [("preflight refused", origin)]


@pytest.mark.parametrize(
    "origin", ["https://crm.example.com", "https://CRM.example.com:443", OURS, f"{OURS}:443"]
)
async def test_an_origin_is_compared_and_not_its_spelling(client, origin):
    answer = await client.get("/healthz", headers={"Origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin


def test_advice_names_the_address_that_is_set():
    assert Advice(None).stream == '<Start><Stream url="wss://HOST/twilio"/></Start>'
    assert 'url="ws://h:80/calls/twilio"' in Advice("http://u:p@h:80/calls/").stream
    assert 'url="wss://h/twilio"' in Advice("wss://h").stream


@pytest.mark.parametrize(
    ("path", "plain"),
    [("/", "/"), ("//", "/"), ("/a/", "/a"), ("//a//b//", "/a//b"), ("", "/"), ("/a/b", "/a/b")],
)
def test_a_path_has_one_form(path, plain):
    assert without_spare_slashes(path) == plain


@pytest.mark.parametrize(
    ("role", "method", "path"),
    [
        (Role.MEDIA, "GET", "/client"),
        (Role.MEDIA, "GET", "/calls"),
        (Role.MEDIA, "OPTIONS", "/calls"),
        (Role.MEDIA, "GET", "/calls/CA1/events/"),
        (Role.MEDIA, "GET", "/calls/CA1/transcript.txt"),
        (Role.MEDIA, "GET", "/"),
        (Role.MEDIA, "GET", "/nothing"),
        (Role.SUBSCRIBERS, "GET", "/twilio"),
        (Role.SUBSCRIBERS, "POST", "/twilio/voice"),
        (Role.SUBSCRIBERS, "POST", f"/twilio/{account_sid(1)}/status/"),
    ],
)
async def test_what_another_container_does_is_refused_here_and_said_where(role, method, path):
    app = create_app(Settings(public_url=OURS, roles=frozenset({role})))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.7") as asking:
        with capture_logs() as lines:
            answer = await asking.request(method, path, headers=SIGNED)
    assert answer.status_code == 421
    assert f"this container has ROLES={role.value}: let the proxy" in answer.text
    assert [line["status"] for line in lines] == [421]
