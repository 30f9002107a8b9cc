"""Webhooks are asked as Twilio asks them: what is signed, when it gives up, when it asks again."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.responses import Response
from support.twilio_sdk import CALLED, CALLER
from support.twiml_server import TwimlServer, twiml_server
from twilio.request_validator import RequestValidator

from rehearsal.errors import WebhookFailed
from rehearsal.twilio.account import Account
from rehearsal.twilio.reach import Reach
from rehearsal.twilio.stand_in import TwilioStandIn
from rehearsal.twilio.webhooks import Webhooks

TOKEN = "12345"
FORM = {"CallSid": "CA1", "FromCity": ""}


@pytest.fixture
async def webhooks() -> AsyncIterator[Webhooks]:
    async with Webhooks() as client:
        yield client


@pytest.fixture
async def server() -> AsyncIterator[TwimlServer]:
    async with twiml_server(TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """Make a certificate for this machine that nobody trusts, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", paths[1], "-out", paths[0], "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "1"),
        ],
        check=True,
        capture_output=True,
    )
    return paths


@contextlib.asynccontextmanager
async def speaking(words: bytes | None) -> AsyncIterator[int]:
    """Listen on a port, say something that is no HTTP or nothing, and wait for the peer's end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
            if words is not None:
                writer.write(words)
                writer.close()
            while await reader.read(1000):
                pass
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]


async def failure(webhooks: Webhooks, url: str) -> tuple[int, int]:
    """Return Twilio's code of why there is no answer, and how often was asked."""
    with pytest.raises(WebhookFailed) as caught:
        await webhooks.ask(url, "POST", FORM, TOKEN)
    return caught.value.code, len(webhooks.seen)


async def test_a_get_is_signed_with_its_query(webhooks, server):
    answer = await webhooks.ask(f"{server.url}/voice?a=1", "GET", FORM, TOKEN)
    [asked] = server.asked
    assert (asked.method, asked.signed) == ("GET", True)
    assert asked.form == {"a": "1", **FORM}
    assert answer.url == f"{server.url}/voice?a=1"


async def test_the_headers_are_twilio_s(webhooks, server):
    await webhooks.ask(f"{server.url}/voice", "POST", FORM, TOKEN)
    headers = server.asked[0].headers
    assert headers["user-agent"] == "TwilioProxy/1.1"
    assert headers["content-type"] == "application/x-www-form-urlencoded; charset=UTF-8"
    assert headers["x-twilio-signature"] == RequestValidator(TOKEN).compute_signature(
        f"{server.url}/voice", FORM
    )


async def test_what_refuses_connections_is_asked_twice(webhooks):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert await failure(webhooks, f"http://127.0.0.1:{port}/#ct=100") == (11205, 2)


@pytest.mark.parametrize(
    ("fragment", "attempts"),
    [("", 1), ("#rc=2", 1), ("#rc=2&rp=4xx", 3), ("#rc=2&rp=5xx,rt", 1), ("#rc=0&rp=all", 1)],
)
async def test_a_refusal_is_asked_again_where_the_url_says_so(webhooks, server, fragment, attempts):
    server.answers["/voice"] = lambda _: Response(status_code=429)
    url = f"{server.url}/voice{fragment}"
    assert await failure(webhooks, url) == (11200, attempts)
    assert {seen.url for seen in webhooks.seen} == {f"{server.url}/voice"}


async def test_what_does_not_answer_is_given_up_in_time(webhooks):
    async with speaking(None) as port:
        assert await failure(webhooks, f"http://127.0.0.1:{port}/#rt=100&rp=rt") == (11200, 2)


async def test_what_speaks_no_http_is_told_as_that(webhooks):
    async with speaking(b"220 mail.example.com ESMTP\r\n") as port:
        assert await failure(webhooks, f"http://127.0.0.1:{port}/") == (11206, 1)


async def test_what_speaks_no_tls_is_told_as_that(webhooks):
    async with speaking(b"220 mail.example.com ESMTP\r\n") as port:
        assert await failure(webhooks, f"https://127.0.0.1:{port}/#rc=0") == (11220, 1)


async def test_a_name_that_there_is_not_is_told_as_that(webhooks):
    assert await failure(webhooks, "https://nowhere.invalid/voice#rc=0") == (11210, 1)


@pytest.mark.parametrize("url", ["http://calls.example.com/", "ftp://127.0.0.1/", "/voice", ""])
async def test_what_is_no_url_of_a_webhook_is_never_asked(webhooks, url):
    assert await failure(webhooks, url) == (11100, 0)


async def test_a_certificate_has_to_be_trusted(webhooks, certificate):
    async with twiml_server(TOKEN, certificate) as server:
        assert await failure(webhooks, f"{server.url}/voice#rc=0") == (11237, 1)


async def test_calls_come_in_over_tls(certificate):
    trust = ssl.create_default_context(cafile=certificate[0])
    account = Account(auth_token=TOKEN)
    async with (
        twiml_server(TOKEN, certificate) as server,
        TwilioStandIn(account, trust=trust) as twilio,
    ):
        server.answers["/voice"] = lambda _: (
            f'<Response><Start><Stream url="{server.stream_url}"/></Start>'
            f'<Pause length="3600"/></Response>'
        )
        account.add_number(CALLED, voice_url=f"{server.url}/voice")
        call = twilio.call(CALLED, CALLER)
        await server.told("/voice", 1)
        assert server.stream_url.startswith("wss://")
        await server.begun(1)
        call.hang_up()
        await call.over.wait()
    assert not account.alerts


async def test_a_public_name_is_signed_and_told_though_it_leads_here(server):
    account = Account(auth_token=TOKEN)
    account.behaviour = replace(account.behaviour, keep_frames=False)
    reach = Reach({"https://calls.example.com": server.url})
    public = f"wss://calls.example.com{server.stream_url.partition(str(server.port))[2]}"
    server.answers["/voice"] = lambda _: (
        f'<Response><Start><Stream url="{public}"/></Start><Pause length="3600"/></Response>'
    )
    async with TwilioStandIn(account, reach=reach) as twilio:
        account.add_number(CALLED, voice_url="https://calls.example.com/voice")
        twilio.call(CALLED, CALLER)
        await server.begun(1)
    [asked] = server.asked
    validator = RequestValidator(TOKEN)
    signature = asked.headers["x-twilio-signature"]
    assert validator.validate("https://calls.example.com/voice", asked.form, signature)
    assert asked.headers["host"] == "calls.example.com"
    [handshake] = server.handshakes
    assert handshake["host"] == "calls.example.com"
    assert validator.validate(public, {}, handshake["x-twilio-signature"])
